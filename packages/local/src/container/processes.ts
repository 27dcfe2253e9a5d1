/**
 * Owns finding and ending every process of a container through /proc. Linux; elsewhere only the process group.
 * Not: when (container.ts, leftovers.ts). Called by both.
 * A process belongs to a container when it is in the session or the group that the executor led, descends from a
 * member, carries the container's marker in its environment, or (a program may overwrite its environment, as
 * redis-server does) works in the sandbox without a terminal. Nothing of it needs cgroups.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Clock } from "@mr-redis/core";

/** Pause between two looks for processes that are left; a SIGKILLed process is gone within a few milliseconds. */
const scanPauseMs = 5;

/** How long is looked before giving up: only a process in uninterruptible sleep lasts longer. */
export const endDeadlineMs = 10_000;

/** How far destruction goes. `posix`: a child with a session of its own survives a dead executor, as with a real agent. */
export type Launcher = "linux" | "posix";

/** A process as /proc shows it. */
export interface SeenProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  readonly terminal: number;
  /** Start time in clock ticks since boot; with the pid it names a process for ever. */
  readonly startTicks: number;
}

/** What is known of a container whose processes are looked for. */
export interface ContainerTrace {
  /** The executor; null when it was never started. */
  readonly leaderPid: number | null;
  readonly leaderStartTicks: number | null;
  /** The sandbox; of leftovers, the directories of all sandboxes. */
  readonly directories: readonly string[];
  /** Sandboxes among them whose processes are not meant. */
  readonly except?: readonly string[];
}

/** One process; null when it is gone or a zombie. */
export function seeProcess(pid: number): SeenProcess | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The name is in parentheses and may itself hold parentheses: the last one ends it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group, session, terminal] = fields;
  if (state === "Z" || state === "X") return null;
  return {
    pid,
    parentPid: Number(parent),
    groupId: Number(group),
    sessionId: Number(session),
    terminal: Number(terminal),
    startTicks: Number(fields[19]),
  };
}

/** False where there is no /proc. */
export const canSee = (): boolean => seeProcess(process.pid) !== null;

/** All processes that can be seen, zombies left out. Empty where there is no /proc. */
export function seeProcesses(): readonly SeenProcess[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const pid = Number(name);
    const seen = Number.isInteger(pid) ? seeProcess(pid) : null;
    return seen === null ? [] : [seen];
  });
}

/** True when the environment of the process names one of the directories, or a place below it, as MESOS_DIRECTORY. */
export function hasMarker(pid: number, directories: readonly string[]): boolean {
  try {
    const environment = `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`;
    return directories.some((directory) => environment.includes(`\0MESOS_DIRECTORY=${directory}`));
  } catch {
    return false;
  }
}

/** A shell that somebody opened in a sandbox has a terminal: it is left alone. */
const worksIn = (seen: SeenProcess, directories: readonly string[]): boolean => {
  if (seen.terminal !== 0) return false;
  try {
    const cwd = readlinkSync(`/proc/${seen.pid}/cwd`);
    return directories.some((directory) => cwd === directory || cwd.startsWith(`${directory}/`));
  } catch {
    return false;
  }
};

const belongsTo = (seen: SeenProcess, directories: readonly string[]): boolean =>
  directories.length > 0 && (hasMarker(seen.pid, directories) || worksIn(seen, directories));

/** The live processes of a container, this process never among them. */
export function membersOf(
  trace: ContainerTrace,
  launcher: Launcher,
  all: readonly SeenProcess[] = seeProcesses(),
): readonly SeenProcess[] {
  const { leaderPid, leaderStartTicks, directories, except = [] } = trace;
  const others = all.filter(
    (seen) =>
      seen.pid !== process.pid &&
      (leaderStartTicks === null || seen.startTicks >= leaderStartTicks),
  );
  const members = new Map<number, SeenProcess>();
  for (const seen of others) {
    const isLed = leaderPid !== null && isLedBy(seen, leaderPid, leaderStartTicks);
    const isMarked =
      launcher === "linux" && belongsTo(seen, directories) && !belongsTo(seen, except);
    if (isLed || isMarked) members.set(seen.pid, seen);
  }
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const seen of others) if (members.has(seen.parentPid)) members.set(seen.pid, seen);
  }
  return [...members.values()];
}

/** In the session or group of the leader; the number of a leader that is gone and was given to another does not count. */
function isLedBy(seen: SeenProcess, leaderPid: number, startTicks: number | null): boolean {
  if (seen.pid === leaderPid) return startTicks === null || seen.startTicks === startTicks;
  return seen.sessionId === leaderPid || seen.groupId === leaderPid;
}

/** SIGKILL; nothing when the process is gone. */
export function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone, or not ours to end: the next look tells.
  }
}

/**
 * Kills every process of the container and resolves when none is left, with those that outlived
 * {@link endDeadlineMs} (normally none). Safe to call again.
 */
export async function endProcesses(
  trace: ContainerTrace,
  launcher: Launcher,
  clock: Clock,
): Promise<readonly SeenProcess[]> {
  const startMs = clock.monotonicMs();
  if (trace.leaderPid !== null && !canSee()) killNow(-trace.leaderPid);
  let members = membersOf(trace, launcher);
  if (trace.leaderPid !== null && members.some((seen) => seen.groupId === trace.leaderPid)) {
    killNow(-trace.leaderPid);
  }
  while (members.length > 0) {
    for (const seen of members) killNow(seen.pid);
    await new Promise<void>((resolve) => clock.after(scanPauseMs, resolve));
    members = membersOf(trace, launcher);
    if (clock.monotonicMs() - startMs > endDeadlineMs) return members;
  }
  return [];
}
