/**
 * Owns the promotion: the one place where a new master is made, with the assertion that it is safe, and its record.
 * Not: when it is tried (step.ts, handover.ts), nor the goals that follow from it (control/send-goals.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { FailoverInProgress, InstanceCell } from "../control/cell.js";
import { isSettled } from "../control/cell.js";
import { isReady } from "../control/goals.js";
import type { ReviewHost } from "../control/review-host.js";
import { masterOf, withFailover, withPromotion } from "../control/transitions.js";
import type { FailoverRecord, InstanceDocument, ProcessRecord } from "../instance/types.js";
import { failoverCandidatesMax } from "../instance/types.js";
import { isReachable } from "./contact.js";
import type { Candidate, FenceFacts, FencingRules } from "./rules.js";

/** Why the old master cannot take writes any more. */
export type PromotionProof =
  /** It has certainly ended: a death is believed always. */
  | { readonly type: "death"; readonly isGone: boolean }
  /** It cannot be reached, and is fenced by what its replicas confirmed and by time. */
  | { readonly type: "fenced"; readonly facts: FenceFacts }
  /** It has confirmed that it refuses all writes, and the candidate has its offset. */
  | { readonly type: "paused"; readonly fenceOffset: number; readonly candidateOffset: number }
  /** The operator vouches for it. */
  | { readonly type: "forced" };

/**
 * The rule when a promotion is safe. death: rule 8, nothing else can write. fenced: rule 6 (V4, V8, V12), counted
 * from what was committed (V5) and confirmed (V2). paused: rule 8, the master's own word by stamp (V1, V2), and no
 * write is lost. The candidate gave its offset in the confirmation of a park (V9), unless the master is paused.
 */
export function isPromotionSafe(
  proof: PromotionProof,
  isParked: boolean,
  rules: FencingRules,
): boolean {
  switch (proof.type) {
    case "death":
      return proof.isGone && isParked;
    case "fenced":
      return rules.isFenced(proof.facts) && isParked;
    case "paused":
      return proof.candidateOffset >= proof.fenceOffset;
    case "forced":
      return true;
  }
}

/** Makes `chosen` the master of the next reign. Nothing is sent before that is stored. */
export function promote(
  cell: InstanceCell,
  failover: FailoverInProgress,
  chosen: Candidate,
  proof: PromotionProof,
  host: ReviewHost,
): void {
  const { document } = cell;
  const isParked = failover.parked.has(chosen.processId);
  assert(
    isPromotionSafe(proof, isParked, host.settings.rules),
    `a promotion in ${document.name} needs the proof that its master cannot write: ${JSON.stringify(proof)}`,
  );
  failover.steps.push({ name: "candidate-chosen", atMs: host.atMs });
  const record = recordOf(cell, failover, chosen.processId, host);
  cell.document = withPromotion(document, chosen.processId, {
    record,
    isMember: (process) => !process.expelled && isReachable(process, host),
  });
  cell.verifyEpoch = cell.document.epoch;
  cell.writeQuorum = cell.document.writeQuorum;
  cell.leftAtMs = host.monotonicMs;
  cell.masterOffset = null;
  cell.unsyncedSinceMs.clear();
  cell.failover = null;
}

/** Gives up a failover that was asked for, and says so in its record. */
export function recordCancelled(
  cell: InstanceCell,
  failover: FailoverInProgress,
  text: string,
  host: ReviewHost,
): void {
  failover.steps.push({ name: "cancelled", atMs: host.atMs });
  const { masterId, epoch } = cell.document;
  if (masterId === null) return;
  const record = recordOf(cell, failover, masterId, host);
  const because = { code: "cancelled", text };
  cell.document = withFailover(cell.document, { ...record, epoch, because, bytesGivenUp: 0 });
}

function recordOf(
  cell: InstanceCell,
  failover: FailoverInProgress,
  newMaster: string,
  host: ReviewHost,
): FailoverRecord {
  const { document } = cell;
  return {
    epoch: document.epoch + 1,
    kind: failover.kind,
    oldMaster: failover.oldMaster,
    newMaster,
    because: failover.because,
    startedAtMs: failover.startedAtMs,
    seen: [...failover.seen],
    steps: [...failover.steps],
    candidates: candidatesOf(document, failover, host.settings.rules),
    bytesGivenUp: givenUp(cell, failover.candidates.get(newMaster)),
    writerlessMs: null,
  };
}

/** The best first; those that gave no offset last. */
function candidatesOf(
  document: InstanceDocument,
  { candidates, oldMaster }: FailoverInProgress,
  rules: FencingRules,
): FailoverRecord["candidates"] {
  const rank = (a: ProcessRecord, b: ProcessRecord): number => {
    const first = candidates.get(a.id);
    const second = candidates.get(b.id);
    if (first === undefined || second === undefined) {
      return Number(first === undefined) - Number(second === undefined);
    }
    return rules.compareCandidates(first, second);
  };
  return document.processes
    .filter((process) => process.id !== oldMaster)
    .sort(rank)
    .slice(0, failoverCandidatesMax)
    .map((process) => {
      const candidate = candidates.get(process.id);
      return {
        processId: process.id,
        hostname: process.hostname,
        offset: candidate?.offset ?? -1,
        dataEpoch: candidate?.dataEpoch ?? process.dataEpoch,
        diverged: candidate?.diverged ?? false,
      };
    });
}

function givenUp(cell: InstanceCell, chosen: Candidate | undefined): number | null {
  const { masterOffset, document } = cell;
  if (chosen === undefined || masterOffset === null || masterOffset.epoch !== document.epoch) {
    return null;
  }
  // The offset of an empty one is on no line with the master's: everything is given up, however much that was.
  if (chosen.dataEpoch === 0) return null;
  return Math.max(0, masterOffset.offset - chosen.offset);
}

/** Adds the last step to the record of a failover once the new master was seen to accept writes. */
export function verifyMaster(cell: InstanceCell, host: ReviewHost): void {
  if (cell.verifyEpoch === 0 || !isSettled(cell)) return;
  const { document } = cell;
  const master = masterOf(document);
  if (cell.verifyEpoch !== document.epoch || master === undefined) {
    cell.verifyEpoch = 0;
    return;
  }
  if (!isReady(document, master, cell.reports.get(master.id))) return;
  cell.verifyEpoch = 0;
  const newest = document.failovers.at(-1);
  if (newest === undefined || newest.epoch !== document.epoch) return;
  const changed: FailoverRecord = {
    ...newest,
    steps: [...newest.steps, { name: "master-verified", atMs: host.atMs }],
    writerlessMs: Math.max(0, host.atMs - newest.startedAtMs),
  };
  cell.document = { ...document, failovers: [...document.failovers.slice(0, -1), changed] };
}
