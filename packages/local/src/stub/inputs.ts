/**
 * Owns the meaning of an agent's events for a stub executor, in the words of core's supervision.
 * Not: what follows from them (core). Called by executor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  decodeGoalBatch,
  decodeLaunchOrder,
  problemsText,
  type SuperviseEvent,
} from "@mr-redis/core";
import { base64ToBytes, type ExecutorEvent } from "@mr-redis/mesos";

/** An event without its time, which the executor adds. */
export type StubInput = SuperviseEvent extends infer Event
  ? Event extends SuperviseEvent
    ? Omit<Event, "atMs">
    : never
  : never;

const decodeText = (data: string | undefined): string => {
  const bytes = base64ToBytes(data ?? "");
  return bytes.ok ? new TextDecoder().decode(bytes.value) : "";
};

/** What the event means; null for those that only concern the session, and for messages that are none of ours. */
export function stubInput(
  event: ExecutorEvent,
  options: { readonly shutdownGraceMs: number; readonly startId: string },
): StubInput | null {
  const { launch, kill, message } = event;
  if (launch !== undefined) {
    const taskId = launch.task.task_id.value;
    const order = decodeLaunchOrder(decodeText(launch.task.data));
    return order.ok
      ? { type: "launch-received", order: order.value, startId: options.startId }
      : { type: "launch-unreadable", taskId, text: problemsText(order.problems) };
  }
  if (kill !== undefined)
    return { type: "kill-received", taskId: kill.task_id.value, graceMs: null };
  if (message !== undefined) {
    const batch = decodeGoalBatch(decodeText(message.data));
    return batch.ok ? { type: "goals-received", batch: batch.value } : null;
  }
  return event.type === "SHUTDOWN" || event.type === "ERROR"
    ? { type: "shutdown-received", graceMs: options.shutdownGraceMs }
    : null;
}
