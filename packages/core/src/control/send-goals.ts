/**
 * Owns the sending of goals for one instance: to whom what, when again, with which stamp.
 * Not: what a goal says (goals.ts), nor how it travels (control.ts). Level-based.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isReachable } from "../failover/contact.js";
import { isPausing } from "../failover/handover.js";
import type { ProcessRecord } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { usersKey } from "../users/users.js";
import { type InstanceCell, isSettled, type WantedGoal } from "./cell.js";
import { type GoalTerms, goalContentOf, goalKey, isReady, reportAgrees } from "./goals.js";
import type { ReviewHost } from "./review-host.js";
import { controlLimits } from "./settings.js";
import { masterOf } from "./transitions.js";

/** Sends what has to be said now. */
export function sendGoals(cell: InstanceCell, host: ReviewHost): void {
  if (!host.subscribed) return;
  const { document, failover } = cell;
  const master = masterOf(document);
  const pausing = failover !== null && master !== undefined && isPausing(failover, master, host);
  const parking = failover !== null && !pausing;
  // A park that does not wait for the store says nothing that the store does not know.
  const users = cell.stored?.users;
  // A park is always safe; everything else is said only of what the store knows.
  if (!parking && !isSettled(cell)) return;
  const room = new SyncRoom(cell, host);
  for (const process of document.processes) {
    // Nothing is to be expected of one that is not heard; it is told when it is.
    if (!isReachable(process, host)) continue;
    const isMaster = process.id === master?.id;
    if (parking && isMaster) continue;
    const { settings } = host;
    const parked = parking || (!isMaster && !room.mayFollow(process));
    const writeQuorum = isMaster && pausing ? writeQuorumMax : cell.writeQuorum;
    const fence = parking || (isMaster && pausing);
    sendGoal(cell, process, { parked, writeQuorum, users, settings }, fence, host);
  }
}

/** Room at the master for replicas that are to be brought into sync: so many at a time, members only. */
class SyncRoom {
  readonly #cell: InstanceCell;
  #free: number;

  constructor(cell: InstanceCell, host: ReviewHost) {
    this.#cell = cell;
    this.#free = host.settings.resyncsMax;
    for (const process of cell.document.processes) {
      if (process.id === cell.document.masterId || !isReachable(process, host)) continue;
      if (this.#wasTold(process) && !this.#isReady(process)) this.#free -= 1;
    }
  }

  mayFollow(process: ProcessRecord): boolean {
    if (!process.member || process.expelled) return false;
    if (this.#wasTold(process) || this.#isReady(process)) return true;
    this.#free -= 1;
    return this.#free >= 0;
  }

  /** Whoever follows goes on, whatever becomes of the room. */
  #wasTold({ id }: ProcessRecord): boolean {
    const { epoch } = this.#cell.document;
    const report = this.#cell.reports.get(id);
    if (report?.role === "replica" && report.epoch === epoch) return true;
    return this.#cell.sentGoals.get(id)?.key.startsWith(`${epoch}|replica|`) === true;
  }

  #isReady(process: ProcessRecord): boolean {
    return isReady(this.#cell.document, process, this.#cell.reports.get(process.id));
  }
}

/** Asked for each process with each of its reports, so it is remembered. */
function wantedGoalOf(cell: InstanceCell, process: ProcessRecord, terms: GoalTerms): WantedGoal {
  const { document } = cell;
  const { parked, writeQuorum, users } = terms;
  const present = cell.wantedGoals.get(process.id);
  const isSame =
    present?.document === document &&
    present.parked === parked &&
    present.users === users &&
    present.writeQuorum === writeQuorum;
  if (isSame) return present;
  const content = goalContentOf(document, process, terms);
  const wanted = { document, parked, writeQuorum, users, content, key: goalKey(content) };
  cell.wantedGoals.set(process.id, wanted);
  return wanted;
}

/** `fence`: its confirmation is part of a failover, so it counts only with a stamp of this failover. */
function sendGoal(
  cell: InstanceCell,
  process: ProcessRecord,
  terms: GoalTerms,
  fence: boolean,
  host: ReviewHost,
): void {
  const report = cell.reports.get(process.id);
  const sent = cell.sentGoals.get(process.id);
  if (report === undefined && sent === undefined) return;
  const { content, key } = wantedGoalOf(cell, process, terms);
  const heard = report !== undefined && host.settings.rules.reportCounts(report.stamp, sent?.stamp);
  const agrees = heard && report !== undefined && reportAgrees(report, content);
  const isOfFailover = !fence || cell.failover?.parks.has(process.id) === true;
  // What Redis shows may agree while its users do not: those are in no report but by the stamp of their goal, and those of
  // replicas by a link that is up.
  const isGuarded = content.users !== undefined;
  const isProven =
    !isGuarded && (content.role === "parked" || (content.role === "replica" && report?.linkUp));
  const isSaid = sent === undefined ? isProven : sent.key === key;
  if (agrees && isSaid && isOfFailover) return;
  const same = sent?.key === key && isOfFailover;
  if (same && sent !== undefined) {
    const againMs = sent.sentAtMs + controlLimits.goalResendMs;
    if (host.monotonicMs < againMs) {
      host.wakeAt(cell.name, againMs);
      return;
    }
  }
  const stamp = same && sent !== undefined && !heard ? sent.stamp : host.nextStamp();
  const users = usersKey(content.users);
  cell.sentGoals.set(process.id, { key, users, stamp, sentAtMs: host.monotonicMs });
  if (fence) cell.failover?.parks.set(process.id, stamp);
  host.sendGoal(process, { ...content, stamp });
  host.wakeAt(cell.name, host.monotonicMs + controlLimits.goalResendMs);
}
