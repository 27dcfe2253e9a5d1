/**
 * Owns the making of the executor calls: plain values in, messages out.
 * Not: when to call, nor what is kept until acknowledged (the executor session). Called by the executor session.
 * Source of the rules: Apache Mesos, docs/executor-http-api.md and include/mesos/v1/executor/executor.proto.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ExecutorCall, TaskInfo, TaskStatus } from "./types.js";

/** Who speaks: both ids are required in every call. */
export interface ExecutorIdentity {
  readonly frameworkId: string;
  readonly executorId: string;
}

const identified = ({ frameworkId, executorId }: ExecutorIdentity) => ({
  executor_id: { value: executorId },
  framework_id: { value: frameworkId },
});

/**
 * SUBSCRIBE with what the agent has not acknowledged: a task that it sent and that is not listed is given up as
 * TASK_DROPPED, so tasks are listed as received.
 */
export function executorSubscribeCall(
  identity: ExecutorIdentity,
  tasks: readonly TaskInfo[],
  statuses: readonly TaskStatus[],
): ExecutorCall {
  return {
    ...identified(identity),
    type: "SUBSCRIBE",
    subscribe: {
      unacknowledged_tasks: tasks,
      unacknowledged_updates: statuses.map((status) => ({ status })),
    },
  };
}

/** UPDATE. The status needs `uuid` and `source`, which the executor session sets. */
export function executorUpdateCall(identity: ExecutorIdentity, status: TaskStatus): ExecutorCall {
  return { ...identified(identity), type: "UPDATE", update: { status } };
}

/** MESSAGE to the scheduler: at most once. `data` is base64. */
export function executorMessageCall(identity: ExecutorIdentity, data: string): ExecutorCall {
  return { ...identified(identity), type: "MESSAGE", message: { data } };
}
