/**
 * Owns what of an agent outlives its process: the picture for the disk, and what a restarted agent makes of it.
 * Not: the file (shell/agent-file.ts). Called by agent.ts, shell/.
 * As with a real agent, only frameworks with `checkpoint` are kept. Executors do not outlive this program (yet):
 * a restarted agent finds their tasks ended, as when no executor re-registers in time.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type ExecutorInfo,
  equalResources,
  type FrameworkInfo,
  isTerminalState,
  type OperationStatus,
  type Resource,
  type TaskInfo,
  type TaskState,
  type TaskStatus,
} from "@mr-redis/mesos";
import { type AgentBooks, type AgentTask, type Executor, taskKey } from "./books.js";
import { agentUpdate } from "./tasks.js";

/** Version of the record. A newer one is not read: the agent starts with a new id. */
export const agentRecordVersion = 1;

/** An agent as it stands on disk. */
export interface AgentRecord {
  readonly version: typeof agentRecordVersion;
  readonly agentId: string;
  readonly port: number;
  /** What the agent was started with; other flags void the reservations. */
  readonly offered: readonly Resource[];
  /** The same with reservations and volumes. */
  readonly total: readonly Resource[];
  readonly frameworks: readonly {
    readonly info: FrameworkInfo;
    readonly executors: readonly {
      readonly info: ExecutorInfo;
      readonly containerId: string;
      readonly pid: number | null;
      readonly tasks: readonly {
        readonly info: TaskInfo;
        readonly state: TaskState;
        readonly wasSent: boolean;
      }[];
    }[];
  }[];
  readonly updates: readonly {
    readonly frameworkId: string;
    readonly pending: readonly TaskStatus[];
  }[];
  readonly operations: readonly {
    readonly frameworkId: string;
    readonly status: OperationStatus;
  }[];
}

/** The picture of an agent that has an id. */
export function recordOf(books: AgentBooks): AgentRecord {
  const kept = [...books.frameworks.values()].filter(
    (framework) => framework.info.checkpoint === true && !framework.isTerminating,
  );
  const ids = new Set(kept.map((framework) => framework.id));
  return {
    version: agentRecordVersion,
    agentId: books.info.id?.value ?? "",
    port: books.endpoint.port,
    offered: books.info.resources ?? [],
    total: books.total,
    frameworks: kept.map((framework) => ({
      info: framework.info,
      executors: [...framework.executors.values()].map((executor) => ({
        info: executor.info,
        containerId: executor.containerId,
        pid: executor.pid,
        tasks: [...executor.queued, ...executor.launched, ...executor.ended].map(
          ([, { info, state, wasSent }]) => ({ info, state, wasSent }),
        ),
      })),
    })),
    updates: [...books.updates.values()]
      .filter((stream) => ids.has(stream.frameworkId))
      .map(({ frameworkId, pending }) => ({ frameworkId, pending: [...pending] })),
    operations: [...books.operations.values()]
      .filter((stream) => ids.has(stream.frameworkId))
      .map(({ frameworkId, status }) => ({ frameworkId, status })),
  };
}

/** Fills empty books from a record: executors ended, tasks that had not ended GONE, updates waiting again. */
export function restore(books: AgentBooks, record: AgentRecord): void {
  if (equalResources(record.offered, books.info.resources ?? [])) books.total = record.total;
  for (const { info, executors } of record.frameworks) {
    const id = info.id?.value;
    if (id === undefined) continue;
    const framework = { id, info, isTerminating: false, executors: new Map<string, Executor>() };
    for (const executor of executors) {
      const one = endedExecutor(id, executor);
      if (one.ended.size + one.launched.size > 0) framework.executors.set(one.id, one);
    }
    if (framework.executors.size > 0) books.frameworks.set(id, framework);
  }
  for (const { frameworkId, pending } of record.updates)
    restoreUpdates(books, frameworkId, pending);
  for (const { frameworkId, status } of record.operations) {
    const key = taskKey(frameworkId, status.operation_id?.value ?? "");
    books.operations.set(key, { frameworkId, status, retryMs: books.settings.updateRetryMs });
  }
  endTasks(books);
}

function endedExecutor(
  frameworkId: string,
  record: AgentRecord["frameworks"][number]["executors"][number],
): Executor {
  const tasks = record.tasks.map((task): [string, AgentTask] => [
    task.info.task_id.value,
    { ...task },
  ]);
  return {
    id: record.info.executor_id.value,
    frameworkId,
    info: record.info,
    containerId: record.containerId,
    state: "terminated",
    streamId: null,
    pid: record.pid,
    queued: new Map(),
    launched: new Map(tasks.filter(([, task]) => !isTerminalState(task.state))),
    ended: new Map(tasks.filter(([, task]) => isTerminalState(task.state))),
    wasSentTask: true,
    endReason: null,
  };
}

function restoreUpdates(
  books: AgentBooks,
  frameworkId: string,
  pending: readonly TaskStatus[],
): void {
  const taskId = pending[0]?.task_id.value;
  if (taskId === undefined) return;
  books.updates.set(taskKey(frameworkId, taskId), {
    frameworkId,
    taskId,
    pending: [...pending],
    seen: new Set(pending.map((status) => status.uuid ?? "")),
    retryMs: books.settings.updateRetryMs,
  });
}

function endTasks(books: AgentBooks): void {
  for (const framework of books.frameworks.values()) {
    for (const executor of framework.executors.values()) {
      for (const taskId of [...executor.launched.keys()]) {
        agentUpdate(books, framework, {
          taskId,
          executorId: executor.id,
          state: "TASK_GONE",
          reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
          message: "Executor did not reregister: its processes were ended at the restart",
        });
      }
    }
  }
}
