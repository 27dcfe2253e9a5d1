/**
 * Owns the life of executors: shutdown with grace, the end of their container, deadlines.
 * Not: processes (container/), subscriptions (executor-calls.ts). Called by agent.ts.
 *
 * | state       | subscribed | shutdown    | registration timeout | grace over | container ended |
 * | ----------- | ---------- | ----------- | -------------------- | ---------- | --------------- |
 * | registering | running    | terminating | terminating, destroy | -          | terminated      |
 * | running     | running    | terminating | -                    | -          | terminated      |
 * | terminating | SHUTDOWN   | -           | -                    | destroy    | terminated      |
 * | terminated  | SHUTDOWN   | -           | -                    | -          | -               |
 * SPDX-License-Identifier: Apache-2.0
 */

import type { AgentBooks, AgentFramework, EndReason, Executor } from "./books.js";
import { durationText } from "./duration.js";
import { removeFrameworkIfIdle, removeIfDone } from "./remove.js";
import { agentUpdate } from "./tasks.js";
import { dropUpdates } from "./updates.js";

/** Milliseconds between SHUTDOWN and the end of the container. */
export const graceOf = (books: AgentBooks, executor: Executor): number => {
  const own = executor.info.shutdown_grace_period?.nanoseconds;
  return own === undefined ? books.settings.shutdownGraceMs : own / 1e6;
};

/** Sends SHUTDOWN (when it subscribes, if it has not yet) and destroys the container after the grace period. */
export function shutdownExecutor(books: AgentBooks, executor: Executor): void {
  if (executor.state === "terminating" || executor.state === "terminated") return;
  executor.state = "terminating";
  if (executor.streamId !== null) {
    books.out.push({
      type: "send-executor",
      streamId: executor.streamId,
      event: { type: "SHUTDOWN" },
    });
  }
  books.out.push({
    type: "set-timer",
    timer: { type: "shutdown-grace", containerId: executor.containerId },
    delayMs: graceOf(books, executor),
  });
}

/** The framework is over: its updates go, its executors are shut down. */
export function shutdownFramework(books: AgentBooks, frameworkId: string): void {
  const framework = books.frameworks.get(frameworkId);
  dropUpdates(books, frameworkId);
  if (framework === undefined || framework.isTerminating) return;
  framework.isTerminating = true;
  books.out.push({ type: "save" });
  for (const executor of [...framework.executors.values()]) {
    if (executor.state === "terminated") removeIfDone(books, framework, executor);
    else shutdownExecutor(books, executor);
  }
  removeFrameworkIfIdle(books, framework);
}

/** The executor did not subscribe in time: its container goes, its tasks fail with this reason. */
export function registrationTimedOut(books: AgentBooks, executor: Executor): void {
  if (executor.state !== "registering") return;
  executor.state = "terminating";
  const within = durationText(books.settings.registrationTimeoutMs);
  executor.endReason = {
    state: "TASK_FAILED",
    reason: "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
    message: `Executor did not register within ${within}`,
  };
  books.out.push({ type: "destroy-container", containerId: executor.containerId });
}

/** The agent was restarted and the executor did not come back in time: its container goes, its tasks are gone. */
export function reregistrationTimedOut(books: AgentBooks, executor: Executor): void {
  if (executor.state !== "registering") return;
  executor.state = "terminating";
  const within = durationText(books.settings.reregistrationTimeoutMs);
  executor.endReason = {
    state: "TASK_GONE",
    reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    message: `Executor did not reregister within ${within}`,
  };
  books.out.push({ type: "destroy-container", containerId: executor.containerId });
}

/** The container could not be started; what was started of it is gone. */
export function containerFailed(
  books: AgentBooks,
  framework: AgentFramework,
  executor: Executor,
  problem: string,
): void {
  executor.endReason ??= {
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LAUNCH_FAILED",
    message: `Failed to launch container: ${problem}`,
  };
  containerEnded(books, framework, executor, -1);
}

/** Nothing of the container is left: FAILURE for the framework, an end for every task that had none. */
export function containerEnded(
  books: AgentBooks,
  framework: AgentFramework,
  executor: Executor,
  status: number,
): void {
  if (executor.state === "terminated") return;
  executor.state = "terminated";
  const { containerId } = executor;
  books.out.push(
    { type: "cancel-timer", timer: { type: "registration", containerId } },
    { type: "cancel-timer", timer: { type: "shutdown-grace", containerId } },
  );
  dropStream(books, executor);
  books.out.push({
    type: "send-master",
    message: {
      type: "executor-exited",
      frameworkId: framework.id,
      executorId: executor.id,
      status,
    },
  });
  if (!framework.isTerminating) failTasks(books, framework, executor);
  removeIfDone(books, framework, executor);
}

/** Ends the tasks of an executor of which nothing is left. */
export function failTasks(books: AgentBooks, framework: AgentFramework, executor: Executor): void {
  const end: EndReason = executor.endReason ?? {
    state: "TASK_FAILED",
    reason: "REASON_EXECUTOR_TERMINATED",
    message: "Executor terminated",
  };
  for (const taskId of [...executor.launched.keys(), ...executor.queued.keys()]) {
    agentUpdate(books, framework, {
      taskId,
      executorId: executor.id,
      ...end,
    });
  }
}

/** Closes the executor's stream, if it has one. */
export function dropStream(books: AgentBooks, executor: Executor): void {
  const { streamId } = executor;
  if (streamId === null) return;
  executor.streamId = null;
  books.out.push(
    { type: "cancel-timer", timer: { type: "executor-heartbeat", streamId } },
    { type: "close-stream", streamId },
  );
}
