/**
 * Owns what of an agent outlives its process: the picture for the disk, and what a restarted agent makes of it.
 * Not: the file (shell/agent-file.ts), nor who of the executors still lives (container/). Called by agent.ts, shell/.
 * As with a real agent, only frameworks with `checkpoint` are kept; every task on record counts as sent, so that one
 * whose LAUNCH was lost is found by the executor's next SUBSCRIBE (TASK_DROPPED, REASON_AGENT_RESTARTED).
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
import {
  type AgentBooks,
  type AgentFramework,
  type AgentTask,
  type Executor,
  taskIn,
  taskKey,
  type UpdateStream,
} from "./books.js";
import type { TaskName } from "./effects.js";
import { failTasks } from "./executors.js";

/** Version of the record. Version 1 (one JSON file, agent.json), whose executors never outlived their agent, is read too; a newer one is not. */
export const agentRecordVersion = 2;

/** Uuids of one task that are recorded: an executor repeats only its newest. */
const recordedUuidsMax = 100;

/** An executor as it stands on disk. */
export interface ExecutorRecord {
  readonly info: ExecutorInfo;
  readonly containerId: string;
  readonly pid: number | null;
  readonly wasSentTask: boolean;
  readonly tasks: readonly {
    readonly info: TaskInfo;
    readonly state: TaskState;
  }[];
}

/** An agent as it stands on disk. */
export interface AgentRecord {
  readonly version: typeof agentRecordVersion;
  readonly agentId: string;
  readonly ip: string;
  readonly port: number;
  /** What the agent was started with; other flags void the reservations. */
  readonly offered: readonly Resource[];
  /** The same with reservations and volumes. */
  readonly total: readonly Resource[];
  readonly frameworks: readonly {
    readonly info: FrameworkInfo;
    readonly executors: readonly ExecutorRecord[];
  }[];
  readonly updates: readonly {
    readonly frameworkId: string;
    readonly taskId: string;
    readonly pending: readonly TaskStatus[];
    /** Newest uuids, delivered ones too. */
    readonly seen: readonly string[];
  }[];
  readonly operations: readonly {
    readonly frameworkId: string;
    readonly status: OperationStatus;
  }[];
}

/** The record of a former version in the present form, or null. Its executors are not taken over: they have no address. */
export function upgradedRecord(value: unknown): AgentRecord | null {
  if (typeof value !== "object" || value === null) return null;
  const record = value as Record<string, unknown> & Pick<AgentRecord, "frameworks" | "updates">;
  if (record.version !== 1) return null;
  return {
    ...(record as unknown as AgentRecord),
    version: agentRecordVersion,
    ip: "",
    updates: record.updates.flatMap(({ frameworkId, pending }) => {
      const taskId = pending[0]?.task_id.value;
      const seen = pending.map((status) => status.uuid ?? "");
      return taskId === undefined ? [] : [{ frameworkId, taskId, pending, seen }];
    }),
    frameworks: record.frameworks.map(({ info, executors }) => ({
      info,
      executors: executors.map((executor) => ({ ...executor, wasSentTask: true })),
    })),
  };
}

/** What a restarted agent starts from. */
export interface RecoveredAgent {
  readonly record: AgentRecord;
  /** Containers whose executor lives and may come back: its pid by container id. */
  readonly living: ReadonlyMap<string, number>;
  /** Containers whose executor lived and was ended, because it could not be taken over. */
  readonly ended: ReadonlySet<string>;
}

/** Of a framework that checkpoints and goes on, everything is recorded. */
const isKept = (framework: AgentFramework | undefined): framework is AgentFramework =>
  framework !== undefined && framework.info.checkpoint === true && !framework.isTerminating;

const updatesOf = ({ frameworkId, taskId, pending, seen }: UpdateStream) => ({
  frameworkId,
  taskId,
  pending: [...pending],
  seen: [...seen].slice(-recordedUuidsMax),
});

/** The picture of an agent that has an id. */
export function recordOf(books: AgentBooks): AgentRecord {
  const kept = [...books.frameworks.values()].filter(isKept);
  const ids = new Set(kept.map((framework) => framework.id));
  return {
    version: agentRecordVersion,
    agentId: books.info.id?.value ?? "",
    ip: books.endpoint.ip,
    port: books.endpoint.port,
    offered: books.info.resources ?? [],
    total: books.total,
    frameworks: kept.map((framework) => ({
      info: framework.info,
      executors: [...framework.executors.values()].map(
        ({ info, containerId, pid, wasSentTask, queued, launched, ended }) => ({
          info,
          containerId,
          pid,
          wasSentTask,
          tasks: [...queued.values(), ...launched.values(), ...ended.values()].map((task) => ({
            info: task.info,
            state: task.state,
          })),
        }),
      ),
    })),
    updates: [...books.updates.values()]
      .filter((stream) => ids.has(stream.frameworkId))
      .map(updatesOf),
    operations: [...books.operations.values()]
      .filter((stream) => ids.has(stream.frameworkId))
      .map(({ frameworkId, status }) => ({ frameworkId, status })),
  };
}

