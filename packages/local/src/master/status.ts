/**
 * Owns the status updates that the master itself makes: no uuid, source master, a reason and a text.
 * Not: forwarding those of agents (updates.ts). Called by accept.ts, reconcile.ts, agents.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { TaskState, TaskStatus, TaskStatusReason } from "@mr-redis/mesos";
import { type Books, type FrameworkBook, hasCapability, timestampOf } from "./books.js";

/** A partition-aware state, or TASK_LOST for frameworks that do not know it. */
export function stateFor(framework: FrameworkBook, state: TaskState): TaskState {
  return hasCapability(framework.info, "PARTITION_AWARE") ? state : "TASK_LOST";
}

/** Sends an update made by the master; lost when the framework is not connected, as with a real one. */
export function sendStatus(
  books: Books,
  framework: FrameworkBook,
  update: {
    readonly taskId: string;
    readonly state: TaskState;
    readonly reason: TaskStatusReason;
    readonly message: string;
    readonly agentId?: string;
    readonly more?: Partial<TaskStatus>;
  },
): void {
  if (framework.streamId === null) return;
  const { taskId, state, reason, message, agentId, more } = update;
  const status: TaskStatus = {
    task_id: { value: taskId },
    state,
    message,
    source: "SOURCE_MASTER",
    reason,
    ...(agentId === undefined ? {} : { agent_id: { value: agentId } }),
    timestamp: timestampOf(books),
    ...more,
  };
  books.out.push({
    type: "send-event",
    streamId: framework.streamId,
    event: { type: "UPDATE", update: { status } },
  });
}
