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

/** One attribute of an agent. Names may repeat. */
export type AgentAttribute =
  | { readonly name: string; readonly type: "text"; readonly value: string }
  /** In thousandths, as Mesos counts. */
  | { readonly name: string; readonly type: "scalar"; readonly milli: number }
  | { readonly name: string; readonly type: "ranges"; readonly ranges: readonly PortRange[] };

/** What constraints look at. */
export interface AgentTraits {
  readonly hostname: string;
  /** Default none. */
  readonly attributes?: readonly AgentAttribute[];
  /** Absent where the agent has none. */
  readonly faultDomain?: { readonly region: string; readonly zone: string };
}

/** One offer of one agent, reduced to what placement needs. Scalars are thousandths, as Mesos counts them. */
export interface AgentOffer extends AgentTraits {
  readonly offerId: string;
  readonly agentId: string;
  /** Address on which processes of this agent listen and are reached. */
  readonly address: string;
  readonly cpusMilli: number;
  readonly memMilliMib: number;
  readonly ports: readonly PortRange[];
  /** True when our executor already runs there (its own resources are then not needed again). */
  readonly hasExecutor: boolean;
  /** The executor that a launch there is for, where it is not the usual one: its own resources are reserved ones. */
  readonly executorId?: string;
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
  /**
   * True: without a distribution, do not crowd an agent while a known agent that holds fewer is only not offered
   * now. For the first moments after a create, when offers of other agents are still on their way. Default false.
   */
  readonly waitForSpread?: boolean;
}

/** An agent that the scheduler has heard of, offered or not. */
export interface KnownAgent {
  readonly agentId: string;
  readonly hostname: string;
  /** null: known from its processes alone, so that nothing but its name is known. Default null. */
  readonly traits?: AgentTraits | null;
}

/** One process given a place. */
export interface Assignment {
  readonly instance: string;
  readonly role: ProcessRole;
  readonly agentId: string;
  readonly hostname: string;
  readonly address: string;
  readonly port: number;
  /** {@link ProcessRecord.place}; present where the instance has constraints. */
  readonly place?: Readonly<Record<string, string>>;
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

/** The port from which to look for a free one next, by agent id. */
export type PortStarts = ReadonlyMap<string, number>;

/** Input of {@link match}. */
export interface MatchInput {
  readonly offers: readonly AgentOffer[];
  /** In order of precedence; each instance at most once. */
  readonly wanted: readonly Wanted[];
  readonly knownAgents: readonly KnownAgent[];
  /** Needed once on an agent where our executor does not run yet. */
  readonly executorNeed: ProcessNeed;
  /**
   * Agents not to be used for an instance after failed starts there, `<instance> <agentId>`. A hard rule of this
   * call: the caller removes an entry when its back-off ends.
   */
  readonly avoid: ReadonlySet<string>;
  /**
   * Ports not to be used, by address, besides those of the processes in `wanted`: of other instances, or found to
   * be taken by a stranger. Default none.
   */
  readonly portsTaken?: ReadonlyMap<string, ReadonlySet<number>>;
  /** Where the last plan stopped taking ports, so that a port just freed is not the next one used. Default lowest. */
  readonly portStarts?: PortStarts;
}

/** Output of {@link match}: all or nothing per instance for a create, best effort for replacements. */
export interface MatchPlan {
  readonly assignments: readonly Assignment[];
  readonly unplaced: readonly Unplaced[];
  /** Entries of {@link MatchInput.portStarts} that changed; the caller merges them into its own. */
  readonly portStarts: PortStarts;
}
