/**
 * Owns what the master remembers: agents, frameworks, offers, tasks, executors, filters. All in memory only, as
 * in a real master. Not: what happens to them (the other files here). Called by master/ only.
 * Invariant, held by a test: for each agent total = free + offered + tasks + executors.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type {
  AgentInfo,
  CheckStatusInfo,
  ContainerStatus,
  ExecutorInfo,
  FrameworkInfo,
  FrameworkInfoCapabilityType,
  Labels,
  OperationState,
  Resource,
  TaskInfo,
  TaskState,
  Unavailability,
} from "@mr-redis/mesos";
import type { AgentEndpoint } from "../border/messages.js";
import type { MasterEffect } from "./effects.js";

/** Completed frameworks that are remembered, to refuse their ids (the default of a real master). */
export const completedFrameworksMax = 50;

/** Unreachable and gone agents that are remembered; a real master keeps 102,400, one machine has a handful. */
export const lostAgentsMax = 1_000;

/** A role of a framework refuses this bundle of this agent until `expiresAtMs` (monotonic). */
export interface Filter {
  readonly role: string;
  readonly agentId: string;
  readonly refused: readonly Resource[];
  readonly expiresAtMs: number;
}

/** A task that the master knows: staging, active, or terminal and not yet acknowledged. */
export interface TaskBook {
  readonly info: TaskInfo;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly executorId: string;
  /** Newest state the agent told; its first terminal value frees the resources. */
  state: TaskState;
  /** What was forwarded last; reconciliation answers with it. */
  forwardedState?: TaskState;
  forwardedUuid?: string;
  healthy?: boolean;
  checkStatus?: CheckStatusInfo;
  containerStatus?: ContainerStatus;
  /** Of the status that was forwarded last. */
  statusLabels?: Labels | undefined;
  /** False once its resources were given back. */
  isCharged: boolean;
}

/** An executor that runs or is being started; its resources are charged once. */
export interface ExecutorBook {
  readonly info: ExecutorInfo;
  readonly frameworkId: string;
  readonly agentId: string;
}

/** An operation with an id, for its feedback. */
export interface OperationBook {
  readonly agentId: string;
  state: OperationState;
}

/** A framework, connected or waiting for its scheduler to come back. */
export interface FrameworkBook {
  readonly id: string;
  info: FrameworkInfo;
  /** The session; null while disconnected. */
  streamId: string | null;
  /** Known only from agents after the start of this master: nobody has subscribed yet. */
  isRecovered: boolean;
  readonly suppressed: Set<string>;
  filters: Filter[];
  readonly tasks: Map<string, TaskBook>;
  readonly unreachableTasks: Map<string, TaskBook>;
  readonly operations: Map<string, OperationBook>;
  /** How often it was allocated something; breaks ties of fairness. */
  allocationsCount: number;
}

/** An offer that is out. */
export interface OfferBook {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  /** Without allocation role. */
  readonly resources: readonly Resource[];
  /** Wall clock. */
  readonly atMs: number;
}

/** Where an agent stands. Recovered: known from before this master's start, not yet back. */
export type AgentState = "registered" | "disconnected" | "unreachable" | "recovered" | "gone";

/** An agent. Resources stand without allocation role. */
export interface AgentBook {
  readonly id: string;
  info: AgentInfo;
  endpoint: AgentEndpoint;
  state: AgentState;
  total: readonly Resource[];
  free: readonly Resource[];
  /** By framework id, then executor id. */
  readonly executors: Map<string, Map<string, ExecutorBook>>;
  /** KILLs to send when it comes back (without their policy, as a real master does). */
  readonly killsPending: Map<string, { frameworkId: string; taskId: string }>;
  unreachableSinceNs?: number;
  /** It is about to end: nothing of it is offered. */
  isLeaving: boolean;
  /** Its offers are withheld: it drains or has drained, until an operator reactivates it. */
  drain: { readonly markGone: boolean; readonly graceMsMax: number | null } | null;
  /** When its machine is to be away; part of its offers. */
  unavailability: Unavailability | null;
  /** Inverse offers that are out, by framework, and those that are not to be repeated yet (monotonic). */
  readonly inverseOffers: Map<string, string>;
  readonly inverseRefusals: Map<string, number>;
  /** What frameworks answered to the latest inverse offer. */
  readonly inverseAnswers: Map<string, "accepted" | "declined">;
}

/** Settings of the master that tests and flags change. */
export interface MasterSettings {
  readonly allocationIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  /** Where it serves; part of MasterInfo. */
  readonly address: { readonly ip: string; readonly port: number; readonly hostname: string };
  readonly version: string;
}

/** Time, chance and ids, handed in. */
export interface MachinePorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A version 4 UUID in its usual text form. */
  readonly newUuid: () => string;
}

/** How an offer ends: answered, taken back, or void with its session. */
export type OfferEnd = "accepted" | "declined" | "rescinded" | "void";

/** Everything that the functions of the master work on; effects of one event are collected in `out`. */
export interface Books {
  readonly masterId: string;
  readonly settings: MasterSettings;
  readonly ports: MachinePorts;
  readonly agents: Map<string, AgentBook>;
  readonly frameworks: Map<string, FrameworkBook>;
  readonly completedFrameworkIds: string[];
  readonly offers: Map<string, OfferBook>;
  /** `--offer_timeout`: offers older than this are rescinded; null (the default of a real master): never. */
  offerTimeoutMs: number | null;
  /** What became of all offers of this master, for tests. */
  readonly offersEnded: Record<OfferEnd, number>;
  nextFrameworkNumber: number;
  nextOfferNumber: number;
  nextAgentNumber: number;
  out: MasterEffect[];
}

/** True when the framework announced the capability. */
export const hasCapability = (
  info: FrameworkInfo,
  capability: FrameworkInfoCapabilityType,
): boolean => (info.capabilities ?? []).some((entry) => entry.type === capability);

/** The roles of a framework, whichever of the two fields says it. */
export const rolesOf = (info: FrameworkInfo): readonly string[] =>
  hasCapability(info, "MULTI_ROLE") ? (info.roles ?? []) : [info.role ?? "*"];

/** The executor with this id on the agent, if one is known. */
export const findExecutor = (
  agent: AgentBook,
  frameworkId: string,
  executorId: string,
): ExecutorBook | undefined => agent.executors.get(frameworkId)?.get(executorId);

/** The executor id of a task: its executor's, or its own for a command task. */
export const executorIdOf = (task: TaskInfo): string =>
  task.executor?.executor_id.value ?? task.task_id.value;

/** Seconds since the epoch, as `timestamp` wants it. */
export const timestampOf = (books: Books): number => books.ports.clock.nowMs() / 1000;
