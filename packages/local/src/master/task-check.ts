/**
 * Owns the validation of a task before it is launched: the text of its TASK_ERROR, in the order of Mesos.
 * Not: offers (accept.ts). Called by accept.ts.
 * Source of the rules: reference section 7.3; texts as recorded where a recording has them.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  addResources,
  amountOf,
  type CommandInfo,
  type ContainerInfo,
  containsResources,
  type ExecutorInfo,
  formatResources,
  intersectRanges,
  isVolume,
  type Resource,
  rangesIn,
  resourcesProblem,
  sumScalar,
  type TaskInfo,
  thousandthsOf,
} from "@mr-redis/mesos";
import { type AgentBook, type FrameworkBook, findExecutor } from "./books.js";
import { equalExecutorInfos } from "./executor-info.js";
import { idProblem } from "./framework-info.js";

/** What a task is checked against. */
export interface TaskContext {
  readonly framework: FrameworkBook;
  readonly agent: AgentBook;
  /** What is left of the offers, allocated to their role. */
  readonly available: readonly Resource[];
}

/** Why the task cannot be launched; undefined when it can. */
export function taskProblem(task: TaskInfo, context: TaskContext): string | undefined {
  return (
    identityProblem(task, context) ??
    policyProblem(task) ??
    ownResourcesProblem(task) ??
    shapeProblem(task) ??
    limitsProblem(task) ??
    executorProblem(task.executor, context) ??
    sumProblem(task, context)
  );
}

function identityProblem(task: TaskInfo, context: TaskContext): string | undefined {
  const id = task.task_id.value;
  const { framework, agent } = context;
  const problem = idProblem(id);
  if (problem !== undefined) return problem;
  if (framework.tasks.has(id)) return `Task has duplicate ID: ${id}`;
  if (framework.unreachableTasks.has(id)) return `Task reuses the ID of an unreachable task: ${id}`;
  if (task.agent_id.value === agent.id) return undefined;
  return `Task uses invalid agent ${task.agent_id.value} while agent ${agent.id} is expected`;
}

function policyProblem(task: TaskInfo): string | undefined {
  if ((task.kill_policy?.grace_period?.nanoseconds ?? 0) < 0) {
    return "Task's 'kill_policy.grace_period' must be non-negative";
  }
  if ((task.max_completion_time?.nanoseconds ?? 0) < 0) {
    return "Task's 'max_completion_time' must be non-negative";
  }
  if (task.check !== undefined && (task.check.type ?? "UNKNOWN") === "UNKNOWN") {
    return "Task uses invalid check: CheckInfo must specify 'type'";
  }
  if (task.health_check !== undefined && (task.health_check.type ?? "UNKNOWN") === "UNKNOWN") {
    return "Task uses invalid health check: HealthCheck must specify 'type'";
  }
  return undefined;
}

function ownResourcesProblem(task: TaskInfo): string | undefined {
  const resources = task.resources ?? [];
  if (addResources(resources).length === 0) return "Task uses no resources";
  const problem = resourcesProblem(resources) ?? mixtureProblem(resources);
  return problem === undefined ? undefined : `Task uses invalid resources: ${problem}`;
}

/** One persistence id twice, revocable mixed with not, or several allocation roles. */
function mixtureProblem(resources: readonly Resource[]): string | undefined {
  const ids = resources.filter(isVolume).map((volume) => volume.disk?.persistence?.id ?? "");
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) return `Task uses duplicate persistence ID ${twice}`;
  const roles = new Set(resources.map((resource) => resource.allocation_info?.role));
  if (roles.size > 1) {
    return `The resources have multiple allocation roles ('${[...roles].join("', '")}')`;
  }
  const revocable = resources.filter((resource) => resource.revocable !== undefined);
  const names = new Set(revocable.map((resource) => resource.name));
  const isMixed = resources.some(
    (resource) => resource.revocable === undefined && names.has(resource.name),
  );
  return isMixed
    ? "Cannot use both revocable and non-revocable resources at the same time"
    : undefined;
}

function shapeProblem(task: TaskInfo): string | undefined {
  if ((task.command === undefined) === (task.executor === undefined)) {
    return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
  }
  const command = task.command === undefined ? undefined : commandProblem(task.command);
  if (command !== undefined) return `Task's CommandInfo is invalid: ${command}`;
  const container = task.container === undefined ? undefined : containerProblem(task.container);
  return container === undefined ? undefined : `Task's ContainerInfo is invalid: ${container}`;
}

