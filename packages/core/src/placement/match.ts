/**
 * Owns the plan: which process of which instance goes to which agent and port, and who gets none.
 * Not: single comparisons (fit.ts, rank.ts), the reasons (explain.ts), committing or launching (control/).
 * Called by control/ whenever work is wanted and offers are there. Rules: ARCHITECTURE.md, "Placement".
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { nameHash } from "../endpoints/port-book.js";
import { type SharedValues, tallyOf } from "./constraints.js";
import { type Explainable, explain } from "./explain.js";
import {
  type AgentRoom,
  charge,
  compareText,
  createRooms,
  fitCount,
  fits,
  traitsOf,
} from "./fit.js";
import { isAllOrNothing, placementLimit } from "./limit.js";
import { bestRoom, type RankInput } from "./rank.js";
import type {
  Assignment,
  KnownAgent,
  MatchInput,
  MatchPlan,
  ProcessNeed,
  Wanted,
} from "./types.js";

/**
 * Places what fits. Pure and deterministic: the order of offers and known agents does not matter, the order of
 * `wanted` is the order of precedence, and one that does not fit never blocks those behind it.
 *
 * An instance that never ran and has no process is placed whole or not at all; else as many as fit, roles in order.
 * A distribution is a hard limit on the processes of one instance on one agent, those that it has there included.
 * With or without one, each process goes to the usable agent that holds the fewest of its instance. Constraints are
 * hard but for SPREAD, which comes before that order (constraints.ts, rank.ts).
 * Cost: wanted processes x offered agents; measured at 10,000 singles on 1,000 agents.
 */
export function match(input: MatchInput): MatchPlan {
  assert(
    new Set(input.wanted.map((wanted) => wanted.document.name)).size === input.wanted.length,
    "an instance is wanted at most once in a match",
  );
  const rooms = createRooms(input);
  const roomsById = new Map(rooms.map((room) => [room.agentId, room]));
  const known = knownAgents(input, rooms);
  const silent = known.filter((agent) => !roomsById.has(agent.agentId));
  const avoidedBy = avoidedAgents(input.avoid);
  const shared: SharedValues = new Map();
  const starts = new Map(rooms.map((room) => [room.agentId, room.ports.start]));
  const assignments: Assignment[] = [];
  const unplaced: Explainable[] = [];
  const least = leastNeed(input.wanted);
  const isOpen = (room: AgentRoom): boolean => fits(room, least, input.executorNeed);
  let open = rooms.filter(isOpen);

  for (const wanted of input.wanted) {
    const avoided = avoidedBy.get(wanted.document.name) ?? noAgents;
    const limit = placementLimit(wanted, silent, avoided);
    const touched = hold(wanted, roomsById);
    const placed = place(wanted, open, {
      need: wanted.need,
      executorNeed: input.executorNeed,
      limit: limit.count,
      avoided,
      masterAgentId: masterAgentOf(wanted),
      constraints: tallyOf(wanted.document, shared),
      turn: nameHash(wanted.document.name),
    });
    for (const room of touched) room.held = 0;
    for (const { room } of placed) room.held = 0;
    if (placed.some(({ room }) => !isOpen(room))) open = open.filter(isOpen);
    const placedHere = placed.map(({ assignment }) => assignment);
    assignments.push(...placedHere);
    if (placed.length < wanted.roles.length) {
      unplaced.push({ wanted, limit, avoided, placedHere });
    }
  }
  return {
    assignments,
    unplaced: explain({ unplaced, known, roomsById, executorNeed: input.executorNeed }),
    portStarts: new Map(
      rooms
        .filter((room) => room.ports.start !== starts.get(room.agentId))
        .map((room) => [room.agentId, room.ports.start]),
    ),
  };
}

const noAgents: ReadonlySet<string> = new Set();

