/**
 * Owns what the end of a reign means: another may follow, or this program cannot go on; and what is said then.
 * Not: the end itself (reign.ts), nor what follows (succession.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Because,
  type FrameworkDocument,
  type InstanceDocument,
  MrrError,
} from "@mr-redis/core";
import type { SchedulerStop } from "@mr-redis/mesos";

/** lost: another reign may follow. fatal: this program cannot go on. */
export type ReignEnd =
  | { readonly type: "lost"; readonly because: string }
  | { readonly type: "fatal"; readonly error: MrrError };

/** The store itself said so. */
export const notLeader: Because = {
  code: "not-leader",
  text: "the store says that another one leads",
};

/** What a stop that the core decided on means: a fresh look at the store helps, or nothing does. */
export function endOf({ code, text }: Because): ReignEnd {
  switch (code) {
    case "not-leader":
    case "store-conflict":
      return { type: "lost", because: text };
    default:
      return { type: "fatal", error: new MrrError("internal", `${code}: ${text}`) };
  }
}

/** What a stop of the Mesos session means, as far as Mesos can tell. */
export function stopError(reason: Exclude<SchedulerStop, { type: "closed" }>): MrrError {
  switch (reason.type) {
    case "framework-removed":
      return new MrrError("framework-removed", reason.text);
    case "framework-failed-over":
      return new MrrError(
        "framework-failed-over",
        `Mesos says "${reason.text}", and no scheduler of this store leads but this one: a stranger subscribed with ` +
          "the same framework id. This one stops, since two would evict each other for ever; all processes run on. " +
          "End the other one, then start this one again",
      );
    case "framework-id-changed":
    case "subscription-refused":
      return new MrrError("mesos-unavailable", `the subscription was refused: ${reason.text}`);
    case "request-refused":
      return new MrrError(
        "mesos-unavailable",
        `the master refused the subscription with ${reason.status}: ${reason.text}`,
      );
  }
}

/** Most instances that are named: the text is for people, the store has all of them. */
const namesMax = 10;

/** The framework was removed: what was lost, and what to do. */
export function removalError(
  { frameworkId, removedAtMs }: Pick<FrameworkDocument, "frameworkId" | "removedAtMs">,
  documents: Iterable<InstanceDocument>,
): MrrError {
  const lost = lossOf(documents);
  const at = removedAtMs === null ? "" : ` (noticed ${new Date(removedAtMs).toISOString()})`;
  return new MrrError(
    "framework-removed",
    `Mesos has removed framework ${frameworkId}${at} and ended everything that it ran: ${lossText(lost)}. ` +
      "Nothing is started by itself. To create these instances again under a new framework id, new and empty, start " +
      "once: mrr-scheduler --new-framework",
    { details: { frameworkId, instances: lost.names.length, processes: lost.processesCount } },
  );
}

/** What a removed framework ran, as far as the records tell. */
export interface Loss {
  /** Instances that had a process. */
  readonly names: readonly string[];
  readonly processesCount: number;
}

/** Counts it. */
export function lossOf(documents: Iterable<InstanceDocument>): Loss {
  const names: string[] = [];
  let processesCount = 0;
  for (const { name, processes } of documents) {
    if (processes.length > 0) names.push(name);
    processesCount += processes.length;
  }
  return { names: names.sort(), processesCount };
}

/** `2 instances with 5 processes (a, b)`. */
export function lossText({ names, processesCount }: Loss): string {
  if (names.length === 0) return "no process was recorded";
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : "";
  const named = `${names.slice(0, namesMax).join(", ")}${more}`;
  return `${counted(names.length, "instance")} with ${counted(processesCount, "process", "processes")} (${named})`;
}

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
