/**
 * Owns the events that the agent machine takes and the effects it answers with.
 * Not: their meaning (agent.ts) nor their execution (shell/agent-shell.ts). Called by both.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  ExecutorCall,
  ExecutorEvent,
  ExecutorInfo,
  FrameworkInfo,
  Resource,
} from "@mr-redis/mesos";
import type { AgentMessage, MasterMessage } from "../border/messages.js";

/** Timers of an agent; setting one again replaces it. */
export type AgentTimer =
  | { readonly type: "registration"; readonly containerId: string }
  /** The end of the time in which executors of the former process may come back. */
  | { readonly type: "reregistration" }
  | { readonly type: "shutdown-grace"; readonly containerId: string }
  | { readonly type: "executor-heartbeat"; readonly streamId: string }
  | { readonly type: "update-retry"; readonly key: string }
  | { readonly type: "operation-retry"; readonly key: string };

/** What happened. Calls come only after the checks of the endpoint (http/executor-endpoint.ts). */
export type AgentEvent =
  | { readonly type: "started" }
  /** The program is about to end: every executor is shut down. */
  | { readonly type: "stopping" }
  /** There is a connection to a master, perhaps another one: it is told everything. */
  | { readonly type: "master-detected" }
  | { readonly type: "master-said"; readonly message: MasterMessage }
  | { readonly type: "executor-subscribed"; readonly streamId: string; readonly call: ExecutorCall }
  | { readonly type: "executor-called"; readonly call: ExecutorCall }
  | { readonly type: "stream-closed"; readonly streamId: string }
  | { readonly type: "container-started"; readonly containerId: string; readonly pid: number }
  | { readonly type: "container-failed"; readonly containerId: string; readonly problem: string }
  /** Nothing of the container is left. `status` is a raw wait status, -1 when unknown. */
  | { readonly type: "container-ended"; readonly containerId: string; readonly status: number }
  | { readonly type: "timer-fired"; readonly timer: AgentTimer };

/** A container to start. */
export interface ContainerPlan {
  readonly containerId: string;
  readonly executor: ExecutorInfo;
  readonly framework: FrameworkInfo;
}

/** A task on record. */
export interface TaskName {
  readonly frameworkId: string;
  /** null when no executor has it: only its updates may be recorded. */
  readonly executorId: string | null;
  readonly taskId: string;
}

/** What is to be done. */
export type AgentEffect =
  | { readonly type: "send-master"; readonly message: AgentMessage }
  | { readonly type: "send-executor"; readonly streamId: string; readonly event: ExecutorEvent }
  | { readonly type: "close-stream"; readonly streamId: string }
  | { readonly type: "launch-container"; readonly plan: ContainerPlan }
  | { readonly type: "destroy-container"; readonly containerId: string }
  /** The container's volumes are these from now on. */
  | {
      readonly type: "link-volumes";
      readonly containerId: string;
      readonly volumes: readonly Resource[];
    }
  | {
      readonly type: "change-volumes";
      readonly kind: "create" | "destroy";
      readonly volumes: readonly Resource[];
    }
  | { readonly type: "set-timer"; readonly timer: AgentTimer; readonly delayMs: number }
  | { readonly type: "cancel-timer"; readonly timer: AgentTimer }
  /** The state on disk is out of date; with `task` only in what it says of that one. */
  | { readonly type: "save"; readonly task?: TaskName }
  | {
      readonly type: "log";
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

/** What the endpoint answers instead of 200 or 202. */
export interface ExecutorRefusal {
  readonly status: number;
  readonly text: string;
}
