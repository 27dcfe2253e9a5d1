/**
 * Owns tasks on their way to an executor: running, killing, and the updates that the agent itself makes.
 * Not: executors' own updates (executor-calls.ts), delivery (updates.ts). Called by agent.ts.
 * Source of the rules: Apache Mesos, src/slave/slave.cpp; reference sections 6.2, 6.5.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type FrameworkInfo,
  isTerminalState,
  isVolume,
  type KillPolicy,
  type TaskInfo,
  type TaskState,
  type TaskStatus,
  type TaskStatusReason,
} from "@mr-redis/mesos";
import type { MasterMessage } from "../border/messages.js";
import { hasCapability } from "../master/books.js";
import {
  type AgentBooks,
  type AgentFramework,
  type AgentTask,
  agentIdOf,
  type Executor,
  taskIn,
  taskKey,
} from "./books.js";
import { newUpdateUuid, takeUpdate } from "./updates.js";

/** A state for a framework: TASK_LOST instead of the partition-aware ones when it does not know them. */
const stateFor = (info: FrameworkInfo, state: TaskState): TaskState =>
  ["TASK_DROPPED", "TASK_GONE"].includes(state) && !hasCapability(info, "PARTITION_AWARE")
    ? "TASK_LOST"
    : state;

/** Makes an update of the agent itself: with a uuid, delivered like an executor's. Moves the task when it is terminal. */
export function agentUpdate(
  books: AgentBooks,
  framework: AgentFramework,
  update: {
    readonly taskId: string;
    readonly executorId: string;
    readonly state: TaskState;
    readonly reason: TaskStatusReason;
    readonly message: string;
  },
): void {
  const status: TaskStatus = {
    task_id: { value: update.taskId },
    state: stateFor(framework.info, update.state),
    message: update.message,
    source: "SOURCE_AGENT",
    reason: update.reason,
    agent_id: { value: agentIdOf(books) },
    executor_id: { value: update.executorId },
    timestamp: books.ports.clock.nowMs() / 1000,
    uuid: newUpdateUuid(books),
  };
  const executor = framework.executors.get(update.executorId);
  if (executor !== undefined) moveTask(books, executor, update.taskId, status.state);
  takeUpdate(books, framework.id, status);
}

/** Books the state of a task; a terminal one moves it to those that wait for their acknowledgement. */
export function moveTask(
  books: AgentBooks,
  executor: Executor,
  taskId: string,
  state: TaskState,
): void {
  const task = taskIn(executor, taskId);
  if (task === undefined || isTerminalState(task.state)) return;
  task.state = state;
  if (!isTerminalState(state)) return;
  executor.queued.delete(taskId);
  executor.launched.delete(taskId);
  executor.ended.set(taskId, task);
  linkVolumes(books, executor);
}

/** RunTask of the master. */
export function runTask(
  books: AgentBooks,
  message: Extract<MasterMessage, { type: "run-task" }>,
): void {
  const { task, launchExecutor } = message;
  const frameworkId = message.framework.id?.value ?? "";
  const framework = books.frameworks.get(frameworkId) ?? addFramework(books, message.framework);
  if (framework.isTerminating) return;
  const taskId = task.task_id.value;
  const executorId = task.executor?.executor_id.value ?? taskId;
  const executor = framework.executors.get(executorId);
  const wasSentTask = executor?.wasSentTask;
  const drop = (text: string) => {
    const reason = "REASON_EXECUTOR_TERMINATED";
    const update = { taskId, executorId, state: "TASK_DROPPED", reason, message: text } as const;
    agentUpdate(books, framework, update);
  };
  if (task.executor === undefined) {
    refuseCommand(books, framework, taskId);
  } else if (books.drain !== null) {
    dropOfDraining(books, framework, task, launchExecutor);
  } else if (launchExecutor && executor !== undefined) {
    drop("Master wants to launch executor, but one already exists");
    // The master has booked a new one. The end of the one that is there was told before, so it is told for the other.
    if (executor.state === "terminated") sayNotLaunched(books, executor);
  } else if (launchExecutor) {
    launchExecutorFor(books, framework, task);
  } else if (executor === undefined) {
    drop("Master does not want to launch executor, but one does not exist");
  } else if (executor.state === "terminating" || executor.state === "terminated") {
    drop(`Executor ${executor.state}`);
  } else {
    executor.queued.set(taskId, newTask(task));
    if (executor.state === "running") sendQueued(books, executor);
  }
  // The executor itself has changed when it is new or got its first task.
  const isTaskAlone = executor !== undefined && executor.wasSentTask === wasSentTask;
  books.out.push(
    isTaskAlone ? { type: "save", task: { frameworkId, executorId, taskId } } : { type: "save" },
  );
}

/** The launch and the drain crossed each other. */
function dropOfDraining(
  books: AgentBooks,
  framework: AgentFramework,
  task: TaskInfo,
  launchExecutor: boolean,
): void {
  const executorId = task.executor?.executor_id.value ?? task.task_id.value;
  agentUpdate(books, framework, {
    taskId: task.task_id.value,
    executorId,
    state: "TASK_DROPPED",
    reason: "REASON_AGENT_DRAINING",
    message: "Task was received while agent was already draining",
  });
  const { id } = framework;
  if (launchExecutor && !framework.executors.has(executorId)) {
    const exited = { type: "executor-exited", frameworkId: id, executorId, status: -1 } as const;
    books.out.push({ type: "send-master", message: exited });
  }
}

