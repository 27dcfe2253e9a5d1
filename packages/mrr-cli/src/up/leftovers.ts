/**
 * Owns the memory of our child processes across a kill -9 of `mrr up`, and the end of those that outlived it.
 * Not: executors and redis-servers, which end with `mrr-local` and are swept by its next start. Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Clock } from "@mr-redis/core";
import { pause } from "../io.js";
import { identify, isRunning, type ProcessIdentity, parseIdentity } from "./identity.js";

/** From SIGTERM to SIGKILL: a healthy child is long gone by then, since it saw the end of its standard input. */
const termMsMax = 5_000;

/** After SIGKILL: the kernel needs milliseconds. */
const killMsMax = 2_000;

const lookMs = 25;

/** Remembers the children that run now. */
export function writeChildren(file: string, pids: readonly number[]): void {
  const children = pids.map(identify).filter((child) => child !== null);
  const draft = `${file}.new`;
  writeFileSync(draft, JSON.stringify(children), { mode: 0o600 });
  renameSync(draft, file);
}

function readChildren(file: string): ProcessIdentity[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(value) ? value.map(parseIdentity).filter((child) => child !== null) : [];
  } catch {
    // Absent, or cut off by a full disk: then there is nobody to be found by it.
    return [];
  }
}

/** Ends the children of a killed run that still live. Returns their pids; at the limits some may live on. */
export async function endLeftovers(file: string, clock: Clock): Promise<readonly number[]> {
  const left = readChildren(file).filter(isRunning);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const living = left.filter(isRunning);
    for (const { pid } of living) send(pid, signal);
    const limitMs = signal === "SIGTERM" ? termMsMax : killMsMax;
    const endMs = clock.monotonicMs() + limitMs;
    while (left.some(isRunning) && clock.monotonicMs() < endMs) await pause(clock, lookMs);
  }
  return left.map(({ pid }) => pid);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
