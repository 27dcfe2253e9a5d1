/**
 * Owns the delivery of status updates: for each task a queue of which one update is out, repeated until it is
 * acknowledged. Not: what the updates say (executors, tasks.ts). Called by agent/ only.
 * Source of the rules: Apache Mesos, src/slave/task_status_update_manager.cpp; reference section 6.3.
 * Invariant: updates of a task reach the scheduler in the order of their making, the next only after the
 * acknowledgement of the one before.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  isTerminalState,
  type OperationStatus,
  type TaskState,
  type TaskStatus,
} from "@mr-redis/mesos";
import {
  type AgentBooks,
  type AgentFramework,
  agentIdOf,
  taskIn,
  taskKey,
  taskNameOf,
  type UpdateStream,
} from "./books.js";
import { removeIfDone } from "./remove.js";

/** Most updates of one task that may wait; an executor that makes more is out of order, its newest are refused. */
export const pendingUpdatesMax = 1_000;

/** Uuids of one task that are remembered; an executor repeats only what it has not seen acknowledged, its newest. */
export const seenUuidsMax = 10_000;

/** A new uuid for an `uuid` field. */
export const newUpdateUuid = (books: AgentBooks): string =>
  Buffer.from(books.ports.newUuid().replaceAll("-", ""), "hex").toString("base64");

/** Takes an update over for delivery; false when its uuid was seen before (it is acknowledged to the executor anyway). */
export function takeUpdate(books: AgentBooks, frameworkId: string, status: TaskStatus): boolean {
  const taskId = status.task_id.value;
  const key = taskKey(frameworkId, taskId);
  const uuid = status.uuid ?? "";
  const stream = books.updates.get(key) ?? newStream(books, frameworkId, taskId);
  books.updates.set(key, stream);
  if (stream.seen.has(uuid)) return false;
  if (stream.pending.length >= pendingUpdatesMax) return false;
  remember(stream.seen, uuid);
  stream.pending.push(status);
  books.out.push({ type: "save", task: taskNameOf(books, frameworkId, taskId) });
  if (stream.pending.length === 1) forward(books, key, stream);
  return true;
}

function remember(seen: Set<string>, uuid: string): void {
  seen.add(uuid);
  for (const oldest of seen) {
    if (seen.size <= seenUuidsMax) return;
    seen.delete(oldest);
  }
}

const newStream = (books: AgentBooks, frameworkId: string, taskId: string): UpdateStream => ({
  frameworkId,
  taskId,
  pending: [],
  seen: new Set(),
  retryMs: books.settings.updateRetryMs,
});

/** Sends the first update of a stream and sets the timer of its repetition. */
function forward(books: AgentBooks, key: string, stream: UpdateStream): void {
  const [status] = stream.pending;
  // A recovering agent has no master yet; it says everything once it is registered.
  if (status === undefined || books.isRecovering) return;
  const { frameworkId } = stream;
  const latestState = latestStateOf(books, stream) ?? status.state;
  books.out.push({
    type: "send-master",
    message: { type: "update", frameworkId, status, latestState },
  });
  const timer = { type: "update-retry", key } as const;
  books.out.push({ type: "set-timer", timer, delayMs: stream.retryMs });
}

function latestStateOf(books: AgentBooks, stream: UpdateStream): TaskState | undefined {
  for (const executor of books.frameworks.get(stream.frameworkId)?.executors.values() ?? []) {
    const task = taskIn(executor, stream.taskId);
    if (task !== undefined) return task.state;
  }
  return stream.pending.at(-1)?.state;
}

/** Not acknowledged in time: again, after twice the time (10 s, 20 s, ... 10 min by default). */
export function retryUpdate(books: AgentBooks, key: string): void {
  const stream = books.updates.get(key);
  if (stream === undefined) return;
  stream.retryMs = Math.min(stream.retryMs * 2, books.settings.updateRetryMsMax);
  forward(books, key, stream);
}

/**
 * A scheduler (re)subscribed somewhere: every update of a task that waits goes out at once, timers start anew. Those of
 * operations do not, as recorded; they wait for their own time.
 */
