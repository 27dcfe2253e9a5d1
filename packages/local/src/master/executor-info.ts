/**
 * Owns when two ExecutorInfos are the same to Mesos, so that a task may join a live executor.
 * Source of the rule: Apache Mesos, src/common/type_utils.cpp; reference section 7.3. `labels` and
 * `shutdown_grace_period` do not count, nor does `cache` of a URI; variables and URIs are sets. Called by task-check.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CommandInfo,
  type ContainerInfo,
  type ExecutorInfo,
  equalJson,
  equalResources,
} from "@mr-redis/mesos";

/** Equal as sets of JSON values. */
const equalSets = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length &&
  a.every((item) => b.some((other) => equalJson(item, other))) &&
  b.every((item) => a.some((other) => equalJson(item, other)));

function equalCommands(a: CommandInfo | undefined, b: CommandInfo | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const uris = (command: CommandInfo) =>
    (command.uris ?? []).map(({ cache: _cache, extract, ...uri }) => ({
      ...uri,
      extract: extract ?? true,
    }));
  const variables = (command: CommandInfo) =>
    (command.environment?.variables ?? []).map((entry) => ({
      ...entry,
      type: entry.type ?? "VALUE",
    }));
  return (
    a.value === b.value &&
    a.user === b.user &&
    (a.shell ?? true) === (b.shell ?? true) &&
    equalJson(a.arguments ?? [], b.arguments ?? []) &&
    equalSets(uris(a), uris(b)) &&
    equalSets(variables(a), variables(b))
  );
}

const equalContainers = (a: ContainerInfo | undefined, b: ContainerInfo | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.type === b.type &&
      a.hostname === b.hostname &&
      equalJson(a.docker, b.docker) &&
      equalSets(a.volumes ?? [], b.volumes ?? []);

/** True when a task that carries `b` may run in the live executor `a`. */
export const equalExecutorInfos = (a: ExecutorInfo, b: ExecutorInfo): boolean =>
  a.executor_id.value === b.executor_id.value &&
  a.type === b.type &&
  a.data === b.data &&
  a.name === b.name &&
  a.source === b.source &&
  a.framework_id?.value === b.framework_id?.value &&
  equalJson(a.discovery, b.discovery) &&
  equalResources(a.resources ?? [], b.resources ?? []) &&
  equalCommands(a.command, b.command) &&
  equalContainers(a.container, b.container);
