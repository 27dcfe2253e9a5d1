/**
 * Owns the removal of old sandboxes (a real agent: `--gc_delay`, a week after the end).
 * Called by shell/local.ts at the start and from time to time.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "@mr-redis/core";
import { readRecords } from "./records.js";

/** A sandbox whose files did not change for this long goes. */
export const sandboxKeepMs = 7 * 24 * 3_600_000;

/** How often is looked. */
export const garbageIntervalMs = 3_600_000;

type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/** Removes old sandboxes of the work directories now and every {@link garbageIntervalMs}; the result stops it. */
export function collectGarbage(workDirs: readonly string[], clock: Clock, log: Log): () => void {
  let timer: Timer | null = null;
  let isStopped = false;
  const collect = async () => {
    for (const workDir of workDirs) {
      try {
        const count = await removeOldSandboxes(workDir, clock.nowMs());
        if (count > 0) log("removed old sandboxes", { workDir, count });
      } catch (error) {
        log("removing old sandboxes failed", { workDir, error: String(error) });
      }
    }
    if (!isStopped) timer = clock.after(garbageIntervalMs, () => void collect());
  };
  void collect();
  return () => {
    isStopped = true;
    timer?.cancel();
  };
}

/** Removes sandboxes of ended containers that are older than {@link sandboxKeepMs}; the number removed. */
export async function removeOldSandboxes(workDir: string, nowMs: number): Promise<number> {
  const running = new Set(readRecords(workDir).map((record) => record.containerId));
  let count = 0;
  for (const runs of await runsIn(workDir)) {
    const names = (await list(runs)).filter((name) => name !== "latest" && !running.has(name));
    for (const name of names) {
      const sandbox = join(runs, name);
      if (nowMs - (await changedMs(sandbox)) < sandboxKeepMs) continue;
      await rm(sandbox, { recursive: true, force: true });
      count += 1;
    }
  }
  return count;
}

async function runsIn(workDir: string): Promise<readonly string[]> {
  let level = [join(workDir, "slaves")];
  for (const below of ["frameworks", "executors", "runs"]) {
    const entries = await Promise.all(
      level.map(async (path) => (await list(path)).map((name) => join(path, name, below))),
    );
    level = entries.flat();
  }
  return level;
}

async function list(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch {
    return [];
  }
}

/** The newest of the sandbox itself and its two logs; now, when it cannot be seen. */
async function changedMs(sandbox: string): Promise<number> {
  const times = await Promise.all(
    [sandbox, join(sandbox, "stdout"), join(sandbox, "stderr")].map(async (path) => {
      try {
        return (await stat(path)).mtimeMs;
      } catch {
        return 0;
      }
    }),
  );
  return Math.max(...times);
}
