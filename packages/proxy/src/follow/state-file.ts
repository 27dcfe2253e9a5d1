/**
 * Owns the file with the last known topology, by which a proxy that starts while no scheduler answers serves what it served.
 * Written beside and renamed, so that it is never half; not oftener than is cheap; checked when it is read.
 * It holds addresses, no secrets. Not: what is in it (topology.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { constants } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import {
  type Clock,
  type InstanceEndpoints,
  type Parsed,
  parsed,
  parseInstanceEndpoints,
  refused,
  type Timer,
} from "@mr-redis/core";

/** What the file says. */
export interface SavedTopology {
  readonly savedAtMs: number;
  readonly instances: readonly InstanceEndpoints[];
}

/** 65,535 instances with some replicas take a third of it. */
const fileBytesMax = 128 * 1024 * 1024;

/** Least time between two writings. */
const intervalMsMin = 1_000;

/** Writing may take this part of the time at most: a large file is written more rarely. */
const loadMax = 0.05;

const version = 1;

/** Checks the text of a state file: of the version that is known, each instance as if a scheduler had told it. */
export function parseSaved(text: string): Parsed<SavedTopology> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return refused("the file", "must be JSON");
  }
  if (typeof raw !== "object" || raw === null) return refused("the file", "must be a JSON object");
  const { version: found, savedAt, instances: list } = raw as Record<string, unknown>;
  if (found !== version) return refused("version", `must be ${version}`);
  const savedAtMs = typeof savedAt === "string" ? Date.parse(savedAt) : Number.NaN;
  if (Number.isNaN(savedAtMs)) return refused("savedAt", "must be a time");
  if (!Array.isArray(list)) return refused("instances", "must be a list");
  const instances: InstanceEndpoints[] = [];
  for (const [index, each] of list.entries()) {
    const instance = parseInstanceEndpoints(each, `instances[${index}]`);
    if (!instance.ok) return instance;
    instances.push(instance.value);
  }
  return parsed({ savedAtMs, instances });
}

/** Reads the file; null: there is none. */
export async function readSaved(path: string): Promise<Parsed<SavedTopology> | null> {
  try {
    // Not blocking: a named pipe must not hold the program.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return refused("the file", "must be a regular file");
      if (stat.size > fileBytesMax)
        return refused("the file", `must be below ${fileBytesMax} bytes`);
      return parseSaved(await handle.readFile("utf8"));
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? null : refused("the file", `cannot be read: ${message}`);
  }
}

async function write(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(draft, "w", 0o600);
    try {
      await handle.writeFile(text);
      // Else the name may survive a crash of the host, and the content not.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Keeps the file like what `content` gives. */
export class StateFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #content: () => readonly InstanceEndpoints[];
  readonly #failed: (error: Error) => void;
  #timer: Timer | null = null;
  #writing: Promise<void> | null = null;
  #isDirty = false;
  #intervalMs = intervalMsMin;
  #isFailed = false;

  /** `failed` is told when writing begins to fail, once until it works again. */
  constructor(
    path: string,
    clock: Clock,
    content: () => readonly InstanceEndpoints[],
    failed: (error: Error) => void,
  ) {
    this.#path = path;
    this.#clock = clock;
    this.#content = content;
    this.#failed = failed;
  }

  /** It is not like the content any more; it will be, soon. */
  touch(): void {
    this.#isDirty = true;
    if (this.#timer !== null || this.#writing !== null) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => this.#begin());
  }

  /** Writes what is not written yet, and ends. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    this.#timer?.cancel();
    if (this.#isDirty) await this.#write();
  }

  #begin(): void {
    this.#timer = null;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      if (this.#isDirty) this.touch();
    });
  }

  async #write(): Promise<void> {
    this.#isDirty = false;
    const beganMs = this.#clock.monotonicMs();
    const savedAt = new Date(this.#clock.nowMs()).toISOString();
    try {
      await write(this.#path, JSON.stringify({ version, savedAt, instances: this.#content() }));
      this.#isFailed = false;
    } catch (error) {
      if (!this.#isFailed) this.#failed(error as Error);
      this.#isFailed = true;
    }
    const tookMs = this.#clock.monotonicMs() - beganMs;
    this.#intervalMs = Math.max(intervalMsMin, tookMs / loadMax);
  }
}
