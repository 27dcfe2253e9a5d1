/**
 * Owns the ancestor's STATUS JSON: field names, their order, their types, its three status words.
 * Not: routes (v1.ts). Source: the ancestor's answers; deviations are in v1-deviations.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type InstanceStatus,
  type InstanceView,
  type ProcessView,
  unreachable,
} from "@mr-redis/core";

/** The three words of /v1. */
export type StatusWordV1 = "CREATING" | "RUNNING" | "DELETED";

/** A process on /v1. Fields in the order in which they are written. */
export interface ProcessV1 {
  readonly IP: string;
  readonly Port: string;
  /** MB. */
  readonly MemoryCapacity: number;
  /** Bytes. */
  readonly MemoryUsed: number;
  /** Seconds. */
  readonly Uptime: number;
  readonly ClientsConnected: number;
  /** Seconds since the last byte from the master; 0 on a master, -1 when the link is down or nothing is known. */
  readonly LastSyncedToMaster: number;
}

/** An instance on /v1. Fields in the order in which they are written. */
export interface InstanceV1 {
  readonly Name: string;
  readonly Type: string;
  readonly Status: StatusWordV1;
  /** MB for each process. */
  readonly Capacity: number;
  readonly Master: ProcessV1 | null;
  readonly Slaves: readonly ProcessV1[] | null;
}

/** The /v1 word for a status. */
export function statusWordV1(status: InstanceStatus): StatusWordV1 {
  switch (status) {
    case "RUNNING":
    case "DEGRADED":
    case "DELETING":
      return "RUNNING";
    case "CREATING":
    case "FAILED":
      return "CREATING";
    case "DELETED":
      return "DELETED";
    default:
      return unreachable(status);
  }
}

/** The instance as /v1 shows it. */
export function instanceV1({ document, processes }: InstanceView): InstanceV1 {
  const word = statusWordV1(document.status);
  const serves = word === "RUNNING";
  const master = processes.find((process) => process.record.id === document.masterId);
  const slaves = processes.filter((process) => process !== master);
  return {
    Name: document.name,
    Type: document.spec.slaves > 0 ? "MS" : "S",
    Status: word,
    Capacity: document.spec.memoryMib,
    Master: serves && master !== undefined ? processV1(master, 0) : null,
    Slaves: serves && slaves.length > 0 ? slaves.map((slave) => processV1(slave, -1)) : null,
  };
}

function processV1({ record, report }: ProcessView, lastIoUnknown: number): ProcessV1 {
  const stats = report?.stats ?? null;
  return {
    IP: record.address,
    Port: String(record.port),
    MemoryCapacity: record.memoryMib,
    MemoryUsed: stats?.memoryUsedBytes ?? 0,
    Uptime: stats?.uptimeSeconds ?? 0,
    ClientsConnected: stats?.clients ?? 0,
    LastSyncedToMaster: stats?.lastIoSeconds ?? lastIoUnknown,
  };
}
