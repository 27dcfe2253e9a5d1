/**
 * Owns the file of an agent's record: reading it, and writing it soon after a change.
 * Not: what is in it (agent/record.ts). Called by shell/.
 * A kill -9 can lose the changes of the last moment: the agent then does not know a task that was just launched,
 * and the scheduler learns by reconciliation that it is gone.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "@mr-redis/core";
import { type AgentRecord, agentRecordVersion } from "../agent/record.js";

/** Changes within this time share one write: an update of each of 100 tasks is one write, not 100. */
export const saveDelayMs = 100;

const fileOf = (workDir: string): string => join(workDir, "meta", "agent.json");

/** The record, or null when there is none that can be read. */
export function readAgentRecord(workDir: string): AgentRecord | null {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(workDir), "utf8"));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** The file is this program's own; its outline is checked, a damaged one gives a new agent. */
function isRecord(value: unknown): value is AgentRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Partial<Record<keyof AgentRecord, unknown>>;
  return (
    record.version === agentRecordVersion &&
    typeof record.agentId === "string" &&
    typeof record.port === "number" &&
    [record.offered, record.total, record.frameworks, record.updates, record.operations].every(
      Array.isArray,
    )
  );
}

function write(workDir: string, record: AgentRecord): void {
  mkdirSync(join(workDir, "meta"), { recursive: true });
  const file = fileOf(workDir);
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** Writes the record of an agent when told that it changed. */
export class AgentFile {
  readonly #workDir: string;
  readonly #clock: Clock;
  readonly #take: () => AgentRecord;
  #timer: Timer | null = null;

  constructor(workDir: string, clock: Clock, take: () => AgentRecord) {
    this.#workDir = workDir;
    this.#clock = clock;
    this.#take = take;
  }

  /** Writes within {@link saveDelayMs}. */
  changed(): void {
    this.#timer ??= this.#clock.after(saveDelayMs, () => this.flush());
  }

  /** Writes now. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const record = this.#take();
    if (record.agentId !== "") write(this.#workDir, record);
  }
}
