/**
 * Owns the record of an agent as entries, key to JSON text, of which a change touches few: one for each framework,
 * executor, task, task's state, and queue of updates. Pure.
 * Not: the file (shell/agent-file.ts), nor what is recorded (record.ts). Called by shell/agent-file.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FrameworkInfo, TaskInfo, TaskState } from "@mr-redis/mesos";
import {
  type AgentRecord,
  agentRecordVersion,
  type ExecutorRecord,
  type TaskRecord,
} from "./record.js";

/** Entries by key; keys are compared and never taken apart. */
export type RecordEntries = ReadonlyMap<string, string>;

type AgentEntry = Omit<AgentRecord, "frameworks" | "updates" | "operations">;
type ExecutorEntry = Omit<ExecutorRecord, "tasks"> & { readonly frameworkId: string };
interface TaskEntry {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly taskId: string;
  readonly state: TaskState;
}

/** JSON texts of what never changes and is big. The same text is the same object, so comparing it costs nothing. */
const texts = new WeakMap<object, string>();

function textOf(value: object): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}

const agentKey = "agent";
const infoKey = (frameworkId: string, executorId: string, taskId: string): string =>
  `info\n${frameworkId}\n${executorId}\n${taskId}`;
const taskKey = (frameworkId: string, executorId: string, taskId: string): string =>
  `task\n${frameworkId}\n${executorId}\n${taskId}`;
const updatesKey = (frameworkId: string, taskId: string): string =>
  `updates\n${frameworkId}\n${taskId}`;

/** The entries of a record. */
export function entriesOf(record: AgentRecord): Map<string, string> {
  const { frameworks, updates, operations, ...agent } = record;
  const entries = new Map([[agentKey, JSON.stringify(agent satisfies AgentEntry)]]);
  for (const { info, executors } of frameworks) {
    const frameworkId = info.id?.value ?? "";
    entries.set(`framework\n${frameworkId}`, textOf(info));
    for (const executor of executors) addExecutor(entries, frameworkId, executor);
  }
  for (const stream of updates) {
    entries.set(updatesKey(stream.frameworkId, stream.taskId), JSON.stringify(stream));
  }
  for (const operation of operations) {
    const id = operation.status.operation_id?.value ?? "";
    entries.set(`operation\n${operation.frameworkId}\n${id}`, JSON.stringify(operation));
  }
  return entries;
}

function addExecutor(
  entries: Map<string, string>,
  frameworkId: string,
  executor: ExecutorRecord,
): void {
  const { tasks, ...rest } = executor;
  const executorId = executor.info.executor_id.value;
  const entry: ExecutorEntry = { frameworkId, ...rest };
  entries.set(`executor\n${frameworkId}\n${executorId}`, JSON.stringify(entry));
  for (const task of tasks) addTask(entries, frameworkId, executorId, task);
}

function addTask(
  entries: Map<string, string>,
  frameworkId: string,
  executorId: string,
  { info, state }: ExecutorRecord["tasks"][number],
): void {
  const taskId = info.task_id.value;
  const task: TaskEntry = { frameworkId, executorId, taskId, state };
  entries.set(infoKey(frameworkId, executorId, taskId), textOf(info));
  entries.set(taskKey(frameworkId, executorId, taskId), JSON.stringify(task));
}

/**
 * Brings `entries` up to date in what they say of these tasks; gives the line that leads there, null when nothing changed.
 * It costs what the tasks cost, however many others there are.
 */
export function changeTasks(
  entries: Map<string, string>,
  tasks: readonly TaskRecord[],
): string | null {
  const before = new Map<string, string>();
  const after = new Map<string, string>();
  for (const { name, task, updates } of tasks) {
    const { frameworkId, executorId, taskId } = name;
    const keys = [updatesKey(frameworkId, taskId)];
    if (executorId !== null) {
      keys.push(infoKey(frameworkId, executorId, taskId), taskKey(frameworkId, executorId, taskId));
      if (task !== null) addTask(after, frameworkId, executorId, task);
    }
    if (updates !== null) after.set(updatesKey(frameworkId, taskId), JSON.stringify(updates));
    for (const key of keys) {
      const text = entries.get(key);
      if (text !== undefined) before.set(key, text);
    }
  }
  const line = changeLine(before, after);
  for (const key of before.keys()) if (!after.has(key)) entries.delete(key);
  for (const [key, text] of after) entries.set(key, text);
  return line;
}

/** The record of these entries; null when they are none of the present version. Throws on text that is no JSON. */
export function recordOfEntries(entries: RecordEntries): AgentRecord | null {
  const agent: AgentEntry | null = JSON.parse(entries.get(agentKey) ?? "null");
  if (agent?.version !== agentRecordVersion) return null;
  const executors = valuesOf<ExecutorEntry>(entries, "executor");
  const tasks = valuesOf<TaskEntry>(entries, "task");
  return {
    ...agent,
    frameworks: valuesOf<FrameworkInfo>(entries, "framework").map((info) => ({
      info,
      executors: executors
        .filter(({ frameworkId }) => frameworkId === info.id?.value)
        .map(({ frameworkId, ...executor }) => ({
          ...executor,
          tasks: tasks
            .filter((task) => task.frameworkId === frameworkId)
            .filter((task) => task.executorId === executor.info.executor_id.value)
            .map((task) => ({ info: infoOf(entries, task), state: task.state })),
        })),
    })),
    updates: valuesOf(entries, "updates"),
    operations: valuesOf(entries, "operation"),
  };
}

function infoOf(entries: RecordEntries, task: TaskEntry): TaskInfo {
  const { frameworkId, executorId, taskId } = task;
  return JSON.parse(entries.get(infoKey(frameworkId, executorId, taskId)) ?? "");
}

const valuesOf = <Value>(entries: RecordEntries, kind: string): readonly Value[] =>
  [...entries].flatMap(([key, text]): readonly Value[] =>
    key.startsWith(`${kind}\n`) ? [JSON.parse(text)] : [],
  );

/** One line that leads from `before` to `after`; null when nothing changed. */
export function changeLine(before: RecordEntries, after: RecordEntries): string | null {
  const set = [...after].flatMap(([key, text]) =>
    before.get(key) === text ? [] : [`${JSON.stringify(key)}:${text}`],
  );
  const gone = [...before.keys()].filter((key) => !after.has(key));
  if (set.length + gone.length === 0) return null;
  return `{"set":{${set.join(",")}},"gone":${JSON.stringify(gone)}}\n`;
}

/** The entries after all whole lines; a last line without its end was never relied on. Throws on lines that are none. */
export function entriesAfter(lines: string): RecordEntries {
  const entries = new Map<string, string>();
  for (const line of lines.split("\n").slice(0, -1)) {
    const { set, gone }: { set: Record<string, unknown>; gone: readonly string[] } =
      JSON.parse(line);
    for (const key of gone) entries.delete(key);
    for (const [key, value] of Object.entries(set)) entries.set(key, JSON.stringify(value));
  }
  return entries;
}
