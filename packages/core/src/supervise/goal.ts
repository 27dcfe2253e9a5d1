/**
 * Owns the rules of goals: which one counts, when one is in force, what it changes.
 * Not: how it is applied (packages/executor). Source: docs/internals/fencing.md, rules 1, 2 and 9.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Closed, Follower, Goal } from "../goal/types.js";
import type { RedisInfo } from "../redis/info.js";
import { areClientsShown, fitsOrder } from "./clients.js";
import { quorumInForce, settleLease } from "./lease.js";
import { followingOf, roleOf } from "./report.js";
import { isSameStamp } from "./rules.js";
import { findProcess, markChanged, type Turn, updateProcess } from "./turn.js";
import { reattachFirstMs, reattachMaxMs, reportCoalesceMs, type Supervised } from "./types.js";

/** @internal True when the newest goal is in force, closed or open as it must be. */
export const isAsWanted = ({ inForce, wanted, closed, closedWanted }: Supervised): boolean =>
  inForce !== null && isSameStamp(inForce.stamp, wanted.stamp) && closed === closedWanted;

const isSameUsers = (names: readonly string[], followers: readonly Follower[]): boolean =>
  names.length === followers.length && followers.every(({ user }) => names.includes(user));

/** @internal True when Redis shows exactly what the goal wants; whether a link is up is another question. */
export function isGoalShown(goal: Goal, closed: Closed | null, info: RedisInfo): boolean {
  if (roleOf(info) !== goal.role) return false;
  if (info.writeQuorum !== quorumInForce(goal, closed)) return false;
  if (info.lagSecondsMax !== goal.lagSecondsMax) return false;
  if (!isSameUsers(info.followers, goal.followers)) return false;
  if (!areClientsShown(goal, info)) return false;
  if (goal.role !== "replica" || goal.master === null) return true;
  return followingOf(info) === `${goal.master.address}:${goal.master.port}`;
}

/** @internal Takes a goal if it is newer than the newest known one. A repeated one is answered by a report. */
export function acceptGoal(turn: Turn, process: Supervised, goal: Goal): void {
  const { processId } = process.order;
  const { wanted } = process;
  if (!fitsOrder(goal, process)) return;
  if (turn.rules.acceptsGoal(goal, wanted.stamp)) {
    const sameReign = goal.role === wanted.role && goal.epoch === wanted.epoch;
    updateProcess(turn, processId, {
      wanted: goal,
      wantedAtMs: turn.atMs,
      applyDueAtMs: turn.atMs,
      leaseFromMs: sameReign ? process.leaseFromMs : null,
      reattach: { dueAtMs: null, delayMs: reattachFirstMs },
    });
    settleLease(turn, findProcess(turn, processId) ?? process);
  } else if (isSameStamp(goal.stamp, wanted.stamp)) {
    markChanged(turn, processId, reportCoalesceMs);
  }
}

/** @internal The users that must go and come so that exactly the goal's are there, by what was last seen and given. */
export function usersToChange(process: Supervised, goal: Goal) {
  const present = process.info?.followers ?? [];
  const wanted = new Map(goal.followers.map((each) => [each.user, each.password]));
  const given = new Map(process.followersGiven.map((each) => [each.user, each.password]));
  const isStale = (user: string): boolean =>
    !wanted.has(user) || (given.has(user) && given.get(user) !== wanted.get(user));
  const drop = present.filter(isStale);
  const keeps = (user: string): boolean => present.includes(user) && !isStale(user);
  return { drop, add: goal.followers.filter(({ user }) => !keeps(user)) };
}

/**
 * @internal True when following `goal` needs a new link although the address stays: another process listens there now.
 */
export function needsReconnect(process: Supervised, goal: Goal): boolean {
  const master = goal.master;
  const info = process.info;
  if (master === null || info === null || info.master === null) return false;
  const same = info.master.address === master.address && info.master.port === master.port;
  const before = process.inForce?.master;
  if (!same) return false;
  if (before?.processId !== master.processId) return true;
  return before.user !== master.user || before.secret !== master.secret;
}

function reattachAfter(process: Supervised, goal: Goal | null, info: RedisInfo, atMs: number) {
  const { reattach } = process;
  if (goal?.role !== "replica" || info.linkUp || info.attach !== "connect") {
    const delayMs = info.linkUp ? reattachFirstMs : reattach.delayMs;
    return { dueAtMs: null, delayMs };
  }
  if (reattach.dueAtMs !== null || reattach.delayMs > reattachMaxMs) return reattach;
  return { dueAtMs: atMs + reattach.delayMs, delayMs: reattach.delayMs * 2 };
}

/**
 * @internal Takes over what Redis showed when `goal` should be in force (null: nobody knows which is). Where it shows
 * something else (somebody else reconfigured it, or it was not applied), nothing is in force, so that the wanted goal
 * is applied again.
 */
export function observe(turn: Turn, process: Supervised, goal: Goal | null, info: RedisInfo): void {
  const inForce = goal !== null && isGoalShown(goal, process.closed, info) ? goal : null;
  const { dataEpoch, ledEpoch, replicationId, followedEpoch } = process;
  const books = { dataEpoch, ledEpoch, replicationId, followedEpoch };
  updateProcess(turn, process.order.processId, {
    info,
    inForce,
    ...turn.rules.booksAfter(books, inForce, info),
    reattach: reattachAfter(process, inForce, info, turn.atMs),
  });
  settleLease(turn, findProcess(turn, process.order.processId) ?? process);
}
