/**
 * Owns the look at one instance: from its document and reports to goals, kills, promotion and status. Level-based:
 * called after anything that concerns the instance, it gives the same result however often it is called.
 * Not: how events change the document (instances.ts), failover (failover/), placement (round.ts), the store (commits.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { isAwayFor, isMasterSilent, reviewContact } from "../failover/contact.js";
import { reviewLease } from "../failover/lease.js";
import { reviewMembers } from "../failover/members.js";
import { verifyMaster } from "../failover/promotion.js";
import { reviewQuorum } from "../failover/quorum.js";
import { reviewSingle, singleBecause } from "../failover/single.js";
import { stepFailover } from "../failover/step.js";
import { waitBecause } from "../failover/waiting.js";
import type { InstanceCell } from "./cell.js";
import { isSettled } from "./cell.js";
import { isReady } from "./goals.js";
import { endOrphans } from "./instances.js";
import type { ReviewHost } from "./review-host.js";
import { sendGoals } from "./send-goals.js";
import { controlLimits } from "./settings.js";
import { deletingBecause, silentBecause, statusOf } from "./status.js";
import { asDeleted, isActive, masterOf, wantedRoles, withStatus } from "./transitions.js";

/** Brings one instance nearer to what is asked. */
export function review(cell: InstanceCell, host: ReviewHost): void {
  if (cell.removing) return;
  endOrphans(cell, host, (monotonicMs) => host.wakeAt(cell.name, monotonicMs));
  if (!isActive(cell.document)) {
    cell.failover = null;
    cell.unplaced = null;
    host.setWanting(cell, false);
    if (cell.document.status === "DELETING") reviewDeleting(cell, host);
    else reviewDeleted(cell, host);
    host.proxyPorts.review(cell);
    host.users.review(cell, host);
    reviewLease(cell, host);
    return;
  }
  reviewLaunches(cell, host);
  reviewContact(cell, host);
  stepFailover(cell, host);
  reviewMembers(cell, host);
  reviewQuorum(cell, host);
  reviewSingle(cell, host);
  host.users.reviewGrace(cell, host);
  sendGoals(cell, host);
  reviewLease(cell, host);
  verifyMaster(cell, host);
  host.upgrades.review(cell);
  host.proxyPorts.review(cell);
  host.users.review(cell, host);
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

function reviewStatus(cell: InstanceCell, host: ReviewHost): void {
  const { document } = cell;
  const ready = new Set<string>();
  let silent = false;
  for (const process of document.processes) {
    const report = cell.reports.get(process.id);
    const isAway = isAwayFor(cell, process, host.settings.replicaSilenceMs, host);
    if (!isAway && isReady(document, process, report)) ready.add(process.id);
    else if (report === undefined && process.state === "running") silent = true;
  }
  const settling = silent && host.monotonicMs < host.settleUntilMs;
  if (settling && host.subscribed) host.wakeAt(cell.name, host.settleUntilMs);
  const next = statusOf({
    document,
    ready,
    settling,
    unplaced: cell.unplaced,
    note: noteOf(cell),
    lastFailure: cell.lastFailure,
    failover: cell.failover === null ? null : waitBecause(cell, cell.failover, host),
    away: singleBecause(cell, host) ?? awayBecause(cell, host),
    subscribed: host.subscribed,
    backingOff: host.monotonicMs < cell.backoff.untilMs,
  });
  cell.document = withStatus(document, next.status, next.reason);
  if (next.status === "RUNNING") cell.lastFailure = null;
}

/** What the start of a process waits for, the master's first; null: nothing that takes long. */
function noteOf({ document, reports }: InstanceCell): string | null {
  const ids = document.processes.map(({ id }) => id);
  const noted = [document.masterId ?? "", ...ids].find((id) => reports.get(id)?.note !== undefined);
  return noted === undefined ? null : (reports.get(noted)?.note ?? null);
}

/** A master of which nothing is heard, while its replicas still hear it: said, and nothing else. */
function awayBecause(cell: InstanceCell, host: ReviewHost) {
  const master = masterOf(cell.document);
  if (master === undefined || master.state !== "running" || !isMasterSilent(master, host)) {
    return null;
  }
  return isAwayFor(cell, master, host.settings.replicaSilenceMs, host)
    ? silentBecause(master)
    : null;
}
