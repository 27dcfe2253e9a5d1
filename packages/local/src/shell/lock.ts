/**
 * Owns that only one master uses a work directory: a second one would end the executors of the first.
 * Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";
import { canSee, seeProcess } from "../container/processes.js";

/** How often a stale lock is removed before giving up: only two starts at once need a second try. */
const lockTriesMax = 3;

/** Takes the lock of `workDir`, which is made when missing; the result releases it. */
export function lockWorkDir(workDir: string): () => void {
  mkdirSync(workDir, { recursive: true });
  const file = join(workDir, "lock.json");
  for (let tries = 0; tries < lockTriesMax; tries += 1) {
    const descriptor = openNew(file);
    if (descriptor !== null) {
      const startTicks = seeProcess(process.pid)?.startTicks ?? 0;
      writeSync(descriptor, JSON.stringify({ pid: process.pid, startTicks }));
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    }
    const holder = holderOf(file);
    if (holder !== null) {
      throw new MrrError(
        "store-locked",
        `the work directory ${workDir} is used by process ${holder}`,
        {
          details: { workDir, pid: holder },
        },
      );
    }
    rmSync(file, { force: true });
  }
  throw new MrrError("store-locked", `the work directory ${workDir} cannot be locked`);
}

function openNew(file: string): number | null {
  try {
    return openSync(file, "wx");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return null;
    throw error;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The process that holds the lock, if it lives and is still the same one. */
function holderOf(file: string): number | null {
  try {
    const held: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof held !== "object" || held === null) return null;
    const { pid, startTicks } = held as { pid?: unknown; startTicks?: unknown };
    if (typeof pid !== "number") return null;
    if (!canSee()) return exists(pid) ? pid : null;
    return seeProcess(pid)?.startTicks === startTicks ? pid : null;
  } catch {
    return null;
  }
}
