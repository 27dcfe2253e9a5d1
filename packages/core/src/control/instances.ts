/**
 * Owns what events do to an instance's cell: processes heard of, ended, unreachable; reports taken in.
 * Not: what follows (review.ts). Each function returns nothing and is idempotent for a repeated event.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessReport } from "../goal/types.js";
import type { Because } from "../instance/types.js";
import { forgetProcess, type InstanceCell, noBackoff, type Orphan } from "./cell.js";
import type { TaskUpdate } from "./events.js";
import { type ControlSettings, controlLimits } from "./settings.js";
import { isActive, processOf, withoutProcess, withProcess } from "./transitions.js";

/** How a process came to its end. */
export interface Ending {
  readonly because: Because;
  /** True when its start was tried on its agent: a start that failed there avoids the agent for a while. */
  readonly wasTried: boolean;
}

/** A process that is known to be gone: its record goes, and a start that failed slows the next one down. */
export function endProcess(
  cell: InstanceCell,
  processId: string,
  { because, wasTried }: Ending,
  now: Now,
): void {
  const process = processOf(cell.document, processId);
  if (process === undefined) return;
  const servedSinceMs = cell.servingSinceMs.get(processId);
  const everServed = servedSinceMs !== undefined || process.startId !== null;
  const startedWell =
    everServed &&
    (servedSinceMs === undefined || now.monotonicMs - servedSinceMs >= controlLimits.goodStartMs);
  dropProcess(cell, processId, because);
  if (process.member && now.settings.rules.restartsWait("died")) cell.leftAtMs = now.monotonicMs;
  if (processId === cell.document.masterId) cell.lostAtMs = now.atMs;
  if (!isActive(cell.document)) return;
  if (startedWell) {
    cell.backoff = noBackoff;
    return;
  }
  if (!everServed && wasTried) {
    cell.avoidUntilMs.set(process.agentId, now.monotonicMs + controlLimits.avoidMs);
  }
  // Processes that were started together and fail together are one failed try.
  if (cell.backoff.sameTry.has(processId)) return;
  const failures = cell.backoff.failures + 1;
  cell.backoff = {
    failures,
    untilMs: now.monotonicMs + backoffMs(failures),
    sameTry: new Set(cell.document.processes.map(({ id }) => id)),
  };
}

/** A process that never was, or is no more, without any consequence for the next start. */
export function dropProcess(cell: InstanceCell, processId: string, because: Because): void {
  cell.document = withoutProcess(cell.document, processId);
  forgetProcess(cell, processId);
  if (isActive(cell.document)) cell.lastFailure = because;
}

/** The two clocks of the event being handled, and the rules. */
export interface Now {
  readonly atMs: number;
  readonly monotonicMs: number;
  readonly settings: Pick<ControlSettings, "rules">;
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
  if (process.state === "running") return;
  // One that was never heard of is not heard of by Mesos alone.
  const state = serving || process.startId !== null ? "running" : "planned";
  if (state === "running") cell.launches.delete(processId);
  cell.document = withProcess(cell.document, processId, { state });
}

/** Nobody can tell whether the process lives. */
export function processUnreachable(cell: InstanceCell, processId: string): void {
  cell.document = withProcess(cell.document, processId, { state: "unreachable" });
  cell.reports.delete(processId);
}

/** Its executor has ended, and it may live on: unreachable, until somebody has seen its end or its guard has ended it. */
export function orphanProcess(cell: InstanceCell, processId: string, orphan: Orphan): void {
  processUnreachable(cell, processId);
  // The first word counts: the executor had ended by then.
  if (!cell.orphans.has(processId)) cell.orphans.set(processId, orphan);
}

/** Ends the processes that have certainly not outlived their executor for so long. */
export function endOrphans(
  cell: InstanceCell,
  now: Now,
  wakeAt: (monotonicMs: number) => void,
): void {
  for (const [processId, orphan] of [...cell.orphans]) {
    if (now.monotonicMs >= orphan.endsByMs) endProcess(cell, processId, orphan, now);
    else wakeAt(orphan.endsByMs);
  }
}

/** Takes in one report of a process that belongs to the instance. */
export function takeReport(cell: InstanceCell, report: ProcessReport, now: Now): void {
  if (processOf(cell.document, report.processId) === undefined) return;
  takeMasterOffset(cell, report);
  if (report.phase === "exited") {
    endProcess(cell, report.processId, { because: exitBecause(report), wasTried: true }, now);
    return;
  }
  cell.reports.set(report.processId, report);
  // It says what it waits for: somebody works on it.
  const launch = cell.launches.get(report.processId);
  if (report.note !== undefined && launch !== undefined) {
    cell.launches.set(report.processId, { ...launch, sinceMs: now.monotonicMs });
  }
  if (report.phase !== "serving") return;
  processAlive(cell, report.processId, true, now.monotonicMs);
  const known = processOf(cell.document, report.processId)?.dataEpoch ?? 0;
  cell.document = withProcess(cell.document, report.processId, {
    startId: report.startId,
    // The record says what the process may hold at most when it is out of reach: a report is older than it looks when it
    // came late, or from an executor that was frozen. What a process does hold is asked of it when it counts (V9).
    dataEpoch: Math.max(known, report.dataEpoch),
  });
}

/** How far the master had come, as far as it was heard: a failover's record says what was given up. */
function takeMasterOffset(cell: InstanceCell, { processId, epoch, offset }: ProcessReport): void {
  const { document } = cell;
  if (processId !== document.masterId || epoch !== document.epoch) return;
  const before = cell.masterOffset?.epoch === epoch ? cell.masterOffset.offset : 0;
  cell.masterOffset = { epoch, offset: Math.max(before, offset) };
}

/** Longest reason text kept in a document: messages of Mesos and of executors can be pages of logs. */
const becauseTextMax = 500;

const exitBecause = (report: ProcessReport): Because => ({
  code: "process-exited",
  text: `${report.processId}: ${report.exit?.text ?? "the process ended"}`.slice(0, becauseTextMax),
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
