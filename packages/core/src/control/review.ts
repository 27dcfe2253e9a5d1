/**
 * Owns the look at one instance: from its document and reports to goals, kills, promotion and status. Level-based:
 * called after anything that concerns the instance, it gives the same result however often it is called.
 * Not: how events change the document (instances.ts), placement (round.ts), the store (commits.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, Stamp } from "../goal/types.js";
import type { FailoverRecord, InstanceDocument, ProcessRecord } from "../instance/types.js";
import type { FailoverInProgress, InstanceCell } from "./cell.js";
import { isSettled } from "./cell.js";
import type { Effect } from "./effects.js";
import { compareStamps, goalKey, isReady, reportAgrees } from "./goals.js";
import { goalContentIn, isHandingOver } from "./hand-over.js";
import { candidateOf, choosePromotion } from "./promotion.js";
import { type ControlSettings, controlLimits } from "./settings.js";
import { deletingBecause, statusOf } from "./status.js";
import {
  asDeleted,
  isActive,
  masterOf,
  wantedRoles,
  withFailoverStep,
  withPromotion,
  withStatus,
} from "./transitions.js";

/** What a review needs from its owner. */
export interface ReviewHost {
  readonly atMs: number;
  readonly monotonicMs: number;
  readonly settings: ControlSettings;
  /** True while there is a session with Mesos: outside of one, KILLs and goals would be lost. */
  readonly subscribed: boolean;
  /** Monotonic end of the time in which a missing report means nothing; infinite before the first session. */
  readonly settleUntilMs: number;
  emit(effect: Effect): void;
  sendGoal(process: ProcessRecord, goal: Goal): void;
  nextStamp(): Stamp;
  wakeAt(name: string, monotonicMs: number): void;
  /** Says whether the instance waits for places. */
  setWanting(cell: InstanceCell, wanting: boolean): void;
  /** Does the next step of an upgrade, if the instance has its turn. */
  upgrade(cell: InstanceCell): void;
}

/** Brings one instance nearer to what is asked. */
export function review(cell: InstanceCell, host: ReviewHost): void {
  if (cell.removing) return;
  if (!isActive(cell.document)) {
    cell.failover = null;
    cell.unplaced = null;
    host.setWanting(cell, false);
    if (cell.document.status === "DELETING") reviewDeleting(cell, host);
    else reviewDeleted(cell, host);
    return;
  }
  reviewLaunches(cell, host);
  stepFailover(cell, host);
  sendGoals(cell, host);
  verifyMaster(cell, host);
  host.upgrade(cell);
  const wanting = wantedRoles(cell.document, cell.spare).length > 0;
  if (!wanting) cell.unplaced = null;
  const isBackingOff = wanting && host.monotonicMs < cell.backoff.untilMs;
  if (isBackingOff) host.wakeAt(cell.name, cell.backoff.untilMs);
  host.setWanting(cell, wanting && !isBackingOff);
  reviewStatus(cell, host);
}

function reviewDeleting(cell: InstanceCell, host: ReviewHost): void {
  if (cell.document.processes.length === 0) {
    cell.document = asDeleted(cell.document, host.atMs);
    return;
  }
  cell.document = withStatus(cell.document, "DELETING", deletingBecause(cell.document));
  if (!isSettled(cell) || !host.subscribed) return;
  for (const process of cell.document.processes) {
    const lastMs = cell.killedAtMs.get(process.id);
    if (lastMs !== undefined && host.monotonicMs < lastMs + controlLimits.killRetryMs) continue;
    cell.killedAtMs.set(process.id, host.monotonicMs);
    host.emit({
      type: "kill-task",
      agentId: process.agentId,
      taskId: process.id,
      because: { code: "delete-requested", text: "the instance is being deleted" },
    });
  }
  host.wakeAt(cell.name, host.monotonicMs + controlLimits.killRetryMs);
}

