/**
 * Owns the answer to "when must time be looked at next": one timer serves all processes.
 * Not: the timer (packages/executor). Called by the executor's shell after each decision, and by decide.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isAsWanted } from "./goal.js";
import type { Supervised, SuperviseOptions, SuperviseState } from "./types.js";

/** @internal When time must be looked at for one process; Infinity when only an event can change it. */
export function processWakeAtMs(process: Supervised, options: SuperviseOptions): number {
  if (process.pid === null) return Number.POSITIVE_INFINITY;
  const { closeAtMs, closeByMs, ending, phase, unansweredSinceMs } = process;
  if (ending !== null && ending.sigkillAtMs === null) return Number.POSITIVE_INFINITY;
  const never = Number.POSITIVE_INFINITY;
  let atMs = Math.min(closeAtMs ?? never, closeByMs ?? never);
  if (ending !== null) return Math.min(atMs, ending.sigkillAtMs ?? atMs);
  if (phase === "starting") atMs = Math.min(atMs, process.startedAtMs + options.startTimeoutMs);
  else if (unansweredSinceMs !== null) {
    atMs = Math.min(atMs, unansweredSinceMs + options.redisTimeoutMs);
  }
  if (process.applying !== null) return atMs;
  if (process.probe === null) atMs = Math.min(atMs, process.probeDueAtMs);
  return phase === "serving" ? Math.min(atMs, goalWakeAtMs(process)) : atMs;
}

function goalWakeAtMs(process: Supervised): number {
  if (process.info === null) return Number.POSITIVE_INFINITY;
  if (!isAsWanted(process)) return process.applyDueAtMs;
  return process.reattach.dueAtMs ?? Number.POSITIVE_INFINITY;
}

/** When {@link decide} must get a tick at the latest, if nothing else happens before. */
export function wakeAtMs(state: SuperviseState): number {
  const { reports, shutdown, idleSinceMs, options } = state;
  let atMs = reports.fullDueAtMs;
  if (reports.changedDueAtMs !== null) atMs = Math.min(atMs, reports.changedDueAtMs);
  if (shutdown !== null) atMs = Math.min(atMs, shutdown.exitAtMs);
  if (idleSinceMs !== null) atMs = Math.min(atMs, idleSinceMs + options.executorIdleMs);
  for (const process of state.processes) {
    atMs = Math.min(atMs, processWakeAtMs(process, options));
  }
  return atMs;
}