function commandProblem(command: CommandInfo): string | undefined {
  for (const variable of command.environment?.variables ?? []) {
    if ((variable.type ?? "VALUE") === "VALUE" && variable.value === undefined) {
      return `Environment variable '${variable.name}' of type 'VALUE' must have a value set`;
    }
  }
  for (const uri of command.uris ?? []) {
    if (uri.value === "") return "URI must not be empty";
    const output = uri.output_file;
    if (output !== undefined && (output.startsWith("/") || output.split("/").includes(".."))) {
      return `The output_file '${output}' must be a relative path inside the sandbox`;
    }
  }
  return undefined;
}

function containerProblem(container: ContainerInfo): string | undefined {
  if (container.type === "DOCKER" && container.docker === undefined) {
    return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo";
  }
  const isOdd = (container.volumes ?? []).some(
    (volume) =>
      [volume.host_path, volume.image, volume.source].filter((from) => from !== undefined)
        .length !== 1,
  );
  return isOdd
    ? "Only one of them should be set: 'host_path', 'image' and 'source' of a volume"
    : undefined;
}

function limitsProblem(task: TaskInfo): string | undefined {
  for (const [name, limit] of Object.entries(task.limits ?? {})) {
    if (name !== "cpus" && name !== "mem") return `Resource limits for '${name}' are not supported`;
    if (thousandthsOf(limit.value) < sumScalar(task.resources ?? [], name)) {
      return `Task's ${name} limit is less than its request`;
    }
  }
  return undefined;
}

function executorProblem(
  executor: ExecutorInfo | undefined,
  context: TaskContext,
): string | undefined {
  if (executor === undefined) return undefined;
  const { framework, agent } = context;
  if (executor.type !== undefined && executor.type !== "CUSTOM") {
    return "'ExecutorInfo.type' must be 'CUSTOM'";
  }
  if (executor.command === undefined) {
    return executor.type === undefined
      ? "'ExecutorInfo.command' must be set"
      : "'ExecutorInfo.command' must be set for 'CUSTOM' executor";
  }
  const id = idProblem(executor.executor_id.value);
  if (id !== undefined) return `ExecutorInfo's 'executor_id' is invalid: ${id}`;
  const owner = executor.framework_id?.value ?? framework.id;
  if (owner !== framework.id) {
    return `ExecutorInfo has an invalid FrameworkID (Actual: ${owner} vs Expected: ${framework.id})`;
  }
  if ((executor.shutdown_grace_period?.nanoseconds ?? 0) < 0) {
    return "ExecutorInfo's 'shutdown_grace_period' must be non-negative";
  }
  const command = commandProblem(executor.command);
  if (command !== undefined) return `Executor's CommandInfo is invalid: ${command}`;
  const container =
    executor.container === undefined ? undefined : containerProblem(executor.container);
  if (container !== undefined) return `Executor's ContainerInfo is invalid: ${container}`;
  const resources = resourcesProblem(executor.resources ?? []);
  if (resources !== undefined) return `Executor uses invalid resources: ${resources}`;
  const live = findExecutor(agent, framework.id, executor.executor_id.value);
  if (live === undefined || equalExecutorInfos(live.info, executor)) return undefined;
  return incompatible(live.info, executor);
}

function incompatible(live: ExecutorInfo, asked: ExecutorInfo): string {
  const line = "-".repeat(60);
  const dump = (info: ExecutorInfo) => JSON.stringify(info, null, 2);
  return [
    "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.",
    line,
    "Existing ExecutorInfo:",
    dump(live),
    line,
    "ExecutorInfo:",
    dump(asked),
    line,
    "",
  ].join("\n");
}

/** What launching the task takes: its executor is charged by the first task that starts it. */
export function neededBy(task: TaskInfo, context: TaskContext): readonly Resource[] {
  const { executor } = task;
  const isLive =
    executor === undefined ||
    findExecutor(context.agent, context.framework.id, executor.executor_id.value) !== undefined;
  return addResources(task.resources ?? [], isLive ? [] : (executor.resources ?? []));
}

function sumProblem(task: TaskInfo, context: TaskContext): string | undefined {
  const own = task.resources ?? [];
  const executors = task.executor?.resources ?? [];
  if (overlap(own, executors)) {
    return `There are overlapping resources in the task resources ${formatResources(own)} and executor resources ${formatResources(executors)}`;
  }
  const needed = neededBy(task, context);
  if (containsResources(context.available, needed)) return undefined;
  return `Total resources ${formatResources(needed)} required by task and its executor is more than available ${formatResources(context.available)}`;
}

function overlap(a: readonly Resource[], b: readonly Resource[]): boolean {
  return a.some((one) =>
    b.some((other) => {
      if (one.name !== other.name) return false;
      if (one.type === "RANGES") return intersectRanges(rangesIn(one), rangesIn(other)).length > 0;
      return (
        isVolume(one) &&
        isVolume(other) &&
        one.disk?.persistence?.id === other.disk?.persistence?.id &&
        amountOf(one) > 0
      );
    }),
  );
}
