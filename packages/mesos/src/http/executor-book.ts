/**
 * Owns what an executor must repeat until the agent has stored it: launched tasks and status updates.
 * Not: sending (executor-session.ts). Pure; called by the executor session.
 * Source of the rule: Apache Mesos, docs/executor-http-api.md (unacknowledged tasks and updates on SUBSCRIBE).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ExecutorEvent, TaskInfo, TaskStatus } from "../wire/types.js";

/** Most updates that may be unacknowledged; an executor of 100 tasks has some hundreds even after minutes without agent. */
export const updatesUnacknowledgedMax = 10_000;

/** Most launched tasks without any acknowledgement that are listed; those beyond would be given up by a restarted agent. */
export const tasksUnacknowledgedMax = 10_000;

/** Both maps of an executor. */
export class ExecutorBook {
  /** Every launched task until the first acknowledgement of one of its updates, by task id. */
  readonly #tasks = new Map<string, TaskInfo>();
  /** Every update until its acknowledgement, by uuid, in the order of making. */
  readonly #updates = new Map<string, TaskStatus>();

  /** Notes what an event changes: LAUNCH and LAUNCH_GROUP add tasks, ACKNOWLEDGED removes. */
  note(event: ExecutorEvent): void {
    if (event.launch !== undefined) this.#addTask(event.launch.task);
    for (const task of event.launch_group?.task_group.tasks ?? []) this.#addTask(task);
    if (event.acknowledged !== undefined) {
      this.#updates.delete(event.acknowledged.uuid);
      this.#tasks.delete(event.acknowledged.task_id.value);
    }
  }

  /** Adds an update (its `uuid` is set); false when there are too many. */
  addUpdate(uuid: string, status: TaskStatus): boolean {
    if (this.#updates.size >= updatesUnacknowledgedMax) return false;
    this.#updates.set(uuid, status);
    return true;
  }

  /** Forgets an update that the agent refuses for good. */
  dropUpdate(uuid: string): void {
    this.#updates.delete(uuid);
  }

  hasUpdate(uuid: string): boolean {
    return this.#updates.has(uuid);
  }

  /** For `unacknowledged_tasks`. */
  tasks(): TaskInfo[] {
    return [...this.#tasks.values()];
  }

  /** For `unacknowledged_updates`, oldest first. */
  updates(): TaskStatus[] {
    return [...this.#updates.values()];
  }

  #addTask(task: TaskInfo): void {
    if (this.#tasks.size < tasksUnacknowledgedMax) this.#tasks.set(task.task_id.value, task);
  }
}
