/**
 * Owns looking at the processes of this machine through /proc, and ending them by pid.
 * Not: starting them (launch.ts). Linux only. Called by launchers and tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { until } from "./eventually.js";

/**
 * A process as /proc shows it. Zombies are not listed: they hold nothing but their number; but while other threads of a
 * zombie still end, they hold its files, and the ports on which it listened.
 */
export interface SeenProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** Name of the program file, as the kernel keeps it (15 characters at most). */
  readonly name: string;
  readonly commandLine: string;
  readonly cwd: string;
  readonly environment: string;
}

/** A redis-server (or valkey-server) with the address that its title shows, if it shows one yet. */
export interface SeenRedisServer {
  readonly pid: number;
  readonly port: number | null;
}

/** Reads a file of /proc; null when the process ended meanwhile. */
function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return null;
  }
}

function readCwd(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** Index of the number of threads in /proc/PID/stat, behind the name. */
const threadsField = 17;

/** One process, or null when it is gone or a zombie. */
export function seeProcess(pid: number): SeenProcess | null {
  const stat = readProc(pid, "stat");
  if (stat === null) return null;
  // The name is in parentheses and may itself hold parentheses: the last one ends it.
  const nameEnd = stat.lastIndexOf(")");
  const fields = stat.slice(nameEnd + 2).split(" ");
  const [state, parent] = fields;
  const isEnding = (state === "Z" || state === "X") && !(Number(fields[threadsField]) > 1);
  if (isEnding || parent === undefined) return null;
  return {
    pid,
    parentPid: Number(parent),
    name: stat.slice(stat.indexOf("(") + 1, nameEnd),
    commandLine: (readProc(pid, "cmdline") ?? "").replaceAll("\0", " ").trim(),
    cwd: readCwd(pid),
    environment: readProc(pid, "environ") ?? "",
  };
}

/** All processes that can be seen. */
export function seeProcesses(): SeenProcess[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => seeProcess(Number(entry)))
    .filter((seen) => seen !== null);
}

const mentions = (seen: SeenProcess, marker: string): boolean =>
  seen.commandLine.includes(marker) ||
  seen.cwd.includes(marker) ||
  seen.environment.includes(marker);

/**
 * Processes that belong to `marker` (a directory that only one run uses): their command line, working
 * directory or environment names it, or their parent does. The caller itself is never among them.
 */
export function findProcesses(marker: string): SeenProcess[] {
  const all = seeProcesses().filter((seen) => seen.pid !== process.pid);
  const found = new Map<number, SeenProcess>();
  for (const seen of all) if (mentions(seen, marker)) found.set(seen.pid, seen);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const seen of all) if (found.has(seen.parentPid)) found.set(seen.pid, seen);
  }
  return [...found.values()];
}

/** Redis servers that belong to `marker`. A redis-server overwrites its environment with its title: its directory tells. */
export function findRedisServers(marker: string): SeenRedisServer[] {
  return findProcesses(marker)
    .filter((seen) => seen.name === "redis-server" || seen.name === "valkey-server")
    .map((seen) => {
      const port = /^\S+ \S*:(\d+)/.exec(seen.commandLine)?.[1];
      return { pid: seen.pid, port: port === undefined ? null : Number(port) };
    });
}

/** True while the process exists and is no zombie. */
export const isAlive = (pid: number): boolean => seeProcess(pid) !== null;

/** Sends a signal to one process; nothing when it is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** kill -9, and waits until the process is gone. */
export async function killProcess(pid: number): Promise<void> {
  signalProcess(pid, "SIGKILL");
  await until(() => !isAlive(pid), { deadlineMs: 5_000, what: `the end of process ${pid}` });
}

/** Ends all that belongs to `marker` and returns what had to be ended, for a test to complain about. */
export async function sweepProcesses(marker: string): Promise<SeenProcess[]> {
  const left = findProcesses(marker);
  for (const seen of left) signalProcess(seen.pid, "SIGKILL");
  await until(() => findProcesses(marker).length === 0, {
    deadlineMs: 5_000,
    what: `the end of all processes of ${marker}`,
  });
  return left;
}