export function resendUpdates(books: AgentBooks): void {
  for (const [key, stream] of books.updates) {
    stream.retryMs = books.settings.updateRetryMs;
    forward(books, key, stream);
  }
}

/** The agent is registered (again): what is known of operations goes out at once. */
export function resendOperations(books: AgentBooks): void {
  for (const [key, stream] of books.operations) {
    stream.retryMs = books.settings.updateRetryMs;
    forwardOperation(books, key);
  }
}

/** The scheduler's acknowledgement: only of the update that is out. The one of a terminal update ends the task. */
export function acknowledgeUpdate(
  books: AgentBooks,
  frameworkId: string,
  taskId: string,
  uuid: string,
): void {
  const key = taskKey(frameworkId, taskId);
  const stream = books.updates.get(key);
  const [first] = stream?.pending ?? [];
  if (stream === undefined || first === undefined || first.uuid !== uuid) return;
  stream.pending.shift();
  books.out.push(
    { type: "cancel-timer", timer: { type: "update-retry", key } },
    { type: "save", task: taskNameOf(books, frameworkId, taskId) },
  );
  if (isTerminalState(first.state)) {
    books.updates.delete(key);
    const framework = books.frameworks.get(frameworkId);
    if (framework !== undefined) forgetTask(books, framework, taskId);
    return;
  }
  stream.retryMs = books.settings.updateRetryMs;
  forward(books, key, stream);
}

function forgetTask(books: AgentBooks, framework: AgentFramework, taskId: string): void {
  for (const executor of [...framework.executors.values()]) {
    if (executor.ended.delete(taskId)) removeIfDone(books, framework, executor);
  }
}

/** The framework is gone: nobody will acknowledge. */
export function dropUpdates(books: AgentBooks, frameworkId: string): void {
  for (const [key, stream] of [...books.updates]) {
    if (stream.frameworkId !== frameworkId) continue;
    books.updates.delete(key);
    books.out.push({ type: "cancel-timer", timer: { type: "update-retry", key } });
  }
  for (const [key, stream] of [...books.operations]) {
    if (stream.frameworkId !== frameworkId) continue;
    books.operations.delete(key);
    books.out.push({ type: "cancel-timer", timer: { type: "operation-retry", key } });
  }
}

/** Feedback of an operation: repeated like an update until it is acknowledged. */
export function takeOperation(books: AgentBooks, frameworkId: string, operationId: string): void {
  const key = taskKey(frameworkId, operationId);
  const status: OperationStatus = {
    operation_id: { value: operationId },
    state: "OPERATION_FINISHED",
    uuid: { value: newUpdateUuid(books) },
    agent_id: { value: agentIdOf(books) },
  };
  books.operations.set(key, { frameworkId, status, retryMs: books.settings.updateRetryMs });
  forwardOperation(books, key);
}

function forwardOperation(books: AgentBooks, key: string): void {
  const stream = books.operations.get(key);
  if (stream === undefined || books.isRecovering) return;
  const { frameworkId, status } = stream;
  books.out.push(
    { type: "send-master", message: { type: "operation-update", frameworkId, status } },
    { type: "set-timer", timer: { type: "operation-retry", key }, delayMs: stream.retryMs },
  );
}

/** As {@link retryUpdate}, for an operation. */
export function retryOperation(books: AgentBooks, key: string): void {
  const stream = books.operations.get(key);
  if (stream === undefined) return;
  stream.retryMs = Math.min(stream.retryMs * 2, books.settings.updateRetryMsMax);
  forwardOperation(books, key);
}

/** As {@link acknowledgeUpdate}, for an operation. */
export function acknowledgeOperation(
  books: AgentBooks,
  frameworkId: string,
  operationId: string,
  uuid: string,
): void {
  const key = taskKey(frameworkId, operationId);
  if (books.operations.get(key)?.status.uuid?.value !== uuid) return;
  books.operations.delete(key);
  books.out.push(
    { type: "cancel-timer", timer: { type: "operation-retry", key } },
    { type: "save" },
  );
}
