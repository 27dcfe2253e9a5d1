/**
 * Owns telling a process from a later one with the same number: its pid together with when it started.
 * Not: locks (lock.ts) and leftovers (leftovers.ts), which are written in these words.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** One process, for ever. `start` is opaque; only equality has a meaning. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
}

/** Fields of /proc/PID/stat after the name, which may itself hold blanks and parentheses. */
const stateField = 0;
const threadsField = 17;
const startField = 19;

/**
 * When the process `pid` started; null when there is none, or only a zombie, which holds nothing. While other threads of
 * a zombie still end, though, they hold its files, and the port on which it listened.
 */
export function startOf(pid: number): string | null {
  if (process.platform !== "linux") return startByPs(pid);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const isZombie = fields[stateField] === "Z" || fields[stateField] === "X";
    if (isZombie && !(Number(fields[threadsField]) > 1)) return null;
    // The start counts from the boot: another boot may repeat it.
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${fields[startField] ?? ""}`;
  } catch {
    return null;
  }
}

function startByPs(pid: number): string | null {
  const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  const text = stdout?.trim() ?? "";
  return text === "" ? null : text;
}

/** The identity of a running process; null when it is gone. */
export function identify(pid: number): ProcessIdentity | null {
  const start = startOf(pid);
  return start === null ? null : { pid, start };
}

/** True while exactly this process runs. */
export const isRunning = ({ pid, start }: ProcessIdentity): boolean => startOf(pid) === start;

/** An identity from JSON of a file; null when it is none. */
export function parseIdentity(value: unknown): ProcessIdentity | null {
  if (typeof value !== "object" || value === null) return null;
  const { pid, start } = value as Record<string, unknown>;
  const isPid = typeof pid === "number" && Number.isSafeInteger(pid) && pid > 1;
  return isPid && typeof start === "string" ? { pid, start } : null;
}
