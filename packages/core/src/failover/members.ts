/**
 * Owns who belongs to the reign of a master: joining, expelling, coming back, and what is too many.
 * R, the processes that may count for the writes of the master, is who is a member and not the master.
 * Not: replicas during a failover (step.ts), nor places for new ones (control/placement.ts).
 * Source of the rules: docs/internals/fencing.md, rules 5 and 7. States of a replica:
 *
 * | member | expelled | meaning                     | leaves it when                                        |
 * | no     | no       | parked, waits to join       | heard: member. Away for long: expelled                |
 * | yes    | no       | follows, counts in R        | away for long: expelled                               |
 * | yes    | yes      | its user is being deleted   | the master confirms that it is: no member, out of R   |
 * | no     | yes      | out; another takes its place| heard: joins with a new user, or is one too many: KILL|
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { type InstanceCell, isSettled } from "../control/cell.js";
import { goalContentOf, goalKey, isReady, reportAgrees } from "../control/goals.js";
import type { ReviewHost } from "../control/review-host.js";
import { replicaUserOf } from "../control/round.js";
import { controlLimits } from "../control/settings.js";
import { masterOf, withProcess } from "../control/transitions.js";
import type { Because, ProcessRecord } from "../instance/types.js";
import { isAwayFor, isMasterSilent, isReachable } from "./contact.js";

/** Brings the membership nearer to what can be. Called while there is a master and no failover. */
export function reviewMembers(cell: InstanceCell, host: ReviewHost): void {
  const master = masterOf(cell.document);
  if (master === undefined || cell.failover !== null) return;
  const isSilent = isMasterSilent(master, host);
  for (const process of cell.document.processes) {
    if (process.id === master.id) continue;
    if (!isSilent) expel(cell, process, host);
    confirmExpelled(cell, master, process, host);
    if (isReachable(process, host)) join(cell, process, host);
  }
  if (!isSilent) killSurplus(cell, master, host);
}

/** One that is away for so long that another takes its place. */
function expel(cell: InstanceCell, process: ProcessRecord, host: ReviewHost): void {
  if (process.expelled || process.state === "planned") return;
  if (!isAwayFor(cell, process, host.settings.replaceUnreachableMs, host)) return;
  // Whoever was told to follow may have all of this reign, heard or not: nothing empty takes over while it can come back.
  const dataEpoch = process.member ? cell.document.epoch : process.dataEpoch;
  cell.document = withProcess(cell.document, process.id, { expelled: true, dataEpoch });
}

/** The master has no user for it any more: it leaves R. */
function confirmExpelled(
  cell: InstanceCell,
  master: ProcessRecord,
  process: ProcessRecord,
  host: ReviewHost,
): void {
  if (!process.expelled || !process.member || !isSettled(cell)) return;
  const report = cell.reports.get(master.id);
  const sent = cell.sentGoals.get(master.id);
  if (report === undefined || sent === undefined) return;
  const { settings } = host;
  const { document, writeQuorum } = cell;
  const users = cell.stored?.users;
  const content = goalContentOf(document, master, { parked: false, writeQuorum, users, settings });
  if (sent.key !== goalKey(content) || !reportAgrees(report, content)) return;
  if (!settings.rules.reportCounts(report.stamp, sent.stamp)) return;
  // It may have had all of this reign, heard or not.
  const dataEpoch = document.epoch;
  cell.document = withProcess(document, process.id, { member: false, dataEpoch });
  if (settings.rules.restartsWait("expelled")) cell.leftAtMs = host.monotonicMs;
}

/** One that waits, or has come back, becomes a member when the master can take one more. */
function join(cell: InstanceCell, process: ProcessRecord, host: ReviewHost): void {
  if (process.member || cell.reports.get(process.id)?.phase !== "serving") return;
  if (process.expelled) {
    if (missingReplicas(cell) === 0) return;
    cell.document = withProcess(cell.document, process.id, {
      expelled: false,
      replicaUser: replicaUserOf(host.settings.nextId()),
      replicaSecret: host.settings.nextSecret(),
    });
  }
  if (syncingCount(cell, host) >= host.settings.resyncsMax) return;
  cell.document = withProcess(cell.document, process.id, { member: true });
}

const missingReplicas = (cell: InstanceCell): number =>
  cell.document.spec.slaves - replicasOf(cell).length;

/** Replicas that are counted on. */
const replicasOf = ({ document }: InstanceCell): readonly ProcessRecord[] =>
  document.processes.filter((process) => process.id !== document.masterId && !process.expelled);

/** Members that are being brought into sync, as far as anybody can tell. */
function syncingCount(cell: InstanceCell, host: ReviewHost): number {
  const { document } = cell;
  return document.processes.filter(
    (process) =>
      process.member &&
      process.id !== document.masterId &&
      isReachable(process, host) &&
      !isReady(document, process, cell.reports.get(process.id)),
  ).length;
}

/**
 * More replicas than asked for: those that were replaced go, then those that were told to, then those that are not in sync.
 * Never the master, nor what an upgrade has added.
 */
function killSurplus(cell: InstanceCell, master: ProcessRecord, host: ReviewHost): void {
  const { document } = cell;
  // One master, and no replica that is not asked for: as nearly always.
  if (document.processes.length <= document.spec.slaves + 1) return;
  if (!host.subscribed || !isSettled(cell)) return;
  const isSynced = (process: ProcessRecord): boolean =>
    isReady(document, process, cell.reports.get(process.id));
  if (!isSynced(master)) return;
  for (const process of document.processes) {
    const isBack = process.expelled && !process.member && isReachable(process, host);
    if (isBack && process.id !== master.id) {
      const text = "it was replaced while it could not be reached";
      kill(cell, process, { code: "replaced", text }, host);
    }
  }
  const tooMany = -missingReplicas(cell) - cell.spare;
  if (tooMany <= 0) return;
  // One that is ending already is one of them, whatever it says until then.
  const rank = (process: ProcessRecord): number =>
    cell.killedAtMs.has(process.id) ? -1 : Number(isSynced(process));
  const order = [...replicasOf(cell)].sort((a, b) => rank(a) - rank(b));
  for (const process of order.slice(0, tooMany)) {
    kill(cell, process, { code: "surplus", text: "there are more replicas than asked for" }, host);
  }
}

function kill(cell: InstanceCell, process: ProcessRecord, because: Because, host: ReviewHost) {
  const againMs = (cell.killedAtMs.get(process.id) ?? Number.NEGATIVE_INFINITY) + killAgainMs;
  if (host.monotonicMs < againMs) {
    host.wakeAt(cell.name, againMs);
    return;
  }
  cell.killedAtMs.set(process.id, host.monotonicMs);
  host.emit({ type: "kill-task", agentId: process.agentId, taskId: process.id, because });
  host.wakeAt(cell.name, host.monotonicMs + killAgainMs);
}

const killAgainMs = controlLimits.killRetryMs;
