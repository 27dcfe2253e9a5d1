/**
 * Owns the course of a failover: begun by a death, a suspicion or the operator; replicas parked; one chosen; cancelled
 * when the master is heard again. Level-based: nothing of it is stored before the commit of the next reign.
 * Not: the pause of a planned one (handover.ts), nor the promotion itself (promotion.ts).
 * Source of the rules: docs/internals/fencing.md, rules 6, 8 and 9.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FailoverInProgress, InstanceCell } from "../control/cell.js";
import type { ReviewHost } from "../control/review-host.js";
import { controlLimits } from "../control/settings.js";
import { masterOf, processOf } from "../control/transitions.js";
import type { FailoverSign, ProcessRecord } from "../instance/types.js";
import { isMasterSilent, isReachable, suspicionOf } from "./contact.js";
import { isPausing, stepHandover } from "./handover.js";
import { leaseEndMs } from "./lease.js";
import { type PromotionProof, promote, recordCancelled } from "./promotion.js";
import { withReach } from "./reach.js";
import type { Absent, Candidate, FenceFacts } from "./rules.js";

/** Most steps with which parks are told of one by one: a document holds many records. */
const parkStepsMax = 20;

/** Takes every step of a failover that can be taken now. */
export function stepFailover(cell: InstanceCell, host: ReviewHost): void {
  const master = masterOf(cell.document);
  if (master === undefined) beginAfterDeath(cell, host);
  else reviewLiving(cell, master, host);
  giveUpForced(cell, host);
  const { failover } = cell;
  if (failover === null) return;
  if (master !== undefined && isPausing(failover, master, host)) {
    stepHandover(cell, failover, master, host);
  } else stepParking(cell, failover, host);
}

/** The master has certainly ended, or there is none any more. */
function beginAfterDeath(cell: InstanceCell, host: ReviewHost): void {
  const { document, failover } = cell;
  const isContested = document.processes.some(
    (process) => !process.expelled || isReachable(process, host),
  );
  if (document.epoch === 0 || !isContested) {
    cell.failover = null;
    return;
  }
  const because = cell.lastFailure ?? { code: "master-gone", text: "the master is gone" };
  if (failover === null) {
    const by = because.code === "process-exited" ? (document.masterId ?? "scheduler") : "mesos";
    const sign = { by, what: because.text, atMs: host.atMs };
    cell.failover = { ...newFailover(cell, [sign], host), kind: "death", because };
    cell.failover.steps.push({ name: "master-gone", atMs: host.atMs });
  } else if (failover.kind === "unreachable" || failover.kind === "planned") {
    failover.steps.push({ name: "master-gone", atMs: host.atMs });
    const decideByMs = host.monotonicMs + controlLimits.parkWaitMs;
    cell.failover = { ...failover, kind: "death", because, to: null, decideByMs };
  }
}

/** There is a master: is it lost, or back? */
function reviewLiving(cell: InstanceCell, master: ProcessRecord, host: ReviewHost): void {
  const { failover } = cell;
  if (failover === null) {
    const seen = suspicionOf(cell, host);
    if (seen === null) return;
    const text = `the master cannot be reached: ${seen[0].what}, and ${seen.length - 1} of its replicas have lost it too`;
    const because = { code: "master-unreachable", text };
    cell.failover = { ...newFailover(cell, seen, host), kind: "unreachable", because };
    cell.failover.steps.push({ name: "master-suspected", atMs: host.atMs });
    return;
  }
  // A new session counts as heard, but is no word of the master.
  const isBack =
    !isMasterSilent(master, host) &&
    cell.reports.has(master.id) &&
    host.heardAtMs(master) > Math.max(failover.beganAtMs, host.subscribedAtMs);
  if (failover.kind === "death") cell.failover = null;
  else if (failover.kind === "unreachable" && isBack) cell.failover = null;
  else if (failover.kind === "planned" && isMasterSilent(master, host)) {
    recordCancelled(cell, failover, "the master was lost while its writes were paused", host);
    cell.failover = null;
  }
}

/** A forced one that finds nobody to promote ends: its parks keep a master that is back from writing. */
function giveUpForced(cell: InstanceCell, host: ReviewHost): void {
  const { failover } = cell;
  if (failover?.kind !== "forced") return;
  const { to, decideByMs } = failover;
  const isGone = to !== null && processOf(cell.document, to) === undefined;
  if (!isGone && host.monotonicMs < decideByMs + controlLimits.handoverMsMax) return;
  const text = isGone
    ? `${to} has ended`
    : `${to ?? "a replica"} could not be promoted within ${controlLimits.handoverMsMax} ms`;
  recordCancelled(cell, failover, text, host);
  cell.failover = null;
}

/** A failover that has just begun, with its first sign. */
export const newFailover = (
  cell: InstanceCell,
  seen: readonly [FailoverSign, ...FailoverSign[]],
  host: ReviewHost,
): Omit<FailoverInProgress, "kind" | "because"> => ({
  oldMaster: cell.document.masterId,
  startedAtMs: seen[0].atMs,
  beganAtMs: host.monotonicMs,
  seen: [...seen],
  to: null,
  decideByMs: host.monotonicMs + controlLimits.parkWaitMs,
  parks: new Map(),
  parked: new Set(),
  candidates: new Map(),
  fenceOffset: null,
  askedAtMs: Number.NEGATIVE_INFINITY,
  steps: [],
});

