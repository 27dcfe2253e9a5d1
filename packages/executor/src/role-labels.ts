/**
 * Owns what Mesos is told of the roles of processes: labels on TASK_RUNNING, once more after each change of role.
 * Not: the roles (core/supervise), nor the labels of the task itself, which never change (packages/scheduler).
 * Called by supervisor.ts. Source of the rule: Mesos v1 executor API, UPDATE: a state may be repeated, and of equal
 * states in a row master and agent show the last one.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, SuperviseState } from "@mr-redis/core";
import type { TaskUpdate } from "./ports.js";

/** Labels by key. */
export type RoleLabels = Readonly<Record<string, string>>;

/**
 * `mr-redis.role`: master or replica. `mr-redis.epoch`: since which reign; of several that call themselves master the
 * one with the highest is. Null while the process is parked: it has no role then.
 */
export const roleLabelsOf = ({ role, epoch }: Pick<Goal, "role" | "epoch">): RoleLabels | null =>
  role === "parked" ? null : { "mr-redis.role": role, "mr-redis.epoch": String(epoch) };

/** The roles that were told, for each task that runs. */
export class ToldRoles {
  /** The role that was told last; null: none yet. */
  readonly #told = new Map<string, Goal["role"] | null>();

  /** Labels for the first TASK_RUNNING of a task. */
  begin(state: SuperviseState, taskId: string): RoleLabels | null {
    const goal = roleInForce(state, taskId);
    const labels = goal === null ? null : roleLabelsOf(goal);
    this.#told.set(taskId, labels === null ? null : (goal?.role ?? null));
    return labels;
  }

  /**
   * The update that tells the present role of a task; null when there is nothing to tell. The epoch alone is not told
   * again: a promotion would else cost an update for each replica.
   */
  change(state: SuperviseState, taskId: string): TaskUpdate | null {
    const told = this.#told.get(taskId);
    const goal = roleInForce(state, taskId);
    if (told === undefined || goal === null || goal.role === told) return null;
    const labels = roleLabelsOf(goal);
    if (labels === null) return null;
    this.#told.set(taskId, goal.role);
    const message = `${goal.role} since epoch ${goal.epoch}`;
    return { taskId, state: "TASK_RUNNING", message, data: null, labels };
  }

  /** The task has ended. */
  end(taskId: string): void {
    this.#told.delete(taskId);
  }
}

/** The goal that is in force: read back, or, before the first one was applied, the one in the configuration file. */
function roleInForce(state: SuperviseState, taskId: string): Goal | null {
  const process = state.processes.find(({ order }) => order.processId === taskId);
  if (process === undefined || process.ending !== null) return null;
  return process.inForce ?? (process.reconfigured ? null : process.order.goal);
}
