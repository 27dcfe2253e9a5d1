/**
 * Owns which of several usable agents gets the next process of an instance.
 * Not: whether one is usable at all (fit.ts). Called by match.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ConstraintTally } from "./constraints.js";
import { type AgentRoom, fits } from "./fit.js";
import type { ProcessNeed } from "./types.js";

/** What decides about one process of one instance. */
export interface RankInput {
  readonly need: ProcessNeed;
  readonly executorNeed: ProcessNeed;
  /** Most processes of the instance on one agent; Infinity when there is no limit. */
  readonly limit: number;
  readonly avoided: ReadonlySet<string>;
  /** Agent of the instance's master, null when there is none. */
  readonly masterAgentId: string | null;
  /** null for an instance without constraints. */
  readonly constraints: ConstraintTally | null;
  /** Where the look at the agents begins: among equal ones the first that is looked at wins. */
  readonly turn: number;
}

/** True when the agent may take one more process of the instance. */
export const isUsable = (room: AgentRoom, input: RankInput): boolean =>
  room.held < input.limit &&
  fits(room, input.need, input.executorNeed) &&
  !(input.avoided.size > 0 && input.avoided.has(room.agentId)) &&
  (input.constraints === null || input.constraints.admits(room));

/**
 * The best usable agent, null when there is none: a value that holds the fewest processes of the instance for each
 * SPREAD in turn, then fewest on the agent itself, then not the master's agent, then most free memory, then the
 * first one by id from the turn on (`rooms` is ascending by id): masters of 1 + 1 on equal agents would else all be on the
 * lowest. One pass, no allocation without constraints: a plan for 10,000 processes on 1,000 agents makes ten million
 * comparisons.
 */
export function bestRoom(rooms: readonly AgentRoom[], input: RankInput): AgentRoom | null {
  if (input.constraints !== null) return bestConstrained(rooms, input, input.constraints);
  let best: AgentRoom | null = null;
  for (let step = 0; step < rooms.length; step += 1) {
    const room = rooms[placeOf(step, rooms.length, input.turn)] as AgentRoom;
    if (best !== null && !isBetter(room, best, input.masterAgentId)) continue;
    if (isUsable(room, input)) best = room;
  }
  return best;
}

function bestConstrained(
  rooms: readonly AgentRoom[],
  input: RankInput,
  constraints: ConstraintTally,
): AgentRoom | null {
  let best: AgentRoom | null = null;
  for (let step = 0; step < rooms.length; step += 1) {
    const room = rooms[placeOf(step, rooms.length, input.turn)] as AgentRoom;
    if (!isUsable(room, input)) continue;
    const order = best === null ? -1 : constraints.compare(room, best);
    if (best === null || order < 0 || (order === 0 && isBetter(room, best, input.masterAgentId))) {
      best = room;
    }
  }
  return best;
}

/** Goes round from the turn on. */
const placeOf = (step: number, count: number, turn: number): number => (turn + step) % count;

function isBetter(room: AgentRoom, best: AgentRoom, masterAgentId: string | null): boolean {
  if (room.held !== best.held) return room.held < best.held;
  if (room.agentId === masterAgentId) return false;
  if (best.agentId === masterAgentId) return true;
  return room.memMilliMib > best.memMilliMib;
}
