/**
 * Owns the agents that the scheduler has heard of, and the ports on them that are better left alone.
 * Not: offers (offers.ts). Mesos gives frameworks no list of agents: they are known from offers and from processes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { traitsOf } from "../placement/fit.js";
import type { AgentOffer, AgentTraits, KnownAgent, PortStarts } from "../placement/types.js";

/** One of them. */
export interface Agent {
  readonly agentId: string;
  hostname: string;
  lastOfferAtMs: number | null;
  /** As of the last offer; null before the first one. */
  traits: AgentTraits | null;
  /** As of the last offer; null: the usual one. */
  executorId: string | null;
}

/** All known agents. */
export class AgentBook {
  readonly #agents = new Map<string, Agent>();
  /** `address port` that a stranger holds, with the monotonic end of the avoidance. */
  readonly #strangers = new Map<string, Map<number, number>>();
  readonly portStarts = new Map<string, number>();

  offered(offer: AgentOffer, atMs: number): void {
    const agent = this.#of(offer.agentId, offer.hostname);
    agent.hostname = offer.hostname;
    agent.lastOfferAtMs = atMs;
    agent.traits = traitsOf(offer);
    agent.executorId = offer.executorId ?? null;
  }

  /** The executor that launches on this agent are for; null: the usual one. */
  executorOf(agentId: string): string | null {
    return this.#agents.get(agentId)?.executorId ?? null;
  }

  /** A process is recorded there. */
  hosts(agentId: string, hostname: string): void {
    this.#of(agentId, hostname);
  }

  /** Mesos removed the agent: it is known again when it offers something. */
  removed(agentId: string): void {
    this.#agents.delete(agentId);
    this.portStarts.delete(agentId);
  }

  /** A start on this port failed before it served: someone else may be listening there. */
  avoidPort(address: string, port: number, untilMs: number): void {
    const ports = this.#strangers.get(address);
    if (ports === undefined) this.#strangers.set(address, new Map([[port, untilMs]]));
    else ports.set(port, Math.max(untilMs, ports.get(port) ?? 0));
  }

  /** Ports to leave alone now, by address. */
  portsAvoided(nowMs: number): ReadonlyMap<string, ReadonlySet<number>> {
    const result = new Map<string, Set<number>>();
    for (const [address, ports] of this.#strangers) {
      for (const [port, untilMs] of ports) if (untilMs <= nowMs) ports.delete(port);
      if (ports.size === 0) this.#strangers.delete(address);
      else result.set(address, new Set(ports.keys()));
    }
    return result;
  }

  keepPortStarts(starts: PortStarts): void {
    for (const [agentId, port] of starts) this.portStarts.set(agentId, port);
  }

  known(): KnownAgent[] {
    return [...this.#agents.values()].map(({ agentId, hostname, traits }) => ({
      agentId,
      hostname,
      traits,
    }));
  }

  list(): Readonly<Agent>[] {
    return [...this.#agents.values()];
  }

  #of(agentId: string, hostname: string): Agent {
    const present = this.#agents.get(agentId);
    if (present !== undefined) return present;
    const agent: Agent = { agentId, hostname, lastOfferAtMs: null, traits: null, executorId: null };
    this.#agents.set(agentId, agent);
    return agent;
  }
}
