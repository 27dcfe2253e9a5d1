/**
 * Owns the write quorum w of a master (`min-replicas-to-write`): when it is raised, when lowered, what is stored of it.
 * Any w is safe; a high one can fence the master when it is lost, and stops its writes when replicas are lost.
 * Not: the goal that carries it (control/goals.ts), nor the fence itself (step.ts).
 * Source of the rules: docs/internals/fencing.md, rules 3 and 4.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceCell } from "../control/cell.js";
import { goalContentOf, goalKey, isReady } from "../control/goals.js";
import type { ReviewHost } from "../control/review-host.js";
import { masterOf } from "../control/transitions.js";
import type { ProcessRecord } from "../instance/types.js";
import { isMasterSilent, isReachable } from "./contact.js";

/** w for k processes of this reign, the master included: so many replicas that another half can always fence it. */
export const quorumOf = (k: number): number => Math.floor(k / 2);

/** The members that count at a master, besides it: not expelled, not the master. */
const isFollower = (process: ProcessRecord, master: ProcessRecord): boolean =>
  process.id !== master.id && process.member && !process.expelled;

/** Decides what the master is told, and writes the lowest w that may be in force into the document. */
export function reviewQuorum(cell: InstanceCell, host: ReviewHost): void {
  const master = masterOf(cell.document);
  if (master === undefined || cell.failover !== null) return;
  takeConfirmation(cell, master, host);
  const { synced, counted } = countsOf(cell, master, host);
  const isOff = cell.document.spec.fencing === "off";
  const raised = isOff ? 0 : Math.min(quorumOf(1 + synced), admittedOf(cell, master));
  const kept = isOff ? 0 : quorumOf(1 + counted);
  if (raised > cell.writeQuorum) cell.writeQuorum = raised;
  else if (kept < cell.writeQuorum && host.settings.rules.mayLower(isMasterSilent(master, host))) {
    cell.writeQuorum = kept;
  }
  const { writeQuorum } = cell;
  if (writeQuorum < cell.document.writeQuorum && host.settings.rules.storesLowerFirst()) {
    cell.document = { ...cell.document, writeQuorum };
  }
}

/**
 * Replicas that the master itself counts. A replica knows that its copy is whole some time before its master does, which
 * looks for the end of a transfer ten times in a second; a quorum raised in between would refuse writes until then.
 */
const admittedOf = (cell: InstanceCell, master: ProcessRecord): number =>
  Math.max(0, cell.reports.get(master.id)?.goodReplicas ?? 0);

/** synced: members in sync now. counted: those, and who was in sync with this reign a moment ago. */
function countsOf(
  cell: InstanceCell,
  master: ProcessRecord,
  host: ReviewHost,
): { readonly synced: number; readonly counted: number } {
  const { document } = cell;
  let synced = 0;
  let counted = 0;
  for (const process of document.processes) {
    if (!isFollower(process, master)) continue;
    const isSynced =
      isReachable(process, host) && isReady(document, process, cell.reports.get(process.id));
    if (isSynced) cell.unsyncedSinceMs.delete(process.id);
    else if (!host.subscribed) cell.unsyncedSinceMs.delete(process.id);
    else if (!cell.unsyncedSinceMs.has(process.id)) {
      cell.unsyncedSinceMs.set(process.id, host.monotonicMs);
    }
    if (isSynced) synced += 1;
    if (isSynced || wasSyncedLately(cell, process, host)) counted += 1;
  }
  return { synced, counted };
}

/** A replica that was in sync with this reign is waited for T: most blinks are over by then. */
function wasSyncedLately(cell: InstanceCell, process: ProcessRecord, host: ReviewHost): boolean {
  if (process.dataEpoch !== cell.document.epoch) return false;
  const sinceMs = Math.min(
    cell.unsyncedSinceMs.get(process.id) ?? host.monotonicMs,
    cell.unreachableSinceMs.get(process.id) ?? host.monotonicMs,
  );
  const untilMs = sinceMs + host.settings.replicaSilenceMs;
  if (host.monotonicMs >= untilMs) return false;
  host.wakeAt(cell.name, untilMs);
  return true;
}

/** What the master has in force, after the last goal that it was sent, is the lowest that may be. */
function takeConfirmation(cell: InstanceCell, master: ProcessRecord, host: ReviewHost): void {
  const { document, writeQuorum } = cell;
  if (document.writeQuorum === writeQuorum) return;
  const report = cell.reports.get(master.id);
  const sent = cell.sentGoals.get(master.id);
  if (report === undefined || sent === undefined || report.closed !== null) return;
  if (report.epoch !== document.epoch || report.writeQuorum !== writeQuorum) return;
  const { settings } = host;
  const users = cell.stored?.users;
  const content = goalContentOf(document, master, { parked: false, writeQuorum, users, settings });
  if (sent.key !== goalKey(content)) return;
  if (!settings.rules.reportCounts(report.stamp, sent.stamp)) return;
  cell.document = { ...document, writeQuorum };
}
