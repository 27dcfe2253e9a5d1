/**
 * Owns the words of placement: offers as core sees them, what is wanted, and the plan.
 * Not: Mesos resources (packages/mesos) nor who calls (control/). Read by control/ and the scheduler's shell.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because, InstanceDocument, ProcessRole } from "../instance/types.js";

/** Inclusive range of ports. */
export interface PortRange {
  readonly begin: number;
  readonly end: number;
}

/** One offer of one agent, reduced to what placement needs. Scalars are thousandths, as Mesos counts them. */
export interface AgentOffer {
  readonly offerId: string;
  readonly agentId: string;
  readonly hostname: string;
  /** Address on which processes of this agent listen and are reached. */
  readonly address: string;
  readonly cpusMilli: number;
  readonly memMilliMib: number;
  readonly ports: readonly PortRange[];
  /** True when our executor already runs there (its own resources are then not needed again). */
  readonly hasExecutor: boolean;
}

/** What one process needs besides its port, in thousandths. */
export interface ProcessNeed {
  readonly cpusMilli: number;
  readonly memMilliMib: number;
}

/** One instance that lacks processes. `roles` in order: the master, if wanted, comes first. */
export interface Wanted {
  readonly document: InstanceDocument;
  readonly roles: readonly ProcessRole[];
  readonly need: ProcessNeed;
}

/** An agent that the scheduler has heard of, offered or not. */
export interface KnownAgent {
  readonly agentId: string;
  readonly hostname: string;
}

/** One process given a place. */
export interface Assignment {
  readonly instance: string;
  readonly role: ProcessRole;
  readonly agentId: string;
  readonly hostname: string;
  readonly address: string;
  readonly port: number;
}

/** Why an instance (or part of it) has no place: a summary and a reason for each agent. */
export interface Unplaced {
  readonly instance: string;
  readonly missing: number;
  readonly because: Because;
  readonly agents: readonly {
    readonly agentId: string;
    readonly hostname: string;
    readonly text: string;
  }[];
}

/** Input of {@link match}. */
export interface MatchInput {
  readonly offers: readonly AgentOffer[];
  readonly wanted: readonly Wanted[];
  readonly knownAgents: readonly KnownAgent[];
  /** Needed once on an agent where our executor does not run yet. */
  readonly executorNeed: ProcessNeed;
  /** Agents to be avoided for an instance after failed starts there, `<instance> <agentId>`. */
  readonly avoid: ReadonlySet<string>;
}

/** Output of {@link match}: all or nothing per instance for a create, best effort for replacements. */
export interface MatchPlan {
  readonly assignments: readonly Assignment[];
  readonly unplaced: readonly Unplaced[];
}
