/**
 * Owns what is not as it must be in a store: within a record, and between records.
 * Not: reading (records.ts), nor mending. Called by run.ts. Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceDocument, ProcessRecord } from "@mr-redis/core";
import { lossOf, lossText } from "../reign-end.js";
import type { SeenStore } from "./records.js";

/** Every inconsistency as `<key>: <text>`, in the order of the keys. */
export function inconsistencies({ records }: SeenStore): readonly string[] {
  const found: string[] = [];
  const instances: InstanceDocument[] = [];
  for (const { key, problem, instance } of records) {
    if (problem !== null) found.push(`${key}: cannot be read: ${problem}`);
    if (instance === null) continue;
    instances.push(instance);
    if (key !== `instance/${instance.name}`) found.push(`${key}: is of instance ${instance.name}`);
    found.push(...inInstance(instance).map((text) => `${key}: ${text}`));
  }
  return [...found, ...betweenInstances(instances), ...ofFramework(records, instances)];
}

function inInstance(document: InstanceDocument): string[] {
  const { name, status, masterId, processes, epoch, deletedAtMs } = document;
  const found: string[] = [];
  const masters = processes.filter((process) => process.role === "master");
  if (masters.length > 1) {
    found.push(`has several masters: ${masters.map(({ id }) => id).join(", ")}`);
  }
  for (const { id } of masters) {
    if (id !== masterId)
      found.push(`${id} has the role of a master, but the master is ${masterId}`);
  }
  const named = processes.find((process) => process.id === masterId);
  if (named !== undefined && named.role !== "master") {
    found.push(`its master ${named.id} has the role of a ${named.role}`);
  }
  if (status === "RUNNING" && named === undefined) found.push("is RUNNING without a master");
  if (status === "DELETED" && processes.length > 0) {
    found.push(`is DELETED and has ${processes.length} processes`);
  }
  if ((status === "DELETED") !== (deletedAtMs !== null)) {
    found.push(`is ${status}, and the time of its deletion is ${deletedAtMs}`);
  }
  for (const process of processes) {
    if (!process.id.startsWith(`${name}::`)) found.push(`has ${process.id}, which is not its own`);
    if (process.dataEpoch > epoch || process.plannedEpoch > epoch) {
      found.push(`${process.id} is of a later epoch than ${epoch}`);
    }
  }
  return found;
}

function betweenInstances(instances: readonly InstanceDocument[]): string[] {
  const found: string[] = [];
  const ids = new Map<string, string>();
  const places = new Map<string, ProcessRecord>();
  for (const { name, processes } of instances) {
    for (const process of processes) {
      const owner = ids.get(process.id);
      if (owner !== undefined) {
        found.push(`instance/${name}: has ${process.id}, as instance/${owner}`);
      }
      ids.set(process.id, name);
      const place = `${process.agentId} port ${process.port}`;
      const other = places.get(place);
      if (other !== undefined) {
        found.push(`instance/${name}: ${process.id} has the same place as ${other.id}: ${place}`);
      }
      places.set(place, process);
    }
  }
  return found;
}

function ofFramework(
  records: SeenStore["records"],
  instances: readonly InstanceDocument[],
): string[] {
  const record = records.find(({ key }) => key === "framework");
  const lost = lossOf(instances);
  if (record === undefined) {
    const count = lost.processesCount;
    if (count === 0) return [];
    return [`framework: is missing, but there are ${count} processes: whose they are is not known`];
  }
  const { framework } = record;
  if (framework === null || framework.removedAtMs === null) return [];
  const at = new Date(framework.removedAtMs).toISOString();
  return [
    `framework: ${framework.frameworkId} was removed from Mesos (noticed ${at}), and with it: ${lossText(lost)}; ` +
      "start once with --new-framework to create these instances again, new and empty",
  ];
}
