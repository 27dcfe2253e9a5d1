/**
 * Owns the calls of executors: SUBSCRIBE with its replay rules, UPDATE, MESSAGE; and the checks that need the books.
 * Not: HTTP (http/), delivery to the scheduler (updates.ts). Called by agent.ts.
 * Source of the rules: reference sections 11.1, 11.2, 11.4; recordings wire/json/executor*.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type ExecutorCall,
  type ExecutorCallSubscribe,
  isTerminalState,
  type TaskStatus,
} from "@mr-redis/mesos";
import {
  type AgentBooks,
  type AgentFramework,
  agentIdOf,
  type Executor,
  executorOf,
  taskIn,
} from "./books.js";
import { drainingChange } from "./drain.js";
import type { ExecutorRefusal } from "./effects.js";
import { dropStream, shutdownExecutor } from "./executors.js";
import { agentUpdate, moveTask, sendQueued } from "./tasks.js";
import { takeUpdate } from "./updates.js";

/** What is answered while the agent finds out who outlived its former process. */
export const recoveringText = "Agent has not finished recovery";

/** Rows 8, 9, 10 and 12 of the table in reference 11.1; undefined when the call is taken. */
export function executorRefusal(
  books: AgentBooks,
  call: ExecutorCall,
): ExecutorRefusal | undefined {
  if (books.isRecovering && call.type !== "SUBSCRIBE") return { status: 503, text: recoveringText };
  if (!books.frameworks.has(call.framework_id.value)) {
    return { status: 400, text: "Framework cannot be found" };
  }
  const executor = executorOf(books, call.framework_id.value, call.executor_id.value);
  if (executor === undefined) return { status: 400, text: "Executor cannot be found" };
  return executor.state === "registering" && call.type !== "SUBSCRIBE"
    ? { status: 403, text: "Executor is not subscribed" }
    : undefined;
}

/** SUBSCRIBE on an open, empty stream. */
export function executorSubscribed(books: AgentBooks, streamId: string, call: ExecutorCall): void {
  const framework = books.frameworks.get(call.framework_id.value);
  const executor = framework?.executors.get(call.executor_id.value);
  const isOver =
    framework === undefined ||
    executor === undefined ||
    framework.isTerminating ||
    executor.state === "terminating" ||
    executor.state === "terminated";
  if (isOver) {
    books.out.push(
      { type: "send-executor", streamId, event: { type: "SHUTDOWN" } },
      { type: "close-stream", streamId },
    );
    return;
  }
  dropStream(books, executor);
  executor.streamId = streamId;
  executor.state = "running";
  books.out.push({
    type: "cancel-timer",
    timer: { type: "registration", containerId: executor.containerId },
  });
  setHeartbeat(books, streamId);
  const subscribe = call.subscribe ?? {};
  for (const { status } of subscribe.unacknowledged_updates ?? []) {
    executorUpdate(books, framework, executor, status);
  }
  dropUnknownTasks(books, framework, executor, subscribe);
  if (!executor.wasSentTask && executor.queued.size === 0) {
    shutdownExecutor(books, executor);
    return;
  }
  announce(books, framework, executor, streamId);
  sendQueued(books, executor);
  books.out.push({ type: "save" });
}

/** Sent, still STAGING, and the executor does not know it: the LAUNCH was lost. */
function dropUnknownTasks(
  books: AgentBooks,
  framework: AgentFramework,
  executor: Executor,
  subscribe: ExecutorCallSubscribe,
): void {
  const known = new Set((subscribe.unacknowledged_tasks ?? []).map((task) => task.task_id.value));
  for (const [taskId, task] of [...executor.launched]) {
    if (task.state !== "TASK_STAGING" || known.has(taskId)) continue;
    agentUpdate(books, framework, {
      taskId,
      executorId: executor.id,
      state: "TASK_DROPPED",
      reason: "REASON_AGENT_RESTARTED",
      message: "Task launched during agent restart",
    });
  }
}

function announce(
  books: AgentBooks,
  framework: AgentFramework,
  executor: Executor,
  streamId: string,
): void {
  books.out.push({
    type: "send-executor",
    streamId,
    event: {
      type: "SUBSCRIBED",
      subscribed: {
        executor_info: executor.info,
        framework_info: framework.info,
        agent_info: books.info,
        container_id: { value: executor.containerId },
      },
    },
  });
}

function setHeartbeat(books: AgentBooks, streamId: string): void {
  const delayMs = books.settings.executorHeartbeatMs;
  books.out.push({ type: "set-timer", timer: { type: "executor-heartbeat", streamId }, delayMs });
}

/** Every 30 minutes, the first after 30 minutes. */
export function executorHeartbeat(books: AgentBooks, streamId: string): void {
  books.out.push({ type: "send-executor", streamId, event: { type: "HEARTBEAT" } });
  setHeartbeat(books, streamId);
}

/** UPDATE or MESSAGE of an executor that passed {@link executorRefusal}. */
export function executorCalled(books: AgentBooks, call: ExecutorCall): void {
  const framework = books.frameworks.get(call.framework_id.value);
  const executor = framework?.executors.get(call.executor_id.value);
  if (framework === undefined || executor === undefined) return;
  if (call.type === "UPDATE" && call.update !== undefined) {
    executorUpdate(books, framework, executor, call.update.status);
  } else if (call.type === "MESSAGE" && call.message !== undefined) {
    books.out.push({
      type: "send-master",
      message: {
        type: "executor-message",
        frameworkId: framework.id,
        executorId: executor.id,
        data: call.message.data,
      },
    });
  }
}

/** Completes an update, hands it over for delivery and acknowledges it to the executor, duplicates too. */
function executorUpdate(
  books: AgentBooks,
  framework: AgentFramework,
  executor: Executor,
  status: TaskStatus,
): void {
  if (framework.isTerminating) return;
  const taskId = status.task_id.value;
  const task = taskIn(executor, taskId);
  const isSecondEnd =
    task !== undefined && isTerminalState(task.state) && isTerminalState(status.state);
  if (!isSecondEnd) {
    moveTask(books, executor, taskId, status.state);
    takeUpdate(books, framework.id, completed(books, executor, status));
  }
  if (executor.streamId === null || status.uuid === undefined) return;
  books.out.push({
    type: "send-executor",
    streamId: executor.streamId,
    event: {
      type: "ACKNOWLEDGED",
      acknowledged: { task_id: status.task_id, uuid: status.uuid },
    },
  });
}

/** What the agent adds: itself, the source, a time if none is given, the container. */
function completed(books: AgentBooks, executor: Executor, status: TaskStatus): TaskStatus {
  const ipAddress = { ip_address: books.endpoint.ip };
  return {
    ...status,
    ...drainingChange(books, status),
    source: "SOURCE_EXECUTOR",
    agent_id: { value: agentIdOf(books) },
    timestamp: status.timestamp ?? books.ports.clock.nowMs() / 1000,
    container_status: {
      ...status.container_status,
      container_id: { value: executor.containerId },
      network_infos: status.container_status?.network_infos ?? [{ ip_addresses: [ipAddress] }],
      ...(executor.pid === null ? {} : { executor_pid: executor.pid }),
    },
  };
}
