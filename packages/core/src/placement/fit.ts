/**
 * Owns what agents have left while a plan is made: offers combined by agent, and how many processes fit.
 * Not: which agent is best (rank.ts) nor what to say when none fits (explain.ts). Called by match.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { createPortPool, dropPort, type PortPool, returnPort, takePort } from "./ports.js";
import type { AgentOffer, AgentTraits, MatchInput, ProcessNeed } from "./types.js";

/** One agent with all that its offers hold together; changed in place while a plan is made. */
export interface AgentRoom extends AgentTraits {
  readonly agentId: string;
  readonly address: string;
  cpusMilli: number;
  memMilliMib: number;
  /** True until the executor's own need is paid for. */
  executorDue: boolean;
  readonly ports: PortPool;
  /** All agents on this address, itself included: a port used on one is used on each. Alone but in odd set-ups. */
  readonly neighbours: AgentRoom[];
  /** Processes of the instance that is being placed; match.ts sets it before and clears it after each instance. */
  held: number;
}

/**
 * The offered agents, ascending by id. Several offers of one agent are combined (Mesos lets one ACCEPT name them
 * all); an offer listed twice counts once.
 */
export function createRooms(input: MatchInput): AgentRoom[] {
  const taken = takenPorts(input);
  const byAddress = new Map<string, AgentRoom[]>();
  const rooms: AgentRoom[] = [];
  for (const [agentId, offers] of offersByAgent(input.offers)) {
    const [first] = offers;
    assert(first !== undefined, "an agent is grouped from at least one offer");
    const neighbours = byAddress.get(first.address) ?? [];
    byAddress.set(first.address, neighbours);
    const room: AgentRoom = {
      agentId,
      ...traitsOf(first),
      address: first.address,
      cpusMilli: offers.reduce((sum, offer) => sum + offer.cpusMilli, 0),
      memMilliMib: offers.reduce((sum, offer) => sum + offer.memMilliMib, 0),
      executorDue: !offers.some((offer) => offer.hasExecutor),
      ports: createPortPool(
        offers.flatMap((offer) => offer.ports),
        taken.get(first.address) ?? [],
        input.portStarts?.get(agentId),
      ),
      neighbours,
      held: 0,
    };
    neighbours.push(room);
    rooms.push(room);
  }
  return rooms.sort((a, b) => compareText(a.agentId, b.agentId));
}

/** What constraints look at, of an offer. */
export const traitsOf = ({ hostname, attributes, faultDomain }: AgentTraits): AgentTraits => ({
  hostname,
  ...(attributes === undefined ? {} : { attributes }),
  ...(faultDomain === undefined ? {} : { faultDomain }),
});

/** How many processes of `need` still fit on the agent: cpus, memory and ports, the executor's need included. */
export function fitCount(room: AgentRoom, need: ProcessNeed, executorNeed: ProcessNeed): number {
  const cpus = room.cpusMilli - (room.executorDue ? executorNeed.cpusMilli : 0);
  const mem = room.memMilliMib - (room.executorDue ? executorNeed.memMilliMib : 0);
  return Math.max(
    0,
    Math.min(times(cpus, need.cpusMilli), times(mem, need.memMilliMib), room.ports.left),
  );
}

/** True when at least one process of `need` fits; the fast form of {@link fitCount}. */
export function fits(room: AgentRoom, need: ProcessNeed, executorNeed: ProcessNeed): boolean {
  if (room.ports.left === 0) return false;
  if (room.executorDue) {
    return (
      room.cpusMilli >= need.cpusMilli + executorNeed.cpusMilli &&
      room.memMilliMib >= need.memMilliMib + executorNeed.memMilliMib
    );
  }
  return room.cpusMilli >= need.cpusMilli && room.memMilliMib >= need.memMilliMib;
}

/** What {@link charge} took: the port, and how to give everything back (newest charge first). */
export interface Charge {
  readonly port: number;
  undo(): void;
}

/** Takes one process of `need` from the agent. The process must fit. */
export function charge(room: AgentRoom, need: ProcessNeed, executorNeed: ProcessNeed): Charge {
  assert(fits(room, need, executorNeed), "only what fits is charged");
  const { cpusMilli, memMilliMib, executorDue } = room;
  const { start } = room.ports;
  room.cpusMilli -= need.cpusMilli + (executorDue ? executorNeed.cpusMilli : 0);
  room.memMilliMib -= need.memMilliMib + (executorDue ? executorNeed.memMilliMib : 0);
  room.executorDue = false;
  const port = takePort(room.ports);
  assert(port !== null, "an agent on which a process fits has a port");
  const sharers = room.neighbours.filter(
    (neighbour) => neighbour === room || dropPort(neighbour.ports, port),
  );
  const undo = () => {
    Object.assign(room, { cpusMilli, memMilliMib, executorDue });
    for (const sharer of sharers) returnPort(sharer.ports, port);
    room.ports.start = start;
  };
  return { port, undo };
}

/** How many of `processes` are on each agent. */
export function countByAgent(
  processes: readonly { readonly agentId: string }[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { agentId } of processes) counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
  return counts;
}

/** Ascending by code unit: the same on every machine, unlike localeCompare. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const times = (have: number, each: number): number =>
  each > 0 ? Math.floor(have / each) : have >= 0 ? Number.POSITIVE_INFINITY : 0;

function offersByAgent(offers: readonly AgentOffer[]): Map<string, AgentOffer[]> {
  const byId = new Map(offers.map((offer) => [offer.offerId, offer]));
  const byAgent = new Map<string, AgentOffer[]>();
  for (const offer of [...byId.values()].sort((a, b) => compareText(a.offerId, b.offerId))) {
    const group = byAgent.get(offer.agentId);
    if (group === undefined) byAgent.set(offer.agentId, [offer]);
    else group.push(offer);
  }
  return byAgent;
}

/** Every port that is in use by address: Mesos offers the port of a lost or not yet launched process again. */
function takenPorts(input: MatchInput): Map<string, Set<number>> {
  const taken = new Map<string, Set<number>>();
  for (const [address, ports] of input.portsTaken ?? []) taken.set(address, new Set(ports));
  for (const { document } of input.wanted) {
    for (const { address, port } of document.processes) {
      const ports = taken.get(address);
      if (ports === undefined) taken.set(address, new Set([port]));
      else ports.add(port);
    }
  }
  return taken;
}
