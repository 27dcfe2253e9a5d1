/**
 * Owns the way to LevelDB: open, read, write durably, and its errors in our words.
 * Not: what is stored (record.ts) nor what may be written when (table.ts). Called by table.ts and lock.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";
import { ClassicLevel } from "classic-level";
import { logDamage } from "./log-check.js";

/** One part of an atomic write. */
export type DiskOperation =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

/** An open database. Every method rejects with MrrError `store-unavailable` or `store-corrupt`. */
export interface Disk {
  get(key: string): Promise<string | undefined>;
  /** All entries in the order of their keys. */
  entries(): AsyncIterable<readonly [string, string]>;
  /** All or nothing, on the disk (fsync) when it resolves. After a rejection nothing more may be written: open anew. */
  write(operations: readonly DiskOperation[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens (and makes, where there is none) the database in `directory`; rejects with MrrError. */
export type OpenDisk = (directory: string) => Promise<Disk>;

/** Bytes that an iterator holds: one read of all documents in some hundred steps, not one for each document. */
const iteratorBytes = 1024 * 1024;

const property = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** The error of classic-level in our words. `what` says what could not be done ("cannot open /x"). */
export function fromLevel(error: unknown, what: string): MrrError {
  // A failed open has its reason in the cause.
  const cause = property(error, "cause") ?? error;
  const text = `${what}: ${String(property(cause, "message") ?? cause)}`;
  switch (property(cause, "code")) {
    case "LEVEL_LOCKED":
      return new MrrError("store-locked", text, { cause: error });
    case "LEVEL_CORRUPTION":
      return new MrrError("store-corrupt", text, { cause: error });
    default:
      return new MrrError("store-unavailable", text, { cause: error });
  }
}

async function translated<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromLevel(error, what);
  }
}

/**
 * Refuses files on which LevelDB would lose data without a word: it makes a new database, and removes the files of
 * the old one, when only the file CURRENT is missing (MANIFEST-000001 alone is what a process leaves that was
 * killed while it made a new one); and it drops what it cannot read of its log.
 */
async function refuseDamaged(directory: string): Promise<void> {
  const names: readonly string[] = await readdir(directory).catch(() => []);
  const data = names.find((name) => /^(MANIFEST-(?!000001$)\d+|\d+\.(ldb|sst))$/.test(name));
  if (data !== undefined && !names.includes("CURRENT")) {
    throw new MrrError(
      "store-corrupt",
      `${directory} has data files (${data}) but no file CURRENT: restore a backup of the directory`,
    );
  }
  for (const name of names.filter((each) => /^\d+\.log$/.test(each))) {
    const file = join(directory, name);
    const damagedAt = logDamage(await readFile(file).catch(() => new Uint8Array()));
    if (damagedAt === null) continue;
    throw new MrrError(
      "store-corrupt",
      `${file} is damaged at byte ${damagedAt}: restore a backup of the directory ` +
        `(or give up all later changes: truncate -s ${damagedAt} ${file})`,
      { details: { file, damagedAt } },
    );
  }
}

/** Opens the database of classic-level in `directory`. */
export const openDisk: OpenDisk = async (directory) => {
  await refuseDamaged(directory);
  const level = new ClassicLevel<string, string>(directory, {
    keyEncoding: "utf8",
    valueEncoding: "utf8",
  });
  await translated(`cannot open ${directory}`, () => level.open());
  const reading = `cannot read ${directory}`;
  return {
    get: (key) => translated(reading, () => level.get(key)),
    async *entries() {
      try {
        yield* level.iterator({ highWaterMarkBytes: iteratorBytes, fillCache: false });
      } catch (error) {
        throw fromLevel(error, reading);
      }
    },
    write: (operations) =>
      translated(`cannot write ${directory}`, () => level.batch([...operations], { sync: true })),
    close: () => translated(`cannot close ${directory}`, () => level.close()),
  };
};
