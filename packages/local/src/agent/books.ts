/**
 * Owns what an agent remembers: frameworks, executors, tasks, and the updates that wait for acknowledgement.
 * Not: what happens to them (the other files here), nor processes (container/). Called by agent/ only.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  AgentInfo,
  ExecutorInfo,
  FrameworkInfo,
  OperationStatus,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from "@mr-redis/mesos";
import type { AgentEndpoint } from "../border/messages.js";
import type { MachinePorts } from "../master/books.js";
import type { AgentEffect, TaskName } from "./effects.js";

/** An executor's life; it never goes back. */
export type ExecutorState = "registering" | "running" | "terminating" | "terminated";

/** A task in an executor. */
export interface AgentTask {
  readonly info: TaskInfo;
  state: TaskState;
  /** True when its LAUNCH was written to the executor's stream (or into the void). */
  wasSent: boolean;
}

/** Why the agent ends an executor; becomes the state and the reason of its tasks' end. */
export interface EndReason {
  readonly state: "TASK_FAILED" | "TASK_GONE";
  readonly reason: TaskStatusReason;
  readonly message: string;
}

/** An executor that is being started, runs or has ended with unacknowledged tasks. */
export interface Executor {
  readonly id: string;
  readonly frameworkId: string;
  readonly info: ExecutorInfo;
  readonly containerId: string;
  state: ExecutorState;
  streamId: string | null;
  pid: number | null;
  /** Not yet sent, in the order of the master. */
  readonly queued: Map<string, AgentTask>;
  /** Sent and not terminal. */
  readonly launched: Map<string, AgentTask>;
  /** Terminal, waiting for the scheduler's acknowledgement. */
  readonly ended: Map<string, AgentTask>;
  wasSentTask: boolean;
  endReason: EndReason | null;
}

/** A framework with executors on this agent. */
export interface AgentFramework {
  readonly id: string;
  info: FrameworkInfo;
  isTerminating: boolean;
  readonly executors: Map<string, Executor>;
}

/** The updates of one task, oldest first; only the first is out, the next follows its acknowledgement. */
export interface UpdateStream {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly pending: TaskStatus[];
  /** Uuids seen, to recognise what is sent again. */
  readonly seen: Set<string>;
  retryMs: number;
}

/** Feedback of one operation that waits for its acknowledgement. */
export interface OperationStream {
  readonly frameworkId: string;
  readonly status: OperationStatus;
  retryMs: number;
}

/** Settings of an agent that tests and flags change. */
export interface AgentSettings {
  readonly registrationTimeoutMs: number;
  readonly shutdownGraceMs: number;
  readonly executorHeartbeatMs: number;
  readonly updateRetryMs: number;
  readonly updateRetryMsMax: number;
  /** After a restart, executors that have not subscribed again within this time are destroyed. */
  readonly reregistrationTimeoutMs: number;
}

/** Everything that the functions of the agent work on; effects of one event are collected in `out`. */
export interface AgentBooks {
  info: AgentInfo;
  readonly endpoint: AgentEndpoint;
  readonly settings: AgentSettings;
  readonly ports: MachinePorts;
  /** With reservations and volumes as operations left them. */
  total: readonly Resource[];
  readonly frameworks: Map<string, AgentFramework>;
  readonly updates: Map<string, UpdateStream>;
  readonly operations: Map<string, OperationStream>;
  /** Waits for the executors that outlived its former process; not yet registered with a master. */
  isRecovering: boolean;
  /** Set while the agent drains. Not on record: the master says it again at each registration. */
  drain: { readonly markGone: boolean } | null;
  out: AgentEffect[];
}

/** The agent's id; empty before it registered for the first time. */
export const agentIdOf = (books: AgentBooks): string => books.info.id?.value ?? "";

/** The executor, if the agent has it. */
export const executorOf = (
  books: AgentBooks,
  frameworkId: string,
  executorId: string,
): Executor | undefined => books.frameworks.get(frameworkId)?.executors.get(executorId);

/** The key of a task among all frameworks. */
export const taskKey = (frameworkId: string, taskId: string): string => `${frameworkId}\n${taskId}`;

/** The name of a task on record. */
export function taskNameOf(books: AgentBooks, frameworkId: string, taskId: string): TaskName {
  const executors = books.frameworks.get(frameworkId)?.executors.values() ?? [];
  for (const executor of executors) {
    if (taskIn(executor, taskId) !== undefined) {
      return { frameworkId, executorId: executor.id, taskId };
    }
  }
  return { frameworkId, executorId: null, taskId };
}

/** A task wherever it stands in an executor. */
export const taskIn = (executor: Executor, taskId: string): AgentTask | undefined =>
  executor.queued.get(taskId) ?? executor.launched.get(taskId) ?? executor.ended.get(taskId);
