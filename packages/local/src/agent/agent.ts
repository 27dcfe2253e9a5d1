/**
 * Owns the agent machine: one event in, the effects out.
 * Not: HTTP, timers, processes (shell/, http/, container/). Called by shell/agent-shell.ts and by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, unreachable } from "@mr-redis/core";
import {
  type AgentInfo,
  addResources,
  type ExecutorCall,
  isVolume,
  subtractResources,
} from "@mr-redis/mesos";
import type { AgentEndpoint, MasterMessage, ReportedTask } from "../border/messages.js";
import type { MachinePorts } from "../master/books.js";
import type { AgentBooks, AgentFramework, AgentSettings, Executor } from "./books.js";
import { drain } from "./drain.js";
import type { AgentEffect, AgentEvent, AgentTimer, ExecutorRefusal } from "./effects.js";
import {
  executorCalled,
  executorHeartbeat,
  executorRefusal,
  executorSubscribed,
} from "./executor-calls.js";
import {
  containerEnded,
  containerFailed,
  dropStream,
  registrationTimedOut,
  reregistrationTimedOut,
  shutdownExecutor,
  shutdownFramework,
} from "./executors.js";
import { type RecoveredAgent, restore } from "./record.js";
import { killTask, linkVolumes, reconcileTasks, runTask } from "./tasks.js";
import {
  acknowledgeOperation,
  acknowledgeUpdate,
  resendOperations,
  resendUpdates,
  retryOperation,
  retryUpdate,
  takeOperation,
} from "./updates.js";

/** One logical agent. Its state changes only in `handle`. */
export interface Agent {
  /** Read-only for views, the record on disk and tests. */
  readonly books: AgentBooks;
  handle(event: AgentEvent): readonly AgentEffect[];
  /** Why a call of an executor is not taken. */
  refusal(call: ExecutorCall): ExecutorRefusal | undefined;
}

/** An agent with its resources; with what is left of its former process it keeps its id, executors and open updates. */
export function createAgent(
  info: AgentInfo,
  endpoint: AgentEndpoint,
  settings: AgentSettings,
  ports: MachinePorts,
  recovered: RecoveredAgent | null = null,
): Agent {
  const books: AgentBooks = {
    info: recovered === null ? info : { ...info, id: { value: recovered.record.agentId } },
    endpoint,
    settings,
    ports,
    total: addResources(info.resources ?? []),
    frameworks: new Map(),
    updates: new Map(),
    operations: new Map(),
    isRecovering: false,
    drain: null,
    out: [],
  };
  if (recovered !== null) restore(books, recovered);
  return {
    books,
    handle(event) {
      apply(books, event);
      const effects = books.out;
      books.out = [];
      return effects;
    },
    refusal: (call) => executorRefusal(books, call),
  };
}

function apply(books: AgentBooks, event: AgentEvent): void {
  switch (event.type) {
    case "started":
      start(books);
      return;
    case "stopping":
      for (const executor of executorsOf(books)) shutdownExecutor(books, executor);
      return;
    case "master-detected":
      // A recovering agent registers by itself when it has found out who lives.
      if (!books.isRecovering) register(books);
      return;
    case "master-said":
      masterSaid(books, event.message);
      return;
    case "executor-subscribed":
      executorSubscribed(books, event.streamId, event.call);
      return;
    case "executor-called":
      executorCalled(books, event.call);
      return;
    case "stream-closed":
      streamClosed(books, event.streamId);
      return;
    case "container-started":
      withContainer(books, event.containerId, (_framework, executor) => {
        executor.pid = event.pid;
        books.out.push({ type: "save" });
      });
      return;
    case "container-failed":
      withContainer(books, event.containerId, (framework, executor) =>
        containerFailed(books, framework, executor, event.problem),
      );
      return;
    case "container-ended":
      withContainer(books, event.containerId, (framework, executor) =>
        containerEnded(books, framework, executor, event.status),
      );
      return;
    case "timer-fired":
      timerFired(books, event.timer);
      return;
    default:
      unreachable(event);
  }
}

function executorsOf(books: AgentBooks): readonly Executor[] {
  return [...books.frameworks.values()].flatMap(({ executors }) => [...executors.values()]);
}

/** Executors that outlived the former process get their time to come back; without any the agent registers at once. */
function start(books: AgentBooks): void {
  const living = executorsOf(books).filter(({ state }) => state === "registering");
  for (const executor of living) linkVolumes(books, executor);
  if (living.length === 0) {
    finishRecovery(books);
    return;
  }
  const delayMs = books.settings.reregistrationTimeoutMs;
  books.out.push({ type: "set-timer", timer: { type: "reregistration" }, delayMs });
}

/** Whoever has not come back is ended; the master learns what there is. It asks for open updates once a scheduler is there. */
function finishRecovery(books: AgentBooks): void {
  for (const executor of executorsOf(books)) reregistrationTimedOut(books, executor);
  books.isRecovering = false;
  register(books);
}

function register(books: AgentBooks): void {
  const frameworks = [...books.frameworks.values()];
  const executors = frameworks.flatMap((framework) => [...framework.executors.values()]);
  books.out.push({
    type: "send-master",
    message: {
      type: "register",
      info: { ...books.info, resources: books.total },
      endpoint: books.endpoint,
      tasks: executors.flatMap((executor) => reportOf(books, executor)),
      executors: executors
        .filter((executor) => executor.state !== "terminated")
        .map((executor) => executor.info),
      frameworks: frameworks.map((framework) => framework.info),
    },
  });
}