/** What of {@link recordOf} speaks of one task. */
export interface TaskRecord {
  readonly name: TaskName;
  /** null when it is forgotten. */
  readonly task: ExecutorRecord["tasks"][number] | null;
  /** null when none wait and none were seen. */
  readonly updates: AgentRecord["updates"][number] | null;
}

/** The picture of one task. */
export function taskRecordOf(books: AgentBooks, name: TaskName): TaskRecord {
  const { frameworkId, executorId, taskId } = name;
  const framework = books.frameworks.get(frameworkId);
  if (!isKept(framework)) return { name, task: null, updates: null };
  const executor = framework.executors.get(executorId ?? "");
  const task = executor && taskIn(executor, taskId);
  const stream = books.updates.get(taskKey(frameworkId, taskId));
  return {
    name,
    task: task === undefined ? null : { info: task.info, state: task.state },
    updates: stream === undefined ? null : updatesOf(stream),
  };
}

/** True when what was started under this record can go on at an agent with these resources and address. */
export const isContinued = (
  record: AgentRecord,
  offered: readonly Resource[],
  endpoint: AgentBooks["endpoint"],
): boolean =>
  record.ip === endpoint.ip &&
  record.port === endpoint.port &&
  equalResources(record.offered, offered);

/**
 * Fills empty books from a record: living executors wait for their SUBSCRIBE, of the others all tasks have ended;
 * updates wait again. The agent is recovering afterwards.
 */
export function restore(books: AgentBooks, recovered: RecoveredAgent): void {
  const { record, living, ended } = recovered;
  books.isRecovering = true;
  if (equalResources(record.offered, books.info.resources ?? [])) books.total = record.total;
  for (const stream of record.updates) restoreUpdates(books, stream);
  for (const { frameworkId, status } of record.operations) {
    const key = taskKey(frameworkId, status.operation_id?.value ?? "");
    books.operations.set(key, { frameworkId, status, retryMs: books.settings.updateRetryMs });
  }
  for (const { info, executors } of record.frameworks) {
    const id = info.id?.value;
    if (id === undefined) continue;
    const framework = { id, info, isTerminating: false, executors: new Map<string, Executor>() };
    for (const one of executors) {
      const pid = living.get(one.containerId);
      const executor = restoredExecutor(id, one, pid, ended.has(one.containerId));
      if (pid === undefined && executor.launched.size + executor.ended.size === 0) continue;
      framework.executors.set(executor.id, executor);
      if (pid === undefined) failTasks(books, framework, executor);
    }
    if (framework.executors.size > 0) books.frameworks.set(id, framework);
  }
}

function restoredExecutor(
  frameworkId: string,
  record: ExecutorRecord,
  pid: number | undefined,
  wasEnded: boolean,
): Executor {
  const tasks = record.tasks.map(({ info, state }): [string, AgentTask] => [
    info.task_id.value,
    { info, state, wasSent: true },
  ]);
  return {
    id: record.info.executor_id.value,
    frameworkId,
    info: record.info,
    containerId: record.containerId,
    state: pid === undefined ? "terminated" : "registering",
    streamId: null,
    pid: pid ?? record.pid,
    queued: new Map(),
    launched: new Map(tasks.filter(([, task]) => !isTerminalState(task.state))),
    ended: new Map(tasks.filter(([, task]) => isTerminalState(task.state))),
    wasSentTask: record.wasSentTask,
    endReason: wasEnded
      ? {
          state: "TASK_GONE",
          reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
          message: "Executor did not reregister: its processes were ended at the restart",
        }
      : null,
  };
}

function restoreUpdates(books: AgentBooks, stream: AgentRecord["updates"][number]): void {
  const { frameworkId, taskId, pending, seen } = stream;
  books.updates.set(taskKey(frameworkId, taskId), {
    frameworkId,
    taskId,
    pending: [...pending],
    seen: new Set(seen),
    retryMs: books.settings.updateRetryMs,
  });
}
