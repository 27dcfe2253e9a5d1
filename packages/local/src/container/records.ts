/**
 * Owns the record of each running container on disk: pid and start time, so that the next start finds what a
 * killed one left behind. Not: ending it (leftovers.ts). Called by container.ts, leftovers.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerTrace } from "./processes.js";
import { type ContainerPlace, recordsDirOf } from "./sandbox.js";
import type { UnixUser } from "./user.js";

/** Version of the record; a newer one is skipped, its processes are found by their marker. */
const recordVersion = 1;

/** A process for ever: its number and when it started. */
export interface ProcessName {
  readonly pid: number;
  readonly startTicks: number;
}

/** One container as it is recorded. */
export interface ContainerRecord
  extends ContainerPlace,
    Pick<ContainerTrace, "leaderPid" | "leaderStartTicks"> {
  readonly directory: string;
  /** The user that it runs as, when that is not the one of this program. */
  readonly user?: UnixUser | null;
  /** The process that the container may not outlive (`--exit-with-parent`), if there is one. */
  readonly parent?: ProcessName | null;
}

/** Writes the record; whole or not at all. Synchronous: it must be there before the executor can do anything. */
export function recordContainer(workDir: string, record: ContainerRecord): void {
  const directory = recordsDirOf(workDir);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${record.containerId}.json`);
  writeFileSync(`${file}.new`, JSON.stringify({ version: recordVersion, ...record }));
  renameSync(`${file}.new`, file);
}

/** Removes the record; nothing when there is none. */
export function forgetContainer(workDir: string, containerId: string): void {
  rmSync(join(recordsDirOf(workDir), `${containerId}.json`), { force: true });
}

/** The records that a former run left; unreadable ones are passed over. */
export function readRecords(workDir: string): readonly ContainerRecord[] {
  let names: readonly string[];
  try {
    names = readdirSync(recordsDirOf(workDir)).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      const record: unknown = JSON.parse(readFileSync(join(recordsDirOf(workDir), name), "utf8"));
      return isRecord(record) ? [record] : [];
    } catch {
      return [];
    }
  });
}

function isRecord(value: unknown): value is ContainerRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Partial<Record<keyof ContainerRecord | "version", unknown>>;
  return (
    record.version === recordVersion &&
    typeof record.containerId === "string" &&
    typeof record.directory === "string" &&
    record.directory !== "" &&
    (record.leaderPid === null || typeof record.leaderPid === "number") &&
    (record.leaderStartTicks === null || typeof record.leaderStartTicks === "number")
  );
}
