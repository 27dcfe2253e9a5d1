/**
 * Owns the workings of one decision: the state as it changes, the effects as they gather.
 * Not: any rule. Called by the files of supervise/ only; a turn never outlives its decision.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Supervised, SuperviseEffect, SuperviseState } from "./types.js";

/** @internal One decision in the making. */
export interface Turn {
  readonly atMs: number;
  state: SuperviseState;
  readonly effects: SuperviseEffect[];
}

/** @internal */
export const findProcess = (state: SuperviseState, processId: string): Supervised | undefined =>
  state.processes.find((process) => process.order.processId === processId);

/** @internal Changes one live process; a process that is not there (any more) stays so. */
export function updateProcess(turn: Turn, processId: string, change: Partial<Supervised>): void {
  const processes = turn.state.processes.map((process) =>
    process.order.processId === processId ? { ...process, ...change } : process,
  );
  turn.state = { ...turn.state, processes };
}

/** @internal Notes that the next report batch must tell of this process, `delayMs` from now at the latest. */
export function markChanged(turn: Turn, processId: string, delayMs: number): void {
  const { reports } = turn.state;
  const changed = reports.changed.includes(processId)
    ? reports.changed
    : [...reports.changed, processId];
  const dueAtMs = turn.atMs + delayMs;
  const changedDueAtMs =
    reports.changedDueAtMs === null ? dueAtMs : Math.min(reports.changedDueAtMs, dueAtMs);
  turn.state = { ...turn.state, reports: { ...reports, changed, changedDueAtMs } };
}