function stepParking(cell: InstanceCell, failover: FailoverInProgress, host: ReviewHost): void {
  takeConfirmations(cell, failover, host);
  const chosen = choiceOf(cell, failover, host);
  if (chosen === null) {
    wakeAgain(cell, failover, host);
    return;
  }
  const proof = proofOf(cell, failover, host);
  if (proof === null) return;
  promote(cell, failover, chosen, proof, host);
}

/** Whoever has confirmed its park is out of R, and a candidate for as long as it can be reached. */
function takeConfirmations(
  cell: InstanceCell,
  failover: FailoverInProgress,
  host: ReviewHost,
): void {
  const { rules } = host.settings;
  for (const process of cell.document.processes) {
    const park = failover.parks.get(process.id);
    const candidate = park && rules.candidateOf(cell.reports.get(process.id), park);
    if (candidate) {
      if (!failover.parked.has(process.id)) {
        failover.parked.add(process.id);
        if (failover.steps.length < parkStepsMax) {
          failover.steps.push({ name: `parked ${process.id}`, atMs: host.atMs });
        }
        if (process.member && rules.restartsWait("parked")) cell.leftAtMs = host.monotonicMs;
      }
      failover.candidates.set(process.id, withReach(candidate, cell.document.failovers));
    }
    if (!isReachable(process, host)) failover.candidates.delete(process.id);
  }
  // Offsets that a pause has gathered are no final ones once the pause is over.
  for (const id of failover.candidates.keys()) {
    const isPresent = processOf(cell.document, id) !== undefined;
    if (!isPresent || !failover.parked.has(id)) failover.candidates.delete(id);
  }
}

/** The next master, or null while it cannot be chosen. */
function choiceOf(
  cell: InstanceCell,
  failover: FailoverInProgress,
  host: ReviewHost,
): Candidate | null {
  const { document } = cell;
  const { candidates } = failover;
  const isWaitedFor = (process: ProcessRecord): boolean =>
    process.id !== document.masterId && isReachable(process, host) && !candidates.has(process.id);
  const isEarly = host.monotonicMs < failover.decideByMs;
  if (isEarly && document.processes.some(isWaitedFor)) return null;
  const { rules } = host.settings;
  const best = [...candidates.values()].sort(rules.compareCandidates)[0] ?? null;
  if (failover.kind === "forced") {
    return failover.to === null ? best : (candidates.get(failover.to) ?? null);
  }
  if (best === null || !rules.mayChoose(best, absentOf(cell, failover))) return null;
  return best;
}

/** Who gave no final offset, with the latest reign that it can know of. */
export function absentOf(cell: InstanceCell, failover: FailoverInProgress): readonly Absent[] {
  const { document } = cell;
  return document.processes
    .filter((process) => !failover.candidates.has(process.id))
    .map((process) => {
      const isOfReign = process.member || process.id === document.masterId;
      return { isOfReign, dataEpochMax: isOfReign ? document.epoch : process.dataEpoch };
    });
}

/** What makes the promotion safe, or null while nothing does. */
function proofOf(
  cell: InstanceCell,
  failover: FailoverInProgress,
  host: ReviewHost,
): PromotionProof | null {
  const master = masterOf(cell.document);
  if (failover.kind === "forced") return { type: "forced" };
  if (master === undefined) return { type: "death", isGone: true };
  const facts = fenceFactsOf(cell, master, failover.parked, host);
  const sureAtMs = host.subscribedAtMs + host.settings.executorSilenceMs;
  if (host.subscribed && host.monotonicMs >= sureAtMs && host.settings.rules.isFenced(facts)) {
    return { type: "fenced", facts };
  }
  const times = [sureAtMs, fenceEndMs(cell, host), leaseEndMs(master, host)];
  for (const atMs of times) if (atMs > host.monotonicMs) host.wakeAt(cell.name, atMs);
  return null;
}

/** R: who may still count for the writes of the master. */
export const remainingOf = (
  cell: InstanceCell,
  parked: ReadonlySet<string>,
  host: ReviewHost,
): readonly ProcessRecord[] =>
  cell.document.processes.filter(
    (process) =>
      process.id !== cell.document.masterId &&
      !parked.has(process.id) &&
      host.settings.rules.countsInR(process, process.dataEpoch === cell.document.epoch),
  );

/** Monotonic end of the wait since the last leaving of R; deaths before this leader's time count from its election. */
export function fenceEndMs(cell: InstanceCell, host: ReviewHost): number {
  const { rules, marginMs } = host.settings;
  const lagMs = Math.max(host.settings.lagMs, reportedLagMs(cell));
  return Math.max(cell.leftAtMs, host.electedAtMs) + rules.waitMs(lagMs, marginMs);
}

/** The lag limit that the master last reported: it may be of an older configuration. */
const reportedLagMs = ({ reports, document }: InstanceCell): number =>
  (reports.get(document.masterId ?? "")?.lagSecondsMax ?? 0) * 1_000;

/** What is known of the fence of a master that cannot be reached. */
export const fenceFactsOf = (
  cell: InstanceCell,
  master: ProcessRecord,
  parked: ReadonlySet<string>,
  host: ReviewHost,
): FenceFacts => ({
  quorumMin: cell.document.writeQuorum,
  remaining: remainingOf(cell, parked, host).length,
  waited: host.monotonicMs >= fenceEndMs(cell, host),
  leaseOver: host.monotonicMs >= leaseEndMs(master, host),
});

function wakeAgain(cell: InstanceCell, failover: FailoverInProgress, host: ReviewHost): void {
  const isEarly = host.monotonicMs < failover.decideByMs;
  const againMs = host.monotonicMs + controlLimits.goalResendMs;
  host.wakeAt(cell.name, isEarly ? failover.decideByMs : againMs);
}