/** The least that any process asks for: an agent that cannot give this is not looked at again in this call. */
function leastNeed(wanted: readonly Wanted[]): ProcessNeed {
  let cpusMilli = Number.POSITIVE_INFINITY;
  let memMilliMib = Number.POSITIVE_INFINITY;
  for (const { need } of wanted) {
    cpusMilli = Math.min(cpusMilli, need.cpusMilli);
    memMilliMib = Math.min(memMilliMib, need.memMilliMib);
  }
  return { cpusMilli, memMilliMib };
}

interface Placed {
  readonly room: AgentRoom;
  readonly assignment: Assignment;
  undo(): void;
}

function place(wanted: Wanted, rooms: readonly AgentRoom[], rank: RankInput): Placed[] {
  const whole = isAllOrNothing(wanted);
  if (whole && !mayHaveRoomFor(wanted.roles.length, rooms, rank)) return [];
  const placed: Placed[] = [];
  let { masterAgentId } = rank;
  for (const role of wanted.roles) {
    const room = bestRoom(rooms, { ...rank, masterAgentId });
    if (room === null) break;
    const { port, undo } = charge(room, rank.need, rank.executorNeed);
    room.held += 1;
    rank.constraints?.count(room);
    if (role === "master") masterAgentId = room.agentId;
    const { agentId, hostname, address } = room;
    const instance = wanted.document.name;
    const place = rank.constraints === null ? {} : { place: rank.constraints.place(room) };
    const assignment = { instance, role, agentId, hostname, address, port, ...place };
    placed.push({ room, assignment, undo });
  }
  if (!whole || placed.length === wanted.roles.length) return placed;
  for (const { room, undo } of placed.reverse()) {
    undo();
    room.held -= 1;
  }
  return [];
}

/**
 * False when `count` processes surely do not fit at once. Where true they do fit, since all of one instance need
 * the same, unless agents that share an address also share ports, or constraints limit what a value holds;
 * {@link place} gives back what it took then.
 */
function mayHaveRoomFor(count: number, rooms: readonly AgentRoom[], rank: RankInput): boolean {
  let sum = 0;
  for (const room of rooms) {
    if (rank.avoided.size > 0 && rank.avoided.has(room.agentId)) continue;
    if (rank.constraints?.admits(room) === false) continue;
    sum += Math.min(fitCount(room, rank.need, rank.executorNeed), rank.limit - room.held);
    if (sum >= count) return true;
  }
  return false;
}

/** Writes down on the offered agents what the instance has there; returns the agents to be cleared afterwards. */
function hold(wanted: Wanted, roomsById: ReadonlyMap<string, AgentRoom>): AgentRoom[] {
  const touched: AgentRoom[] = [];
  for (const { agentId } of wanted.document.processes) {
    const room = roomsById.get(agentId);
    if (room === undefined) continue;
    room.held += 1;
    touched.push(room);
  }
  return touched;
}

function masterAgentOf(wanted: Wanted): string | null {
  const { masterId, processes } = wanted.document;
  return processes.find((process) => process.id === masterId)?.agentId ?? null;
}

/** All agents that this call knows of, offered or not, ascending by id. */
function knownAgents(input: MatchInput, rooms: readonly AgentRoom[]): KnownAgent[] {
  const byId = new Map<string, KnownAgent>();
  for (const agent of input.knownAgents) byId.set(agent.agentId, agent);
  for (const room of rooms) {
    const { agentId, hostname } = room;
    byId.set(agentId, { agentId, hostname, traits: traitsOf(room) });
  }
  return [...byId.values()].sort((a, b) => compareText(a.agentId, b.agentId));
}

/** `avoid` by instance: a name holds no blank, so the first one ends it. */
function avoidedAgents(avoid: ReadonlySet<string>): Map<string, Set<string>> {
  const byInstance = new Map<string, Set<string>>();
  for (const entry of avoid) {
    const blank = entry.indexOf(" ");
    assert(blank > 0, "an entry of avoid is `<instance> <agentId>`");
    const instance = entry.slice(0, blank);
    const agents = byInstance.get(instance) ?? new Set();
    byInstance.set(instance, agents.add(entry.slice(blank + 1)));
  }
  return byInstance;
}
