/**
 * Owns the Mesos side of a launch: the ExecutorInfo, and a TaskInfo for each process.
 * Not: which process goes where (core). The ExecutorInfo must be equal for every task of a live executor, so its id
 * stands for its content.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { encodeLaunchOrder, executorIdOf, type Launch, type ProcessNeed } from "@mr-redis/core";
import {
  type ContainerInfo,
  type ExecutorInfo,
  type Resource,
  scalarOf,
  type TaskInfo,
  textToBase64,
} from "@mr-redis/mesos";
import { discoveryOf, taskLabelsOf } from "./discovery.js";

/** What the ExecutorInfo is made of. */
export interface ExecutorOptions {
  /** Shell command that starts the executor in its sandbox. */
  readonly command: string;
  /** Their addresses change with the content, so agents may keep them. */
  readonly uris: readonly {
    readonly value: string;
    readonly executable: boolean;
    readonly extract: boolean;
  }[];
  readonly environment: Readonly<Record<string, string>>;
  readonly need: ProcessNeed;
  /** Role whose resources the executor uses; must be the one of the offers. */
  readonly role: string;
  readonly shutdownGraceMs: number;
  /** Of an image; none for a plain process. */
  readonly container?: ContainerInfo;
}

const scalar = (name: string, milli: number, role: string): Resource => ({
  name,
  type: "SCALAR",
  scalar: { value: scalarOf(milli) },
  allocation_info: { role },
});

/** The ExecutorInfo; `executor_id` carries a fingerprint of everything in it, so that a changed set-up is a new executor. */
export function executorInfoOf(options: ExecutorOptions): ExecutorInfo {
  const info: Omit<ExecutorInfo, "executor_id"> = {
    type: "CUSTOM",
    name: "MrRedisExecutor",
    source: "MrRedis",
    command: {
      shell: true,
      value: options.command,
      uris: options.uris.map((uri) => ({ ...uri, cache: true })),
      environment: {
        variables: Object.entries(options.environment).map(([name, value]) => ({ name, value })),
      },
    },
    resources: [
      scalar("cpus", options.need.cpusMilli, options.role),
      scalar("mem", options.need.memMilliMib, options.role),
    ],
    shutdown_grace_period: { nanoseconds: options.shutdownGraceMs * 1_000_000 },
    ...(options.container === undefined ? {} : { container: options.container }),
  };
  return withExecutorId(info);
}

/**
 * The id for everything else in it. Its first part is the version, which leaves out the host that serves the files and
 * the kind of the resources: a scheduler on another host starts other executors, but no newer ones.
 */
export function withExecutorId(info: Omit<ExecutorInfo, "executor_id">): ExecutorInfo {
  const { resources: _resources, ...rest } = info;
  const uris = (info.command?.uris ?? []).map((uri) => ({
    ...uri,
    value: uri.value.slice(uri.value.lastIndexOf("/") + 1),
  }));
  const version = fingerprintOf({ ...rest, command: { ...info.command, uris } }, 12);
  const value = executorIdOf(`mr-redis-${version}`, fingerprintOf(info, 8));
  return { executor_id: { value }, ...info };
}

const fingerprintOf = (value: unknown, characters: number): string =>
  createHash("sha256").update(orderedJson(value)).digest("hex").slice(0, characters);

/** The same text for the same content, whatever the order of its fields. */
const orderedJson = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );

/** The task of one process. */
export function taskInfoOf(
  launch: Launch,
  agentId: string,
  resources: readonly Resource[],
  executor: ExecutorInfo,
): TaskInfo {
  const { order } = launch;
  return {
    name: order.processId,
    task_id: { value: order.processId },
    agent_id: { value: agentId },
    resources,
    executor,
    data: textToBase64(encodeLaunchOrder(order)),
    labels: taskLabelsOf(order),
    discovery: discoveryOf(order),
  };
}