/** As a real agent tells of executors that were never launched (MESOS-1720): the master would believe in it for ever. */
function sayNotLaunched(books: AgentBooks, { frameworkId, id }: Executor): void {
  const exited = { type: "executor-exited", frameworkId, executorId: id, status: -1 } as const;
  books.out.push({ type: "send-master", message: exited });
}

/** Command tasks need the executor that comes with a real agent; refused loudly rather than ignored. */
function refuseCommand(books: AgentBooks, framework: AgentFramework, taskId: string): void {
  agentUpdate(books, framework, {
    taskId,
    executorId: taskId,
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LAUNCH_FAILED",
    message: "mrr-local runs no command tasks: give the task an executor",
  });
}

const newTask = (info: TaskInfo): AgentTask => ({ info, state: "TASK_STAGING", wasSent: false });

function addFramework(books: AgentBooks, info: FrameworkInfo): AgentFramework {
  const id = info.id?.value ?? "";
  const framework: AgentFramework = { id, info, isTerminating: false, executors: new Map() };
  books.frameworks.set(id, framework);
  return framework;
}

function launchExecutorFor(books: AgentBooks, framework: AgentFramework, task: TaskInfo): void {
  const info = task.executor;
  if (info === undefined) return;
  const containerId = books.ports.newUuid();
  const executor: Executor = {
    id: info.executor_id.value,
    frameworkId: framework.id,
    info,
    containerId,
    state: "registering",
    streamId: null,
    pid: null,
    queued: new Map([[task.task_id.value, newTask(task)]]),
    launched: new Map(),
    ended: new Map(),
    wasSentTask: false,
    endReason: null,
  };
  framework.executors.set(executor.id, executor);
  const plan = { containerId, executor: info, framework: framework.info };
  books.out.push(
    { type: "launch-container", plan },
    {
      type: "set-timer",
      timer: { type: "registration", containerId },
      delayMs: books.settings.registrationTimeoutMs,
    },
  );
  linkVolumes(books, executor);
}

/** Sends all that is queued, in order. Without a stream the events are lost, as with a real agent. */
export function sendQueued(books: AgentBooks, executor: Executor): void {
  const tasks = [...executor.queued.entries()];
  if (tasks.length === 0) return;
  for (const [taskId, task] of tasks) {
    executor.queued.delete(taskId);
    executor.launched.set(taskId, task);
    task.wasSent = true;
    executor.wasSentTask = true;
  }
  linkVolumes(books, executor);
  if (executor.streamId === null) return;
  for (const [, task] of tasks) {
    books.out.push({
      type: "send-executor",
      streamId: executor.streamId,
      event: { type: "LAUNCH", launch: { task: task.info } },
    });
  }
}

/** The volumes of an executor and of its live tasks stand in its sandbox. */
export function linkVolumes(books: AgentBooks, executor: Executor): void {
  const volumes = (executor.info.resources ?? []).filter(isVolume);
  for (const task of executor.launched.values()) {
    for (const resource of task.info.resources ?? [])
      if (isVolume(resource)) volumes.push(resource);
  }
  if (volumes.length === 0 && !hasVolume(executor.ended.values())) return;
  books.out.push({ type: "link-volumes", containerId: executor.containerId, volumes });
}

function hasVolume(tasks: Iterable<AgentTask>): boolean {
  for (const { info } of tasks) if ((info.resources ?? []).some(isVolume)) return true;
  return false;
}

/** What the master asks about after a registration: each task that never arrived is dropped. */
export function reconcileTasks(
  books: AgentBooks,
  message: Extract<MasterMessage, { type: "reconcile-tasks" }>,
): void {
  const id = message.framework.id?.value ?? "";
  const unknown = { id, info: message.framework, isTerminating: false, executors: new Map() };
  const framework = books.frameworks.get(id) ?? unknown;
  if (framework.isTerminating) return;
  for (const { taskId, executorId } of message.tasks) {
    const isKnown = [...framework.executors.values()].some(
      (executor) => taskIn(executor, taskId) !== undefined,
    );
    // What was said before is repeated until it is acknowledged.
    if (isKnown || books.updates.has(taskKey(id, taskId))) continue;
    agentUpdate(books, framework, {
      taskId,
      executorId,
      state: "TASK_DROPPED",
      reason: "REASON_RECONCILIATION",
      message: "Task is unknown to the agent",
    });
  }
}

/** KillTask of the master. */
export function killTask(
  books: AgentBooks,
  frameworkId: string,
  taskId: string,
  killPolicy: KillPolicy | undefined,
): void {
  const framework = books.frameworks.get(frameworkId);
  if (framework === undefined || framework.isTerminating) return;
  const executor = [...framework.executors.values()].find(
    (one) => taskIn(one, taskId) !== undefined,
  );
  if (executor === undefined) {
    agentUpdate(books, framework, {
      taskId,
      executorId: taskId,
      state: "TASK_DROPPED",
      reason: "REASON_EXECUTOR_TERMINATED",
      message: "Cannot find executor",
    });
    return;
  }
  if (executor.state === "terminating" || executor.state === "terminated") return;
  if (executor.queued.has(taskId)) {
    agentUpdate(books, framework, {
      taskId,
      executorId: executor.id,
      state: "TASK_KILLED",
      reason: "REASON_TASK_KILLED_DURING_LAUNCH",
      message: "Killed before delivery to the executor",
    });
    return;
  }
  if (executor.streamId === null || !executor.launched.has(taskId)) return;
  books.out.push({
    type: "send-executor",
    streamId: executor.streamId,
    event: {
      type: "KILL",
      kill: {
        task_id: { value: taskId },
        ...(killPolicy === undefined ? {} : { kill_policy: killPolicy }),
      },
    },
  });
}
