/**
 * Owns running the command line within the test's own process, with its streams captured.
 * Not: child processes (built-cli.ts). Called by tests of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@mr-redis/core";
import { afterEach, beforeEach } from "vitest";
import type { Io } from "../src/io.js";
import { runProgram } from "../src/program.js";
import { systemClock } from "../src/system-clock.js";

/** What a run gave. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A clock on which `factor` times as much time passes. */
export const fastClock = (factor: number): Clock => ({
  nowMs: systemClock.nowMs,
  monotonicMs: () => systemClock.monotonicMs() * factor,
  after: (delayMs, callback) => systemClock.after(delayMs / factor, callback),
});

/** A directory for each test; removed after it. */
export function useDirectory(): () => string {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "mrr-cli-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  return () => directory;
}

/** How the world looks to one run. */
export interface World {
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly userId?: number | null;
  readonly isTerminal?: boolean;
}

/** The io of a run, and what was written to it. */
export function captureIo(world: World): { io: Io; said: () => Omit<CliResult, "exitCode"> } {
  let stdout = "";
  let stderr = "";
  const isTerminal = world.isTerminal === true;
  const io: Io = {
    stdout: {
      isTerminal,
      write: (text) => {
        stdout += text;
      },
    },
    stderr: {
      isTerminal,
      write: (text) => {
        stderr += text;
      },
    },
    env: { MRR_ANCESTOR_FILE: join(world.directory, ".MrRedis"), ...world.env },
    cwd: world.directory,
    homeDirectory: join(world.directory, "home"),
    userId: world.userId === undefined ? (process.getuid?.() ?? null) : world.userId,
    clock: world.clock ?? systemClock,
  };
  return { io, said: () => ({ stdout, stderr }) };
}

/** Runs one command line. Words may hold no blanks; those that do are given as a list. */
export async function runCli(world: World, words: string | readonly string[]): Promise<CliResult> {
  const { io, said } = captureIo(world);
  const list = typeof words === "string" ? words.split(" ") : words;
  const exitCode = await runProgram({ words: list, io, version: "1.2.3" });
  return { exitCode, ...said() };
}
