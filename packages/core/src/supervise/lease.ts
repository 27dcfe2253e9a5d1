/**
 * Owns when a master is closed for writes by its executor, whatever its goal says: without a fresh lease, and after the
 * wall clock was set. Not: the rules themselves (rules.ts), nor how it is done (packages/executor).
 * Source: docs/internals/fencing.md, rule 10; Redis measures the lag of replicas on the wall clock.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Closed, Goal, GoalBatch } from "../goal/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { isSameStamp } from "./rules.js";
import { findProcess, type Turn, updateProcess } from "./turn.js";
import { closeGraceMs, type Supervised } from "./types.js";

/** @internal How a process with this goal starts: a master that needs a lease has none yet. */
export const closedAtStart = (goal: Goal): Closed | null =>
  goal.leaseMs === null ? null : "lease";

/** @internal `min-replicas-to-write` that Redis holds under a goal. */
export const quorumInForce = (goal: Goal, closed: Closed | null): number =>
  closed === null ? Math.min(goal.writeQuorum, writeQuorumMax) : writeQuorumMax;

/**
 * @internal The part of a lease in which its master may accept writes: in the rest it is closed, or killed where that
 * fails, so that nothing is accepted after the lease.
 */
export const usableLeaseMs = (leaseMs: number, redisTimeoutMs: number): number =>
  leaseMs - Math.min(redisTimeoutMs, leaseMs / 2);

/** True when Redis may accept writes as far as its executor is concerned: so it was last seen, or so it is being told. */
const isOpen = ({ info, applying, applyingClosed }: Supervised): boolean =>
  (info !== null && info.role === "master" && info.writeQuorum < writeQuorumMax) ||
  (applying?.role === "master" && applyingClosed === null);

/** @internal Notes whether a process must be closed now, when it must be, and when it is killed if it is not. */
export function settleLease(turn: Turn, process: Supervised): void {
  const { wanted, leaseFromMs, cutFromMs } = process;
  const { clock, options } = turn.state;
  const leaseMs =
    wanted.leaseMs === null ? null : usableLeaseMs(wanted.leaseMs, options.redisTimeoutMs);
  const { steppedAtMs } = clock;
  const facts = { leaseMs, leaseFromMs, writeQuorum: wanted.writeQuorum, cutFromMs, steppedAtMs };
  const isMaster = wanted.role === "master";
  const closedWanted = isMaster ? turn.rules.closedFor(facts, turn.atMs) : null;
  const endMs = leaseMs === null || leaseFromMs === null ? turn.atMs : leaseFromMs + leaseMs;
  updateProcess(turn, process.order.processId, {
    closedWanted,
    // News is no repetition of what has just failed: it waits for nothing.
    ...(closedWanted === process.closedWanted ? {} : { applyDueAtMs: turn.atMs }),
    closeAtMs: closedWanted === null && endMs > turn.atMs ? endMs : null,
    closeByMs: isOpen(process) ? closeByOf(turn, process, closedWanted) : null,
  });
}

/**
 * When an open process is killed: at the end of the lease under which it was opened, whatever it is wanted to be since,
 * until something else is in force. A master that must be closed for another reason gets the time of any question.
 */
function closeByOf(turn: Turn, process: Supervised, closedWanted: Closed | null): number | null {
  const { wanted, leaseFromMs, inForce, closeByMs } = process;
  if (wanted.leaseMs !== null && leaseFromMs !== null) {
    const endMs = leaseFromMs + wanted.leaseMs;
    if (closedWanted === null) return endMs > turn.atMs ? endMs : null;
    return Math.max(endMs, closeByMs ?? turn.atMs + closeGraceMs);
  }
  if (closedWanted !== null) return closeByMs ?? turn.atMs + turn.state.options.redisTimeoutMs;
  return inForce !== null && isSameStamp(inForce.stamp, wanted.stamp) ? null : closeByMs;
}

/** @internal Takes the leases that a message of the scheduler gives by what it answers and whom it names. */
export function takeAnswer(turn: Turn, batch: GoalBatch): void {
  const { answers, term } = batch;
  const { options, sentBatches } = turn.state;
  const sent =
    answers?.runId === options.runId
      ? sentBatches.find((each) => each.number === answers.number)
      : undefined;
  const named = new Set(batch.leases);
  for (const process of [...turn.processes]) {
    const { processId } = process.order;
    const answer = {
      term,
      named: named.has(processId),
      sentAtMs: sent?.atMs ?? null,
      receivedAtMs: turn.atMs,
    };
    const fromMs = turn.rules.leaseFromMs(answer, process.wanted);
    if (fromMs === null || fromMs <= (process.leaseFromMs ?? Number.NEGATIVE_INFINITY)) continue;
    updateProcess(turn, processId, { leaseFromMs: fromMs });
    settleLease(turn, findProcess(turn, processId) ?? process);
  }
}

/** @internal Takes a reading of the wall clock: when it has left the monotonic one, every master closes. */
export function takeWallClock(turn: Turn, wallMs: number): void {
  const { clock, options } = turn.state;
  const offsetMs = wallMs - turn.atMs;
  if (clock.offsetMs === null) {
    turn.state = { ...turn.state, clock: { ...clock, offsetMs } };
    return;
  }
  if (Math.abs(offsetMs - clock.offsetMs) <= options.clockMarginMs) return;
  turn.state = { ...turn.state, clock: { offsetMs, steppedAtMs: turn.atMs } };
  for (const process of [...turn.processes]) settleLease(turn, process);
}
