/**
 * Owns the arithmetic of open files: what the limit of this process allows, and what to do when that is too little.
 * Not: what is done with it (service.ts). Source: proc(5), /proc/PID/limits; Node raises its soft limit to the hard one.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";

/** Files of the program itself: logs, admin connections, the stream of events, the state file. */
const ownFiles = 400;

/** Most clients when nothing says how many files there may be. */
const clientsUnlimited = 1_000_000;

/** What a limit allows. */
export interface OpenFiles {
  /** Most clients of all routes together. */
  readonly clientsTotalMax: number;
  /** The arithmetic. */
  readonly text: string;
  /** What should be done; null: it is enough. */
  readonly remedy: string | null;
}

/** The limit in the text of /proc/self/limits; Infinity where there is none, null where it does not say. */
export function parseOpenFilesMax(text: string): number | null {
  const match = /^Max open files\s+(\d{1,15}|unlimited)\s/m.exec(text);
  if (match === null) return null;
  return match[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match[1]);
}

/** The limit of this process; null where the system does not say it. */
export async function openFilesMax(): Promise<number | null> {
  try {
    return parseOpenFilesMax(await readFile("/proc/self/limits", "utf8"));
  } catch {
    return null;
  }
}

/** What `filesMax` allows with so many routes, each of them a file, and two files for each client. */
export function planOpenFiles(
  filesMax: number | null,
  routes: number,
  clientsMax: number,
): OpenFiles {
  if (filesMax === null || !Number.isFinite(filesMax)) {
    const text = "the limit of open files is not known here";
    return { clientsTotalMax: clientsUnlimited, text, remedy: null };
  }
  const left = Math.max(0, Math.floor((filesMax - ownFiles - routes) / 2));
  const clientsTotalMax = Math.min(clientsUnlimited, left);
  const text = `${filesMax} open files = ${ownFiles} of its own + ${routes} routes + 2 x ${left} clients`;
  if (clientsTotalMax >= clientsMax) return { clientsTotalMax, text, remedy: null };
  const needed = ownFiles + routes + 2 * clientsMax;
  const remedy = `for ${clientsMax} clients (ClientsMax) allow ${needed}: LimitNOFILE=${needed} of systemd, or ulimit -n ${needed}`;
  // Some clients are served even where the arithmetic leaves none: routes may fail, the rest must not.
  return { clientsTotalMax: Math.max(1, clientsTotalMax), text, remedy };
}