/** A launch of which nothing was heard for too long is given up: ended, wherever it may be, and then made anew. */
function reviewLaunches(cell: InstanceCell, host: ReviewHost): void {
  if (!host.subscribed) return;
  for (const process of cell.document.processes) {
    if (process.state !== "planned") continue;
    const launch = cell.launches.get(process.id);
    // Of another session, or back from an agent that could not be reached: its time begins now.
    if (launch === undefined) {
      cell.launches.set(process.id, { sinceMs: host.monotonicMs, isOfSession: false });
    }
    const overdueMs = (launch?.sinceMs ?? host.monotonicMs) + host.settings.launchTimeoutMs;
    if (host.monotonicMs < overdueMs) {
      host.wakeAt(cell.name, overdueMs);
      continue;
    }
    cell.launches.set(process.id, { sinceMs: host.monotonicMs, isOfSession: false });
    host.wakeAt(cell.name, host.monotonicMs + host.settings.launchTimeoutMs);
    host.emit({
      type: "kill-task",
      agentId: process.agentId,
      taskId: process.id,
      because: {
        code: "launch-overdue",
        text: `nothing was heard of it for ${host.settings.launchTimeoutMs} ms`,
      },
    });
  }
}

function reviewDeleted(cell: InstanceCell, host: ReviewHost): void {
  const leftMs = (cell.document.deletedAtMs ?? host.atMs) + host.settings.deletedKeepMs - host.atMs;
  if (leftMs > 0) host.wakeAt(cell.name, host.monotonicMs + leftMs);
  else if (isSettled(cell)) cell.removing = true;
}

/** Park, wait for the final offsets, choose: rules 8 and 9 of ARCHITECTURE.md, for a confirmed death only. */
function stepFailover(cell: InstanceCell, host: ReviewHost): void {
  const { document } = cell;
  const masterGone = document.masterId !== null && masterOf(document) === undefined;
  if (!masterGone || document.processes.length === 0) {
    cell.failover = null;
    return;
  }
  cell.failover ??= beginFailover(cell, host);
  const failover = cell.failover;
  for (const process of document.processes) {
    const park = failover.parks.get(process.id);
    const candidate = park && candidateOf(cell.reports.get(process.id), park);
    // One that could be parked and can no longer be reached is no candidate any more.
    if (process.state !== "running") failover.candidates.delete(process.id);
    else if (candidate) failover.candidates.set(process.id, candidate);
  }
  if (!mayDecide(document, failover, host.monotonicMs)) {
    const nextMs =
      host.monotonicMs < failover.decideByMs
        ? failover.decideByMs
        : host.monotonicMs + controlLimits.goalResendMs;
    host.wakeAt(cell.name, nextMs);
    return;
  }
  const present = [...failover.candidates.values()].filter((candidate) =>
    document.processes.some((process) => process.id === candidate.processId),
  );
  const chosen = choosePromotion(document, present);
  failover.steps.push({ name: "candidate-chosen", atMs: host.atMs });
  const record: FailoverRecord = {
    epoch: document.epoch + 1,
    oldMaster: failover.oldMaster,
    newMaster: chosen.processId,
    because: failover.because,
    startedAtMs: failover.startedAtMs,
    steps: [...failover.steps],
    candidates: document.processes.map((process) => ({
      processId: process.id,
      offset: failover.candidates.get(process.id)?.offset ?? -1,
    })),
  };
  cell.document = withPromotion(document, chosen.processId, record);
  cell.verifyEpoch = cell.document.epoch;
  cell.failover = null;
}

const beginFailover = (cell: InstanceCell, host: ReviewHost): FailoverInProgress => ({
  oldMaster: cell.document.masterId,
  because: cell.lastFailure ?? { code: "master-gone", text: "the master is gone" },
  startedAtMs: host.atMs,
  decideByMs: host.monotonicMs + controlLimits.parkWaitMs,
  parks: new Map(),
  candidates: new Map(),
  steps: [{ name: "master-gone", atMs: host.atMs }],
});

/**
 * True when a choice may be made: every replica that can answer has answered (or had its time), and none of those
 * that have not is known to hold a later reign than the best that has.
 */
