/**
 * Owns the files of an agent's record: reading it, and writing it soon after a change.
 * Not: what is in it (agent/record.ts). Called by shell/.
 * Two files by turns, each written in place, so that one of them is whole at every instant: a new file and its renaming
 * for each change was a quarter of this program's work while many tasks start.
 * A kill -9 can lose the changes of the last moment: the agent then does not know a task that was just launched,
 * and the scheduler learns by reconciliation that it is gone.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Clock, Timer } from "@mr-redis/core";
import { type AgentRecord, agentRecordVersion } from "../agent/record.js";

/** Changes within this time share one write: an update of each of 100 tasks is one write, not 100. */
export const saveDelayMs = 100;

/** What a file holds: a line with the number of the write, the bytes of the record, a CRC-32 of both; then the record. */
interface Written {
  readonly number: number;
  readonly record: AgentRecord;
}

const files = ["agent.json", "agent-2.json"] as const;

const fileOf = (workDir: string, index: number): string =>
  join(workDir, "meta", files[index % files.length] ?? files[0]);

/** The record, or null when there is none that can be read. */
export const readAgentRecord = (workDir: string): AgentRecord | null =>
  newest(workDir)?.record ?? null;

function newest(workDir: string): Written | null {
  const found = files.flatMap((_name, index) => readWritten(fileOf(workDir, index)) ?? []);
  return found.sort((a, b) => b.number - a.number)[0] ?? null;
}

/** What one file holds; null when its last writing was cut. Behind the record may be the rest of a longer one. */
function readWritten(file: string): Written | null {
  try {
    const content = readFileSync(file);
    const headEnd = content.indexOf("\n");
    const head: unknown = JSON.parse(content.toString("utf8", 0, headEnd));
    const { number, bytes, crc } = head as Readonly<Record<string, unknown>>;
    const body = content.subarray(headEnd + 1, headEnd + 1 + Number(bytes));
    if (typeof number !== "number" || body.length !== bytes || crcOf(body, number) !== crc)
      return null;
    const record: unknown = JSON.parse(body.toString("utf8"));
    return isRecord(record) ? { number, record } : null;
  } catch {
    return null;
  }
}

const crcOf = (body: Buffer, number: number): number => crc32(body, number % 2 ** 32);

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

function write(file: string, number: number, record: AgentRecord): void {
  const body = Buffer.from(JSON.stringify(record));
  const line = { number, bytes: body.length, crc: crcOf(body, number) };
  const head = Buffer.from(`${JSON.stringify(line)}\n`);
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    const content = Buffer.concat([head, body]);
    for (let at = 0; at < content.length; ) {
      at += writeSync(descriptor, content, at, content.length - at, at);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Writes the record of an agent when told that it changed. */
export class AgentFile {
  readonly #workDir: string;
  readonly #clock: Clock;
  readonly #take: () => AgentRecord;
  /** Of the newest write; null before the first one of this process. */
  #number: number | null = null;
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
    if (record.agentId === "") return;
    if (this.#number === null) {
      mkdirSync(join(this.#workDir, "meta"), { recursive: true });
      this.#number = newest(this.#workDir)?.number ?? 0;
    }
    this.#number += 1;
    // The one that holds the older record; the newer stays whole while this one is written.
    write(fileOf(this.#workDir, this.#number), this.#number, record);
  }
}
