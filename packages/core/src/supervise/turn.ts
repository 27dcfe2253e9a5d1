/**
 * Owns the workings of one decision: the state as it changes, the effects as they gather.
 * Not: any rule. Called by the files of supervise/ only; a turn never outlives its decision.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SuperviseRules } from "./rules.js";
import {
  reportSpacingEachMs,
  reportSpacingMsMax,
  type Supervised,
  type SuperviseEffect,
  type SuperviseState,
} from "./types.js";

/** @internal One decision in the making. */
export interface Turn {
  readonly atMs: number;
  readonly rules: SuperviseRules;
  state: SuperviseState;
  /** The list of `state`, copied once for this turn: changed in place, so that one event costs no copy per change. */
  readonly processes: Supervised[];
  readonly effects: SuperviseEffect[];
}

/** @internal A turn on a copy of `state`. */
export function beginTurn(state: SuperviseState, atMs: number, rules: SuperviseRules): Turn {
  const processes = [...state.processes];
  return { atMs, rules, state: { ...state, processes }, processes, effects: [] };
}

/** @internal */
export const findProcess = (turn: Turn, processId: string): Supervised | undefined =>
  turn.processes.find((process) => process.order.processId === processId);

/** @internal Changes one live process; a process that is not there (any more) stays so. */
export function updateProcess(turn: Turn, processId: string, change: Partial<Supervised>): void {
  const index = turn.processes.findIndex((process) => process.order.processId === processId);
  const process = turn.processes[index];
  if (process !== undefined) turn.processes[index] = { ...process, ...change };
}

/** @internal Takes a live process off the list. */
export function removeProcess(turn: Turn, processId: string): void {
  const index = turn.processes.findIndex((process) => process.order.processId === processId);
  if (index !== -1) turn.processes.splice(index, 1);
}

/**
 * @internal Notes that the next report batch must tell of this process, `delayMs` from now, and not too soon after the
 * last batch; 0: at once.
 */
export function markChanged(turn: Turn, processId: string, delayMs: number): void {
  const { reports } = turn.state;
  const changed = reports.changed.includes(processId)
    ? reports.changed
    : [...reports.changed, processId];
  const spacingMs = Math.min(turn.processes.length * reportSpacingEachMs, reportSpacingMsMax);
  const dueAtMs =
    delayMs === 0 ? turn.atMs : Math.max(turn.atMs + delayMs, reports.sentAtMs + spacingMs);
  const changedDueAtMs =
    reports.changedDueAtMs === null ? dueAtMs : Math.min(reports.changedDueAtMs, dueAtMs);
  turn.state = { ...turn.state, reports: { ...reports, changed, changedDueAtMs } };
}
