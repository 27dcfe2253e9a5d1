/**
 * Owns which tasks Mesos still has to be asked about, and when again.
 * Not: what the answers mean (meaning.ts). Source of the rules: Mesos v1 scheduler API, reconciliation.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Effect } from "./effects.js";
import { controlLimits } from "./settings.js";

/** Tasks without an answer; asked again with growing waits, since silence is no answer. */
export class Reconciliation {
  readonly #open = new Map<string, string>();
  /** Those of which Mesos has said nothing at all since everything was asked. */
  readonly #unheard = new Set<string>();
  #askAtMs: number | null = null;
  #waitMs: number = controlLimits.reconcileRetryMs;
  #everyAtMs: number | null = null;

  /** Starts over: everything is asked now, and what stays open again later. */
  begin(
    tasks: Iterable<readonly [taskId: string, agentId: string]>,
    nowMs: number,
    emit: (effect: Effect) => void,
  ): void {
    this.#open.clear();
    this.#unheard.clear();
    for (const [taskId, agentId] of tasks) {
      this.#open.set(taskId, agentId);
      this.#unheard.add(taskId);
    }
    this.#waitMs = controlLimits.reconcileRetryMs;
    this.#everyAtMs = nowMs + controlLimits.reconcileEveryMs;
    emit({
      type: "reconcile-tasks",
      tasks: [],
      because: { code: "reconcile", text: "all tasks of this framework are asked for" },
    });
    this.#ask(nowMs, emit);
  }

  /** Nothing is asked while not subscribed. */
  pause(): void {
    this.#askAtMs = null;
    this.#everyAtMs = null;
  }

  /** What came about the task decides, or the task does not matter any more. */
  answered(taskId: string): void {
    this.#unheard.delete(taskId);
    this.#open.delete(taskId);
    if (this.#open.size > 0) return;
    this.#askAtMs = null;
    this.#waitMs = controlLimits.reconcileRetryMs;
  }

  /** A word that may be old: something was said of the task, but a question about it stays open. */
  heard(taskId: string): void {
    this.#unheard.delete(taskId);
  }

  /** An answer that decided nothing: ask again after a while. */
  doubt(taskId: string, agentId: string, nowMs: number): void {
    this.#unheard.delete(taskId);
    this.#open.set(taskId, agentId);
    this.#askAtMs ??= nowMs + this.#waitMs;
  }

  /** True when Mesos has said something of every task, if only that it cannot tell. */
  get isHeard(): boolean {
    return this.#unheard.size === 0;
  }

  /** Asks what is due; `periodic` is called when everything is to be asked again. */
  wake(nowMs: number, emit: (effect: Effect) => void, periodic: () => void): void {
    if (this.#everyAtMs !== null && this.#everyAtMs <= nowMs) periodic();
    else if (this.#askAtMs !== null && this.#askAtMs <= nowMs) {
      this.#waitMs = Math.min(this.#waitMs * 2, controlLimits.reconcileRetryMaxMs);
      this.#ask(nowMs, emit);
    }
  }

  /** When {@link wake} has something to do, or null. */
  next(): number | null {
    if (this.#askAtMs === null) return this.#everyAtMs;
    return this.#everyAtMs === null ? this.#askAtMs : Math.min(this.#askAtMs, this.#everyAtMs);
  }

  #ask(nowMs: number, emit: (effect: Effect) => void): void {
    const tasks = [...this.#open].map(([taskId, agentId]) => ({ taskId, agentId }));
    for (let index = 0; index < tasks.length; index += controlLimits.reconcileChunk) {
      emit({
        type: "reconcile-tasks",
        tasks: tasks.slice(index, index + controlLimits.reconcileChunk),
        because: { code: "reconcile", text: "these tasks have not been heard of" },
      });
    }
    this.#askAtMs = tasks.length === 0 ? null : nowMs + this.#waitMs;
  }
}
