/**
 * Owns the translation of Mesos events into events of the decision core. Everything in them is checked input by then
 * (the codec), except message bytes, which are decoded here.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type ControlHappening,
  decodeReportBatch,
  messageBytesMax,
  type TaskUpdate,
} from "@mr-redis/core";
import { base64ToBytes, type SchedulerEvent, type TaskStatus } from "@mr-redis/mesos";

/** A status as the core sees it. */
export const taskUpdateOf = (status: TaskStatus): TaskUpdate => ({
  taskId: status.task_id.value,
  agentId: status.agent_id?.value ?? null,
  state: status.state,
  source: status.source ?? null,
  reason: status.reason ?? null,
  message: status.message ?? null,
  uuid: status.uuid === undefined || status.uuid === "" ? null : status.uuid,
});

/** A message of an executor, or why it was thrown away. */
export function reportsOf(
  event: SchedulerEvent,
): { readonly happening: ControlHappening } | { readonly problem: string } {
  const message = event.message;
  if (message === undefined) return { problem: "a MESSAGE event without a message" };
  if (message.data.length > 2 * messageBytesMax) return { problem: "the message is too large" };
  const bytes = base64ToBytes(message.data);
  if (!bytes.ok) return { problem: "the message is not base64" };
  const batch = decodeReportBatch(new TextDecoder().decode(bytes.value));
  if (!batch.ok) {
    return {
      problem: batch.problems
        .map(({ path, rule }) => `${path} ${rule}`)
        .join("; ")
        .slice(0, 300),
    };
  }
  return {
    happening: {
      type: "reports-received",
      agentId: message.agent_id.value,
      executorId: message.executor_id.value,
      batch: batch.value,
    },
  };
}
