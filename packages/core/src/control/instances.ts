/**
 * Owns what events do to an instance's cell: processes heard of, ended, unreachable; reports taken in.
 * Not: what follows (review.ts). Each function returns nothing and is idempotent for a repeated event.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessReport } from "../goal/types.js";
import type { Because } from "../instance/types.js";
import { forgetProcess, type InstanceCell, noBackoff } from "./cell.js";
import type { TaskUpdate } from "./events.js";
import { controlLimits } from "./settings.js";
import { isActive, processOf, withoutProcess, withProcess } from "./transitions.js";

/** A process that is known to be gone: its record goes, and a start that failed slows the next one down. */
export function endProcess(
  cell: InstanceCell,
  processId: string,
  because: Because,
  now: Now,
): void {
  const process = processOf(cell.document, processId);
  if (process === undefined) return;
  const servedSinceMs = cell.servingSinceMs.get(processId);
  const everServed = servedSinceMs !== undefined || process.startId !== null;
  const startedWell =
    everServed &&
    (servedSinceMs === undefined || now.monotonicMs - servedSinceMs >= controlLimits.goodStartMs);
  cell.document = withoutProcess(cell.document, processId);
  forgetProcess(cell, processId);
  if (!isActive(cell.document)) return;
  cell.lastFailure = because;
  if (startedWell) {
    cell.backoff = noBackoff;
    return;
  }
  if (!everServed) {
    cell.avoidUntilMs.set(process.agentId, now.monotonicMs + controlLimits.avoidMs);
  }
  // Processes that were started together and fail together are one failed try.
  if (process.plannedAtMs <= cell.backoff.countedAtMs) return;
  const failures = cell.backoff.failures + 1;
  cell.backoff = {
    failures,
    untilMs: now.monotonicMs + backoffMs(failures),
    countedAtMs: now.atMs,
  };
}

/** The two clocks of the event being handled. */
export interface Now {
  readonly atMs: number;
  readonly monotonicMs: number;
}

/** Wait after so many failed starts in a row: none after the first, then doubling. */
export const backoffMs = (failures: number): number =>
  failures <= 1
    ? 0
    : Math.min(controlLimits.backoffFirstMs * 2 ** (failures - 2), controlLimits.backoffMaxMs);

/** Mesos (or a report) says that the process lives; `serving`: that its redis-server answers. */
export function processAlive(
  cell: InstanceCell,
  processId: string,
  serving: boolean,
  nowMs: number,
): void {
  const process = processOf(cell.document, processId);
  if (process === undefined) return;
  if (serving && !cell.servingSinceMs.has(processId) && process.state === "planned") {
    cell.servingSinceMs.set(processId, nowMs);
  }
  if (process.state === "unreachable" || (serving && process.state === "planned")) {
    cell.document = withProcess(cell.document, processId, { state: "running" });
  }
}

/** Nobody can tell whether the process lives. */
export function processUnreachable(cell: InstanceCell, processId: string): void {
  cell.document = withProcess(cell.document, processId, { state: "unreachable" });
  cell.reports.delete(processId);
}

/** Takes in one report of a process that belongs to the instance. */
export function takeReport(cell: InstanceCell, report: ProcessReport, now: Now): void {
  if (processOf(cell.document, report.processId) === undefined) return;
  if (report.phase === "exited") {
    endProcess(cell, report.processId, exitBecause(report), now);
    return;
  }
  cell.reports.set(report.processId, report);
  if (report.phase !== "serving") return;
  processAlive(cell, report.processId, true, now.monotonicMs);
  cell.document = withProcess(cell.document, report.processId, {
    startId: report.startId,
    dataEpoch: report.dataEpoch,
  });
}

const exitBecause = (report: ProcessReport): Because => ({
  code: "process-exited",
  text: `${report.processId}: ${report.exit?.text ?? "the process ended"}`,
});

/** Why a process ended, from the update that said so. */
export const updateBecause = (update: TaskUpdate): Because => ({
  code: "task-ended",
  text: [
    `${update.taskId}: ${update.state}`,
    update.reason === null ? null : `(${update.reason})`,
    update.message,
  ]
    .filter((part) => part !== null && part !== "")
    .join(" ")
    .slice(0, becauseTextMax),
});

/** Longest reason text kept in a document: messages of Mesos can be pages of container logs. */
const becauseTextMax = 500;
