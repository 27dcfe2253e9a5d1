/**
 * Owns the answer to "when must time be looked at next": one timer serves all processes.
 * Not: the timer (packages/executor). Called by the executor's shell after each decision, and by decide.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isSameStamp } from "./goal.js";
import type { Supervised, SuperviseState } from "./types.js";

function processWakesMs(process: Supervised, state: SuperviseState): number[] {
  if (process.pid === null) return [];
  const { ending, inForce, wanted, reattach } = process;
  if (ending !== null) return ending.sigkillAtMs === null ? [] : [ending.sigkillAtMs];
  const { startTimeoutMs, redisTimeoutMs } = state.options;
  const wakes: number[] = [];
  if (process.phase === "starting") wakes.push(process.launchedAtMs + startTimeoutMs);
  else if (process.unansweredSinceMs !== null) {
    wakes.push(process.unansweredSinceMs + redisTimeoutMs);
  }
  if (process.applying !== null) return wakes;
  if (process.probe === null) wakes.push(process.probeDueAtMs);
  if (process.phase !== "serving" || process.info === null) return wakes;
  if (inForce === null || !isSameStamp(inForce.stamp, wanted.stamp)) {
    wakes.push(process.applyDueAtMs);
  } else if (reattach.dueAtMs !== null) wakes.push(reattach.dueAtMs);
  return wakes;
}

/** When {@link decide} must get a tick at the latest, if nothing else happens before. */
export function wakeAtMs(state: SuperviseState): number {
  const { reports, shutdown, idleSinceMs, options } = state;
  let atMs = reports.fullDueAtMs;
  if (reports.changedDueAtMs !== null) atMs = Math.min(atMs, reports.changedDueAtMs);
  if (shutdown !== null) atMs = Math.min(atMs, shutdown.exitAtMs);
  if (idleSinceMs !== null) atMs = Math.min(atMs, idleSinceMs + options.executorIdleMs);
  for (const process of state.processes) {
    for (const wake of processWakesMs(process, state)) atMs = Math.min(atMs, wake);
  }
  return atMs;
}
