/**
 * Owns the rules of goals: which is newer, when one is in force, what it makes of a process' data.
 * Not: how it is applied (packages/executor). Source: ARCHITECTURE.md, "Failover and fencing", rules 1, 2 and 9.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, Stamp } from "../goal/types.js";
import { type RedisInfo, writeQuorumMax } from "../redis/info.js";
import { followingOf, roleOf } from "./report.js";
import { markChanged, type Turn, updateProcess } from "./turn.js";
import { reattachFirstMs, reattachMaxMs, reportCoalesceMs, type Supervised } from "./types.js";

/** @internal True when `a` was said after `b`: terms come first, then counters. */
export const isNewerStamp = (a: Stamp, b: Stamp): boolean =>
  a.term === b.term ? a.counter > b.counter : a.term > b.term;

/** @internal */
export const isSameStamp = (a: Stamp, b: Stamp): boolean =>
  a.term === b.term && a.counter === b.counter;

/** @internal True when Redis shows exactly what the goal wants; whether a link is up is another question. */
export function isGoalShown(goal: Goal, info: RedisInfo): boolean {
  if (roleOf(info) !== goal.role) return false;
  if (info.writeQuorum !== Math.min(goal.writeQuorum, writeQuorumMax)) return false;
  if (goal.role !== "replica" || goal.master === null) return true;
  return followingOf(info) === `${goal.master.address}:${goal.master.port}`;
}

/** @internal Takes a goal if it is newer than the newest known one. A repeated one is answered by a report. */
export function acceptGoal(turn: Turn, process: Supervised, goal: Goal): void {
  const { processId } = process.order;
  if (isNewerStamp(goal.stamp, process.wanted.stamp)) {
    updateProcess(turn, processId, {
      wanted: goal,
      wantedAtMs: turn.atMs,
      applyDueAtMs: turn.atMs,
      reattach: { dueAtMs: null, delayMs: reattachFirstMs },
    });
  } else if (isSameStamp(goal.stamp, process.wanted.stamp)) {
    markChanged(turn, processId, reportCoalesceMs);
  }
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
  return same && (before?.processId !== master.processId || before.secret !== master.secret);
}

interface DataBooks {
  readonly dataEpoch: number;
  readonly ledEpoch: number;
}

/** What the process holds after `info` was seen with `goal` in force (null: with none). */
function booksAfter(process: Supervised, goal: Goal | null, info: RedisInfo): DataBooks {
  const { dataEpoch, ledEpoch } = process;
  // A full sync has dropped the old data, and the new is not complete.
  if (info.loading && info.role === "replica") return { dataEpoch: 0, ledEpoch: 0 };
  if (goal === null || info.loading) return { dataEpoch, ledEpoch };
  if (goal.role === "master") return { dataEpoch: goal.epoch, ledEpoch: goal.epoch };
  if (goal.role === "replica" && info.linkUp) return { dataEpoch: goal.epoch, ledEpoch };
  return { dataEpoch, ledEpoch };
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
  const inForce = goal !== null && isGoalShown(goal, info) ? goal : null;
  updateProcess(turn, process.order.processId, {
    info,
    inForce,
    ...booksAfter(process, inForce, info),
    reattach: reattachAfter(process, inForce, info, turn.atMs),
  });
}
