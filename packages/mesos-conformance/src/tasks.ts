/**
 * Owns the tasks that checks launch: small ones, of the test executor unless a check names another command.
 * Not: what the executor does (executor/executor.mjs). Called by context.ts and checks. Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  CommandInfo,
  CommandInfoURI,
  ExecutorInfo,
  Offer,
  Resource,
  TaskInfo,
  TaskStatus,
} from "@mr-redis/mesos";

/** How the test executor behaves without commands. */
export interface ExecutorPlan {
  /** Sent for each task at LAUNCH; default TASK_STARTING, TASK_RUNNING. */
  readonly states?: readonly string[];
  /** `nothing`: a LAUNCH is answered by no update. */
  readonly onLaunch?: "nothing";
  /** `told`: it subscribes when the check says so. */
  readonly subscribe?: "told";
  /** Calls that it makes before it subscribes. */
  readonly early?: readonly unknown[];
  /** It does not end at SHUTDOWN. */
  readonly stubborn?: boolean;
  /** It stays when its stream ends, without subscribing again. */
  readonly onStreamEnd?: "stay";
  /** It subscribes again this long after its stream ended. */
  readonly resubscribeMs?: number;
  /** Updates that it makes as soon as its stream ended. */
  readonly whileAway?: readonly {
    readonly task: string;
    readonly state: string;
    readonly more?: Partial<TaskStatus>;
  }[];
}

/** What all tasks of a run have in common. */
export interface TaskMeans {
  /** Base of what agents fetch. */
  readonly stationUrl: string;
  /** Node.js as the executor's shell finds it. */
  readonly node: string;
  readonly serveNode: boolean;
}

/** What differs from task to task. */
export interface TaskOptions {
  /** Default `ex-` and the task's id. */
  readonly executorId?: string;
  readonly plan?: ExecutorPlan;
  readonly resources?: readonly Resource[];
  readonly executorResources?: readonly Resource[];
  readonly graceMs?: number;
  /** Instead of the test executor. */
  readonly shell?: string;
  /** After the executor's own. */
  readonly uris?: readonly CommandInfoURI[];
  /** Appended to the executor's command line. */
  readonly arguments?: string;
  readonly task?: Partial<TaskInfo>;
  readonly executor?: Partial<ExecutorInfo>;
}

/** A scalar as a framework asks for it. */
export const scalar = (name: string, value: number): Resource => ({
  name,
  type: "SCALAR",
  scalar: { value },
});

/** Ports as a framework asks for them. */
export const ports = (...values: readonly number[]): Resource => ({
  name: "ports",
  type: "RANGES",
  ranges: { range: values.map((value) => ({ begin: value, end: value })) },
});

/** What a task asks for by default. */
export const taskResources: readonly Resource[] = [scalar("cpus", 0.05), scalar("mem", 16)];

/** Enough for Node.js where agents enforce memory. */
export const executorResources: readonly Resource[] = [scalar("cpus", 0.1), scalar("mem", 128)];

/** Nanoseconds of a duration as Mesos has it. */
export const nanoseconds = (ms: number): { readonly nanoseconds: number } => ({
  nanoseconds: ms * 1_000_000,
});

function commandOf(means: TaskMeans, options: TaskOptions): CommandInfo {
  if (options.shell !== undefined) {
    return { shell: true, value: options.shell, uris: options.uris ?? [] };
  }
  const node = means.serveNode ? "./node" : means.node;
  const input = JSON.stringify({ url: means.stationUrl, plan: options.plan ?? {} });
  return {
    shell: true,
    value: `exec ${node} executor.mjs${options.arguments === undefined ? "" : ` ${options.arguments}`}`,
    uris: [
      { value: `${means.stationUrl}/executor.mjs`, extract: false, cache: false },
      ...(means.serveNode
        ? [{ value: `${means.stationUrl}/node`, executable: true, extract: false, cache: true }]
        : []),
      ...(options.uris ?? []),
    ],
    environment: { variables: [{ name: "MRR_CONFORMANCE", value: input }] },
  };
}

/** A task on the agent of the offer. */
export function taskOn(
  means: TaskMeans,
  offer: Pick<Offer, "agent_id">,
  taskId: string,
  options: TaskOptions = {},
): TaskInfo {
  return {
    name: taskId,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources: options.resources ?? taskResources,
    executor: {
      type: "CUSTOM",
      executor_id: { value: options.executorId ?? `ex-${taskId}` },
      name: "conformance",
      resources: options.executorResources ?? executorResources,
      command: commandOf(means, options),
      ...(options.graceMs === undefined
        ? {}
        : { shutdown_grace_period: nanoseconds(options.graceMs) }),
      ...options.executor,
    },
    ...options.task,
  };
}