function mayDecide(
  document: InstanceDocument,
  failover: FailoverInProgress,
  monotonicMs: number,
): boolean {
  const answered = (process: ProcessRecord) => failover.candidates.has(process.id);
  const confirmed = document.processes.filter(answered);
  if (confirmed.length === 0) return false;
  const silent = document.processes.filter((process) => !answered(process));
  const waitingFor = silent.some((process) => process.state === "running");
  if (waitingFor && monotonicMs < failover.decideByMs) return false;
  const best = Math.max(
    ...confirmed.map((process) => failover.candidates.get(process.id)?.dataEpoch ?? 0),
  );
  return silent.every((process) => process.dataEpoch <= best);
}

function sendGoals(cell: InstanceCell, host: ReviewHost): void {
  if (!host.subscribed) return;
  const parking = cell.failover !== null;
  // A park is always safe; everything else is said only of what the store knows.
  if (!parking && !isSettled(cell)) return;
  for (const process of cell.document.processes) {
    if (process.state === "running") sendGoal(cell, process, parking, host);
  }
}

function sendGoal(
  cell: InstanceCell,
  process: ProcessRecord,
  parking: boolean,
  host: ReviewHost,
): void {
  const report = cell.reports.get(process.id);
  const sent = cell.sentGoals.get(process.id);
  if (report === undefined && sent === undefined) return;
  const content = goalContentIn(cell, process, parking);
  const heard = report !== undefined && (sent === undefined || isHeard(report.stamp, sent.stamp));
  const agrees = heard && report !== undefined && reportAgrees(report, content);
  // A park counts only with a stamp of this failover, so it is said even to one that seems parked.
  if (agrees && (!parking || cell.failover?.parks.has(process.id) === true)) return;
  const key = goalKey(content);
  const same = sent?.key === key && (!parking || cell.failover?.parks.has(process.id) === true);
  if (same && sent !== undefined) {
    const againMs = sent.sentAtMs + controlLimits.goalResendMs;
    if (host.monotonicMs < againMs) {
      host.wakeAt(cell.name, againMs);
      return;
    }
  }
  const stamp = same && sent !== undefined && !heard ? sent.stamp : host.nextStamp();
  cell.sentGoals.set(process.id, { key, stamp, sentAtMs: host.monotonicMs });
  if (parking) cell.failover?.parks.set(process.id, stamp);
  host.sendGoal(process, { ...content, stamp });
  host.wakeAt(cell.name, host.monotonicMs + controlLimits.goalResendMs);
}

const isHeard = (reported: Stamp, sent: Stamp): boolean => compareStamps(reported, sent) >= 0;

/** Adds the last step to the record of a failover once the new master was seen in its role. */
function verifyMaster(cell: InstanceCell, host: ReviewHost): void {
  if (cell.verifyEpoch === 0 || !isSettled(cell)) return;
  const master = masterOf(cell.document);
  if (cell.verifyEpoch !== cell.document.epoch || master === undefined) {
    cell.verifyEpoch = 0;
    return;
  }
  if (!isReady(cell.document, master, cell.reports.get(master.id))) return;
  const step = { name: "master-verified", atMs: host.atMs };
  cell.document = withFailoverStep(cell.document, cell.verifyEpoch, step);
  cell.verifyEpoch = 0;
}

function reviewStatus(cell: InstanceCell, host: ReviewHost): void {
  const { document } = cell;
  const ready = new Set<string>();
  let silent = false;
  for (const process of document.processes) {
    const report = cell.reports.get(process.id);
    // For a moment it serves reads only: no reason to call the instance failed.
    if (isReady(document, process, report) || isHandingOver(cell, process)) ready.add(process.id);
    else if (report === undefined && process.state === "running") silent = true;
  }
  const settling = silent && host.monotonicMs < host.settleUntilMs;
  if (settling && host.subscribed) host.wakeAt(cell.name, host.settleUntilMs);
  const next = statusOf({
    document,
    ready,
    settling,
    unplaced: cell.unplaced,
    lastFailure: cell.lastFailure,
    failingOver: cell.failover !== null,
    subscribed: host.subscribed,
    backingOff: host.monotonicMs < cell.backoff.untilMs,
  });
  cell.document = withStatus(document, next.status, next.reason);
  if (next.status === "RUNNING") cell.lastFailure = null;
}
