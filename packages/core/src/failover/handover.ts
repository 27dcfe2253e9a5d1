/**
 * Owns the failover on request: whether it can be, and the pause of the master until the next one has all of its
 * writes. Not: the promotion itself (promotion.ts), nor a master that cannot be asked (step.ts).
 * Source of the rules: docs/internals/fencing.md, rule 8.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FailoverInProgress, InstanceCell } from "../control/cell.js";
import { isReady } from "../control/goals.js";
import type { ReviewHost } from "../control/review-host.js";
import { controlLimits } from "../control/settings.js";
import { processOf } from "../control/transitions.js";
import type { ProcessReport } from "../goal/types.js";
import type { ProcessRecord } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { isMasterSilent, isReachable } from "./contact.js";
import { promote, recordCancelled } from "./promotion.js";
import type { Candidate } from "./rules.js";

/** True while the master is asked to refuse all writes: as long as it can be asked. */
export const isPausing = (
  failover: FailoverInProgress,
  master: ProcessRecord,
  host: ReviewHost,
): boolean =>
  failover.kind === "planned" ||
  (failover.kind === "forced" &&
    !isMasterSilent(master, host) &&
    host.monotonicMs < failover.decideByMs);

/** Pause, level, promote; or give up when that takes too long. */
export function stepHandover(
  cell: InstanceCell,
  failover: FailoverInProgress,
  master: ProcessRecord,
  host: ReviewHost,
): void {
  const problem = problemOf(cell, failover, host);
  if (problem !== null) {
    recordCancelled(cell, failover, problem, host);
    cell.failover = null;
    return;
  }
  host.wakeAt(cell.name, failover.decideByMs);
  if (failover.fenceOffset === null && !takePause(cell, failover, master, host)) return;
  const { fenceOffset } = failover;
  if (fenceOffset === null) return;
  takeOffsets(cell, failover, host);
  const chosen = choiceOf(failover, fenceOffset, host);
  if (chosen === null) {
    askForOffsets(cell, failover, host);
    return;
  }
  const { offset: candidateOffset } = chosen;
  const isLevel = candidateOffset >= fenceOffset;
  promote(
    cell,
    failover,
    chosen,
    isLevel ? { type: "paused", fenceOffset, candidateOffset } : { type: "forced" },
    host,
  );
}

/** Why it is given up, or null. */
function problemOf(
  cell: InstanceCell,
  { to, decideByMs, fenceOffset }: FailoverInProgress,
  host: ReviewHost,
): string | null {
  if (to !== null && processOf(cell.document, to) === undefined) return `${to} has ended`;
  if (host.monotonicMs < decideByMs) return null;
  const where = fenceOffset === null ? "the master did not pause" : "no replica was level";
  return `${where} within ${controlLimits.handoverMsMax} ms`;
}

/** The master's own word that it refuses every write, after it was told to. */
function takePause(
  cell: InstanceCell,
  failover: FailoverInProgress,
  master: ProcessRecord,
  host: ReviewHost,
): boolean {
  const report = cell.reports.get(master.id);
  const sent = cell.sentGoals.get(master.id);
  const told = failover.parks.get(master.id);
  if (report === undefined || sent === undefined || told === undefined) return false;
  if (report.writeQuorum !== writeQuorumMax || report.role !== "master") return false;
  if (!host.settings.rules.reportCounts(report.stamp, told)) return false;
  failover.fenceOffset = report.offset;
  cell.masterOffset = { epoch: cell.document.epoch, offset: report.offset };
  failover.steps.push({ name: "writes-paused", atMs: host.atMs });
  return true;
}

/** Offsets as they were reported last: a paused master sends no more writes, so one that has its offset has them all. */
function takeOffsets(cell: InstanceCell, failover: FailoverInProgress, host: ReviewHost): void {
  for (const process of cell.document.processes) {
    if (process.id === cell.document.masterId) continue;
    const report = cell.reports.get(process.id);
    const mayLead = failover.kind === "forced" ? isWhole(report) : isInSync(cell, process);
    if (report === undefined || !mayLead || !isReachable(process, host)) {
      failover.candidates.delete(process.id);
      continue;
    }
    const { processId, diverged, dataEpoch, offset } = report;
    failover.candidates.set(process.id, { processId, diverged, dataEpoch, offset });
  }
}

const isWhole = (report: ProcessReport | undefined): boolean =>
  report?.phase === "serving" && !report.loading;

const isInSync = (cell: InstanceCell, process: ProcessRecord): boolean =>
  isReady(cell.document, process, cell.reports.get(process.id));

function choiceOf(
  failover: FailoverInProgress,
  fenceOffset: number,
  host: ReviewHost,
): Candidate | null {
  const { candidates, to } = failover;
  const best = [...candidates.values()].sort(host.settings.rules.compareCandidates)[0] ?? null;
  const chosen = to === null ? best : (candidates.get(to) ?? null);
  if (chosen === null || failover.kind === "forced") return chosen;
  return chosen.offset >= fenceOffset ? chosen : null;
}

/** Offsets are not told at once when they change, so they are asked for. */
function askForOffsets(cell: InstanceCell, failover: FailoverInProgress, host: ReviewHost): void {
  const dueMs = failover.askedAtMs + controlLimits.offsetAskMs;
  if (host.monotonicMs < dueMs) {
    host.wakeAt(cell.name, dueMs);
    return;
  }
  failover.askedAtMs = host.monotonicMs;
  for (const process of cell.document.processes) {
    if (process.id !== cell.document.masterId && isReachable(process, host)) {
      host.askReport(process);
    }
  }
  host.wakeAt(cell.name, host.monotonicMs + controlLimits.offsetAskMs);
}
