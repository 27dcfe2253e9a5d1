/**
 * Owns the file of an agent's record: reading it, and writing it before anything that relies on it is done.
 * Not: what is in it (agent/record.ts). Called by shell/.
 * A change is one line at the end of the file: it costs microseconds, where writing all that an agent knows, or replacing
 * the file, would be a quarter of this program's work while many tasks start. It is not forced to the disk: it survives the kill of any process at any instant, and an executor that
 * could come back does not survive the end of the machine.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "@mr-redis/core";
import type { TaskName } from "../agent/effects.js";
import {
  type AgentRecord,
  agentRecordVersion,
  type TaskRecord,
  upgradedRecord,
} from "../agent/record.js";
import {
  changeLine,
  changeTasks,
  entriesAfter,
  entriesOf,
  type RecordEntries,
  recordOfEntries,
} from "../agent/record-entries.js";

/** Changes on which nothing waits share one write within this time. */
export const saveDelayMs = 100;

/** Pause after a write that failed (a full disk) before the next try. */
export const saveRetryMs = 1_000;

/** The file is written anew when its lines have grown to this, and to four times what was written anew last. */
export const linesBytesMin = 1024 * 1024;
const linesGrowthMax = 4;

/** Tasks carry data that is nobody else's business. */
const recordMode = 0o600;

type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

const metaOf = (workDir: string): string => join(workDir, "meta");
const fileOf = (workDir: string): string => join(metaOf(workDir), "agent.jsonl");
const oldFileOf = (workDir: string): string => join(metaOf(workDir), "agent.json");
/** A link whose target is the id: made in one step, so never torn. */
const idOf = (workDir: string): string => join(metaOf(workDir), "agent-id");

/**
 * The record, or null when there is none. Of one that cannot be read the agent's id is left: its executors are ended
 * then, and under the same id the master can tell that their tasks are gone.
 */
export function readAgentRecord(workDir: string): AgentRecord | null {
  const lines = textOf(fileOf(workDir));
  if (lines !== null) {
    return orNull(() => recordOfEntries(entriesAfter(lines))) ?? emptyRecord(workDir);
  }
  const old = textOf(oldFileOf(workDir));
  return old === null ? null : orNull(() => upgradedRecord(JSON.parse(old)));
}

function textOf(file: string): string | null {
  return orNull(() => readFileSync(file, "utf8"));
}

function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function emptyRecord(workDir: string): AgentRecord | null {
  const agentId = orNull(() => readlinkSync(idOf(workDir)));
  const lists = { offered: [], total: [], frameworks: [], updates: [], operations: [] };
  return agentId === null
    ? null
    : { version: agentRecordVersion, agentId, ip: "", port: 0, ...lists };
}

/** Where the record is taken from when it is written. */
export interface RecordSource {
  whole(): AgentRecord;
  task(name: TaskName): TaskRecord;
}

/** Writes the record of an agent, and lets go what must not happen before. */
export class AgentFile {
  readonly #workDir: string;
  readonly #clock: Clock;
  readonly #source: RecordSource;
  readonly #log: Log;
  #held: (() => void)[] = [];
  /** Tasks of which the file is out of date; "all": in everything. */
  #changes: "all" | Map<string, TaskName> = new Map();
  #isFailing = false;
  #timer: Timer | null = null;
  /** What the file says; lines are added to `descriptor`, null when it must be written anew. */
  #entries = new Map<string, string>();
  #descriptor: number | null = null;
  #bytes = 0;
  #bytesMax = 0;

  constructor(workDir: string, clock: Clock, source: RecordSource, log: Log) {
    this.#workDir = workDir;
    this.#clock = clock;
    this.#source = source;
    this.#log = log;
  }

  /** The record on disk is out of date (with `task`, of that one only); it is written within {@link saveDelayMs}. */
  changed(task?: TaskName): void {
    if (task === undefined) this.#changes = "all";
    else if (this.#changes !== "all") {
      this.#changes.set(`${task.frameworkId}\n${task.executorId}\n${task.taskId}`, task);
    }
    if (this.#timer === null) this.#writeAfter(saveDelayMs);
  }

  /**
   * Runs `act` once the record is written: at once when it is up to date, else at the end of this turn, together with
   * all that was held in the turn; always in order.
   */
  afterWrite(act: () => void): void {
    if (!this.#isChanged && this.#held.length === 0) {
      act();
      return;
    }
    this.#held.push(act);
    if (this.#held.length === 1 && !this.#isFailing) this.#writeAfter(0);
  }

  /** Writes now, and runs what was held. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    try {
      if (this.#isChanged) this.#write();
    } catch (error) {
      // What is held waits on: a launch without a record could be forgotten, and nobody would end its process.
      this.#log("the agent's record cannot be written", { error: String(error) });
      this.#isFailing = true;
      this.#forgetFile();
      this.#writeAfter(saveRetryMs);
      return;
    }
    this.#changes = new Map();
    this.#isFailing = false;
    const held = this.#held;
    this.#held = [];
    for (const act of held) act();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#forgetFile();
  }

  get #isChanged(): boolean {
    return this.#changes === "all" || this.#changes.size > 0;
  }

  #write(): void {
    const descriptor = this.#bytes > this.#bytesMax ? null : this.#descriptor;
    if (descriptor !== null && this.#changes !== "all") {
      const tasks = [...this.#changes.values()].map((name) => this.#source.task(name));
      this.#append(descriptor, changeTasks(this.#entries, tasks));
      return;
    }
    const record = this.#source.whole();
    if (record.agentId === "") return;
    const entries = entriesOf(record);
    if (descriptor === null) this.#writeAnew(record.agentId, entries);
    else this.#append(descriptor, changeLine(this.#entries, entries));
    this.#entries = entries;
  }

  #append(descriptor: number, line: string | null): void {
    if (line !== null) this.#bytes += writeWhole(descriptor, line);
  }

  #writeAnew(agentId: string, entries: RecordEntries): void {
    const file = fileOf(this.#workDir);
    this.#forgetFile();
    mkdirSync(metaOf(this.#workDir), { recursive: true });
    writeId(this.#workDir, agentId);
    this.#descriptor = openSync(`${file}.new`, "w", recordMode);
    this.#bytes = writeWhole(this.#descriptor, changeLine(new Map(), entries) ?? "");
    this.#bytesMax = Math.max(linesBytesMin, linesGrowthMax * this.#bytes);
    renameSync(`${file}.new`, file);
    rmSync(oldFileOf(this.#workDir), { force: true });
  }

  #forgetFile(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #writeAfter(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => this.flush());
  }
}

/** All of the text; half of it is an error. The number of bytes. */
function writeWhole(descriptor: number, text: string): number {
  const bytes = Buffer.from(text);
  const count = writeSync(descriptor, bytes);
  if (count < bytes.length) throw new Error(`${count} of ${bytes.length} bytes were written`);
  return count;
}

function writeId(workDir: string, agentId: string): void {
  const link = idOf(workDir);
  rmSync(`${link}.new`, { force: true });
  symlinkSync(agentId, `${link}.new`);
  renameSync(`${link}.new`, link);
}
