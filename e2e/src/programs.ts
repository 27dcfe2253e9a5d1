/**
 * Owns telling the programs of one `mrr up` apart by their command lines and parents.
 * Not: their end (packages/testing). Called by the kill tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { RunningUp, SeenProcess } from "@mr-redis/testing";

const isNode = (seen: SeenProcess): boolean =>
  seen.name.startsWith("node") || seen.name === "MainThread";

function onlyChild(up: RunningUp, word: RegExp): SeenProcess {
  const found = up
    .processes()
    .filter((seen) => seen.parentPid === up.program.pid && word.test(seen.commandLine));
  const [first] = found;
  if (first === undefined || found.length > 1) {
    const all = up
      .processes()
      .map(({ pid, parentPid, commandLine }) => ({ pid, parentPid, commandLine }));
    throw new Error(`${found.length} children match ${word}: ${JSON.stringify(all, null, 1)}`);
  }
  return first;
}

/** The scheduler that `mrr up` started. */
export const schedulerOf = (up: RunningUp): SeenProcess => onlyChild(up, /scheduler/);

/** The embedded Mesos that `mrr up` started. */
export const localOf = (up: RunningUp): SeenProcess => onlyChild(up, /local/);

/** The running executors, one for each agent that holds a process. */
export const executorsOf = (up: RunningUp): SeenProcess[] =>
  up.processes().filter((seen) => isNode(seen) && /executor/.test(seen.commandLine));

/** A variable of a process's environment, as it was started with it. */
export function environmentOf(seen: SeenProcess, name: string): string | null {
  const line = seen.environment.split("\0").find((entry) => entry.startsWith(`${name}=`));
  return line === undefined ? null : line.slice(name.length + 1);
}

/** The executor that is the parent (or grandparent) of a redis-server. */
export function executorOf(up: RunningUp, redisPid: number): SeenProcess {
  const all = new Map(up.processes().map((seen) => [seen.pid, seen]));
  const executors = new Set(executorsOf(up).map((seen) => seen.pid));
  let seen = all.get(redisPid);
  while (seen !== undefined && !executors.has(seen.pid)) seen = all.get(seen.parentPid);
  if (seen === undefined) throw new Error(`redis-server ${redisPid} has no executor above it`);
  return seen;
}
