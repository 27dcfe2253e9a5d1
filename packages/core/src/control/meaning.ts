/**
 * Owns what a Mesos task update means for a process: does it live, has it ended, or can nobody tell.
 * Not: what follows from it (control.ts). Source of the rules: Mesos v1 scheduler API, task states and
 * reasons; the table is in docs/internals/task-updates.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { TaskUpdate } from "./events.js";

/**
 * alive: Mesos knows it as not ended. running: its executor said that it serves. ended: the process is gone, or never was (confirmed death).
 * unreachable: it may live. inconclusive: ask again (reconcile).
 */
export type Meaning = "alive" | "running" | "ended" | "unreachable" | "inconclusive";

/** What is known about the process when the update arrives. */
export interface MeaningContext {
  /** True when the process has been heard of (an update or a report from its executor). */
  readonly seen: boolean;
  /** True when its ACCEPT was sent in this session and less than {@link launchDoubtMs} ago. */
  readonly freshLaunch: boolean;
  /** True while its instance is meant to run. */
  readonly wanted: boolean;
}

/** How long an answer "no such task" for a launch of this very session is doubted (older masters authorize asynchronously). */
export const launchDoubtMs = 30_000;

/** True when no executor was given the task, so that nothing of it can run. */
export const wasNeverLaunched = ({ state }: TaskUpdate): boolean =>
  state === "TASK_ERROR" || state === "TASK_DROPPED";

/** The meaning of one update; see the table in docs/internals/task-updates.md. */
export function meaningOf(update: TaskUpdate, context: MeaningContext): Meaning {
  switch (update.state) {
    case "TASK_STAGING":
    case "TASK_STARTING":
    case "TASK_KILLING":
      return "alive";
    case "TASK_RUNNING":
      return "running";
    case "TASK_FINISHED":
    case "TASK_FAILED":
    case "TASK_KILLED":
      return "ended";
    case "TASK_ERROR":
    case "TASK_DROPPED":
      // A spent offer or a repeated id is answered for a task that is in fact running: ask before believing.
      return update.uuid === null && context.seen ? "inconclusive" : "ended";
    case "TASK_GONE":
      return context.freshLaunch ? "inconclusive" : "ended";
    case "TASK_GONE_BY_OPERATOR":
      // A draining agent sends this in place of TASK_KILLING, while the process still runs.
      return update.reason === "REASON_AGENT_DRAINING" ? "inconclusive" : "ended";
    case "TASK_UNREACHABLE":
    case "TASK_LOST":
      return "unreachable";
    case "TASK_UNKNOWN":
      if (context.freshLaunch) return "inconclusive";
      // Its agent is not even known. Should it ever come back, it is killed as one that nobody wants.
      return context.wanted ? "unreachable" : "ended";
    default:
      return "inconclusive";
  }
}
