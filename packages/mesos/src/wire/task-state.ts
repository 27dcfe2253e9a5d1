/**
 * Owns which task states are terminal. Not: what the scheduler does about a state.
 * Source of the rule: Apache Mesos, include/mesos/v1/mesos.proto, enum TaskState.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { TaskState } from "./types.js";

const terminal = {
  TASK_STAGING: false,
  TASK_STARTING: false,
  TASK_RUNNING: false,
  TASK_KILLING: false,
  TASK_FINISHED: true,
  TASK_FAILED: true,
  TASK_KILLED: true,
  TASK_ERROR: true,
  TASK_LOST: true,
  TASK_DROPPED: true,
  TASK_UNREACHABLE: false,
  TASK_GONE: true,
  TASK_GONE_BY_OPERATOR: true,
  TASK_UNKNOWN: false,
} as const satisfies Readonly<Record<TaskState, boolean>>;

/**
 * True for a state that Mesos calls terminal. It is no proof that the process has ended: TASK_LOST can come back, and
 * TASK_GONE_BY_OPERATOR of a draining agent arrives while the process still runs.
 */
export function isTerminalState(state: TaskState): boolean {
  return terminal[state];
}
