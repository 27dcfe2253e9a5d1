/**
 * Owns the lock on a data directory: one store at a time, over processes; free as soon as its process is dead.
 * It is the lock of a LevelDB database that is otherwise empty, apart from the data: so it stays held while the
 * data files are opened anew after a failed write.
 * Not: what the directory holds (table.ts). Called by store.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { isMrrError, MrrError } from "@mr-redis/core";
import { type OpenDisk, openDisk } from "./disk.js";

/** A held lock. */
export interface DirectoryLock {
  /** The directory, without symbolic links. */
  readonly directory: string;
  release(): Promise<void>;
}

/**
 * Directories that this process holds. LevelDB must not be asked for them again: it refuses, but closes a file on
 * the way, by which (POSIX) the process loses the lock that it has.
 */
const heldHere = new Set<string>();

/** Process that holds the lock file, where the kernel tells (Linux). */
async function holderOf(lockFile: string): Promise<number | null> {
  try {
    const { ino } = await stat(lockFile);
    const locks = await readFile("/proc/locks", "utf8");
    const line = locks.split("\n").find((each) => each.split(/\s+/)[5]?.endsWith(`:${ino}`));
    const pid = Number(line?.split(/\s+/)[4]);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

const locked = (directory: string, who: string, pid: number | null): MrrError =>
  new MrrError(
    "store-locked",
    `${directory} is in use by ${who}: stop it first, or choose another data directory`,
    { details: { directory, pid } },
  );

async function made(directory: string): Promise<string> {
  try {
    // Documents hold passwords.
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await realpath(directory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MrrError("store-unavailable", `cannot make ${directory}: ${reason}`, {
      cause: error,
    });
  }
}

/** Locks `directory`, making it where it is missing. Rejects with MrrError `store-locked` when it is in use. */
export async function lockDirectory(
  directory: string,
  open: OpenDisk = openDisk,
): Promise<DirectoryLock> {
  const real = await made(directory);
  if (heldHere.has(real)) throw locked(real, "this very process", process.pid);
  heldHere.add(real);
  const path = join(real, "lock");
  try {
    const disk = await open(path);
    return {
      directory: real,
      async release() {
        await disk.close().catch(() => {});
        heldHere.delete(real);
      },
    };
  } catch (error) {
    heldHere.delete(real);
    if (isMrrError(error) && error.code === "store-locked") {
      const pid = await holderOf(join(path, "LOCK"));
      throw locked(real, pid === null ? "another process" : `process ${pid}`, pid);
    }
    if (isMrrError(error) && error.code === "store-corrupt") {
      throw new MrrError("store-corrupt", `${error.message}; ${path} holds no data: remove it`, {
        cause: error,
      });
    }
    throw error;
  }
}
