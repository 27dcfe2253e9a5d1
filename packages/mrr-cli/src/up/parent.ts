/**
 * Owns noticing that the npm which started this program has ended: it passes a SIGTERM to its shell only, and a kill -9
 * of it to nobody, so that nothing else would tell.
 * Not: what follows from it (signals.ts), nor the same for `npm start` (tools/start.mjs).
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import type { Clock, Timer } from "@mr-redis/core";

/** How often it is looked: the bar for the end of everything is some seconds. */
const lookMs = 500;

interface Ancestor {
  readonly name: string;
  readonly parentPid: number;
}

/** A process of Linux, by /proc; null elsewhere, and when it is gone. */
function ancestorOf(pid: number): Ancestor | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return { name, parentPid: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) };
  } catch {
    return null;
  }
}

/**
 * Calls `onGone` once when the npm that runs this program has ended. Between npm and this program there may be a shell:
 * it ends at npm's SIGTERM, and outlives its kill -9. Started otherwise nothing is watched, since the end of a parent
 * means nothing then (setsid, a terminal that is closed). The result ends the watch.
 */
export function watchNpm(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  onGone: () => void,
): () => void {
  // Set by npm for what it runs: by `npx`, `npm exec` and `npm run` alike.
  if (env.npm_lifecycle_event === undefined) return () => {};
  const parentPid = process.ppid;
  const shell = ancestorOf(parentPid);
  const isShell = shell !== null && /^(sh|dash|bash|ash|zsh|ksh)$/.test(shell.name);
  const isThere = (): boolean =>
    process.ppid === parentPid &&
    (!isShell || ancestorOf(parentPid)?.parentPid === shell.parentPid);
  let timer: Timer;
  const look = (): void => {
    if (isThere()) timer = clock.after(lookMs, look);
    else onGone();
  };
  timer = clock.after(lookMs, look);
  return () => timer.cancel();
}