const reportOf = (books: AgentBooks, executor: Executor): readonly ReportedTask[] =>
  [...executor.launched.values(), ...executor.queued.values(), ...executor.ended.values()].map(
    ({ info, state }) => {
      const { frameworkId, id: executorId } = executor;
      const pending = books.updates.get(`${frameworkId}\n${info.task_id.value}`)?.pending[0];
      const { uuid } = pending ?? {};
      return {
        frameworkId,
        info,
        executorId,
        state,
        ...(pending === undefined || uuid === undefined
          ? {}
          : { pending: { state: pending.state, uuid } }),
      };
    },
  );

function masterSaid(books: AgentBooks, message: MasterMessage): void {
  switch (message.type) {
    case "registered":
      books.info = { ...books.info, id: { value: message.agentId } };
      books.out.push({ type: "save" });
      resendOperations(books);
      return;
    case "leave-noted":
      // For the program, which waits for it.
      return;
    case "run-task":
      runTask(books, message);
      return;
    case "reconcile-tasks":
      reconcileTasks(books, message);
      return;
    case "kill-task":
      killTask(books, message.frameworkId, message.taskId, message.killPolicy);
      return;
    case "acknowledge-update":
      acknowledgeUpdate(books, message.frameworkId, message.taskId, message.uuid);
      return;
    case "scheduler-message":
      schedulerMessage(books, message);
      return;
    case "shutdown-executor": {
      const framework = books.frameworks.get(message.frameworkId);
      const executor = framework?.executors.get(message.executorId);
      if (executor !== undefined) shutdownExecutor(books, executor);
      return;
    }
    case "shutdown-framework":
      shutdownFramework(books, message.frameworkId);
      return;
    case "shutdown-agent":
      for (const frameworkId of [...books.frameworks.keys()]) {
        shutdownFramework(books, frameworkId);
      }
      return;
    case "drain-agent":
      drain(books, message);
      return;
    case "reactivate-agent":
      books.drain = null;
      return;
    case "update-framework": {
      const framework = books.frameworks.get(message.framework.id?.value ?? "");
      if (framework !== undefined) {
        framework.info = message.framework;
        books.out.push({ type: "save" });
      }
      resendUpdates(books);
      return;
    }
    case "apply-operation":
      applyOperation(books, message);
      return;
    case "acknowledge-operation":
      acknowledgeOperation(books, message.frameworkId, message.operationId, message.uuid);
      return;
    default:
      unreachable(message);
  }
}

/** Delivered only to a running executor with a stream; else dropped. */
function schedulerMessage(
  books: AgentBooks,
  message: Extract<MasterMessage, { type: "scheduler-message" }>,
): void {
  const executor = books.frameworks.get(message.frameworkId)?.executors.get(message.executorId);
  if (executor === undefined || executor.state !== "running" || executor.streamId === null) return;
  books.out.push({
    type: "send-executor",
    streamId: executor.streamId,
    event: { type: "MESSAGE", message: { data: message.data } },
  });
}

/** The master has checked and booked it already. */
function applyOperation(
  books: AgentBooks,
  message: Extract<MasterMessage, { type: "apply-operation" }>,
): void {
  const rest = subtractResources(books.total, message.consumed);
  assert(rest !== undefined, "master and agent agree on the agent's resources");
  books.total = addResources(rest, message.converted);
  if (message.kind === "create") {
    const volumes = message.converted.filter(isVolume);
    books.out.push({ type: "change-volumes", kind: "create", volumes });
  } else if (message.kind === "destroy") {
    const volumes = message.consumed.filter(isVolume);
    books.out.push({ type: "change-volumes", kind: "destroy", volumes });
  }
  books.out.push({ type: "save" });
  if (message.operationId !== undefined) {
    takeOperation(books, message.frameworkId, message.operationId);
  }
}

function streamClosed(books: AgentBooks, streamId: string): void {
  for (const framework of books.frameworks.values()) {
    for (const executor of framework.executors.values()) {
      if (executor.streamId === streamId) dropStream(books, executor);
    }
  }
}

function withContainer(
  books: AgentBooks,
  containerId: string,
  act: (framework: AgentFramework, executor: Executor) => void,
): void {
  for (const framework of books.frameworks.values()) {
    for (const executor of framework.executors.values()) {
      if (executor.containerId === containerId) {
        act(framework, executor);
        return;
      }
    }
  }
}

function timerFired(books: AgentBooks, timer: AgentTimer): void {
  switch (timer.type) {
    case "registration":
      withContainer(books, timer.containerId, (_framework, executor) =>
        registrationTimedOut(books, executor),
      );
      return;
    case "reregistration":
      finishRecovery(books);
      return;
    case "shutdown-grace":
      books.out.push({ type: "destroy-container", containerId: timer.containerId });
      return;
    case "executor-heartbeat":
      executorHeartbeat(books, timer.streamId);
      return;
    case "update-retry":
      retryUpdate(books, timer.key);
      return;
    case "operation-retry":
      retryOperation(books, timer.key);
      return;
    default:
      unreachable(timer);
  }
}
