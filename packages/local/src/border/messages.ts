/**
 * Owns the messages between the master and its agents: all that either may know of the other.
 * Not: how they travel (border/link.ts), what they mean (master/, agent/). Called by both sides.
 * Every message is plain JSON, so that an agent can become a process of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  AgentInfo,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  OperationStatus,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
} from "@mr-redis/mesos";

/** Where an agent answers executors; also what offers say of it. */
export interface AgentEndpoint {
  readonly ip: string;
  readonly port: number;
}

/** A task as an agent that comes back reports it. */
export interface ReportedTask {
  readonly frameworkId: string;
  readonly info: TaskInfo;
  readonly executorId: string;
  readonly state: TaskState;
  /** The update that waits for its acknowledgement, if one does. */
  readonly pending?: { readonly state: TaskState; readonly uuid: string };
}

/** What an agent says to the master. */
export type AgentMessage =
  /** It is about to end, with everything on it: no more offers of it. The master answers with `leave-noted`. */
  | { readonly type: "leaving" }
  | {
      readonly type: "register";
      /** With `id` when the agent was registered before, also by another master. */
      readonly info: AgentInfo;
      readonly endpoint: AgentEndpoint;
      readonly tasks: readonly ReportedTask[];
      readonly executors: readonly ExecutorInfo[];
      readonly frameworks: readonly FrameworkInfo[];
    }
  | {
      readonly type: "update";
      readonly frameworkId: string;
      readonly status: TaskStatus;
      /** The newest state that the agent knows; the scheduler sees the queue in order. */
      readonly latestState: TaskState;
    }
  | {
      readonly type: "executor-exited";
      readonly frameworkId: string;
      readonly executorId: string;
      /** Raw wait status: exit code times 256, or the signal; -1 when unknown. */
      readonly status: number;
    }
  | {
      readonly type: "executor-message";
      readonly frameworkId: string;
      readonly executorId: string;
      readonly data: string;
    }
  | {
      readonly type: "operation-update";
      readonly frameworkId: string;
      readonly status: OperationStatus;
    };

/** What the master says to an agent. */
export type MasterMessage =
  /** No launch follows behind this. */
  | { readonly type: "leave-noted" }
  | { readonly type: "registered"; readonly agentId: string }
  | {
      readonly type: "run-task";
      readonly framework: FrameworkInfo;
      readonly task: TaskInfo;
      /** What the master believes; the agent drops the task when it knows better. */
      readonly launchExecutor: boolean;
    }
  /** Tasks that the master has and the agent did not report: it says of each that it does not know it. */
  | {
      readonly type: "reconcile-tasks";
      readonly framework: FrameworkInfo;
      readonly tasks: readonly { readonly taskId: string; readonly executorId: string }[];
    }
  | {
      readonly type: "kill-task";
      readonly frameworkId: string;
      readonly taskId: string;
      readonly killPolicy?: KillPolicy;
    }
  | {
      readonly type: "acknowledge-update";
      readonly frameworkId: string;
      readonly taskId: string;
      readonly uuid: string;
    }
  | {
      readonly type: "scheduler-message";
      readonly frameworkId: string;
      readonly executorId: string;
      readonly data: string;
    }
  | {
      readonly type: "shutdown-executor";
      readonly frameworkId: string;
      readonly executorId: string;
    }
  | { readonly type: "shutdown-framework"; readonly frameworkId: string }
  /** The agent was removed or marked gone: everything on it ends, and it does not come back under this id. */
  | { readonly type: "shutdown-agent" }
  /** Every task is to be killed, and none is taken any more. Repeated at each registration. */
  | {
      readonly type: "drain-agent";
      readonly markGone: boolean;
      /** Upper bound of each task's grace; null: none. */
      readonly graceMsMax: number | null;
    }
  | { readonly type: "reactivate-agent" }
  | { readonly type: "update-framework"; readonly framework: FrameworkInfo }
  | {
      readonly type: "apply-operation";
      readonly frameworkId: string;
      readonly operationId?: string;
      readonly consumed: readonly Resource[];
      readonly converted: readonly Resource[];
      readonly kind: "reserve" | "unreserve" | "create" | "destroy";
    }
  | {
      readonly type: "acknowledge-operation";
      readonly frameworkId: string;
      readonly operationId: string;
      readonly uuid: string;
    };
