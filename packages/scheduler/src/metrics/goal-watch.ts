/**
 * Owns how long goals take from their first sending until an executor reports them in force.
 * Not: when they are sent again (core). One for a reign, since stamps are ordered within it. Called by meter.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { compareStamps, type Goal, type ProcessReport, type Stamp } from "@mr-redis/core";

/**
 * Most goals that are waited for: as many as the processes of one scheduler. Beyond it the oldest is not measured, which is
 * the goal of a process that has ended.
 */
export const goalsWatchedMax = 50_000;

/** See the head of this file. */
export class GoalWatch {
  readonly #waiting = new Map<string, { readonly stamp: Stamp; readonly sinceMs: number }>();
  readonly #observe: (durationMs: number) => void;

  constructor(observe: (durationMs: number) => void) {
    this.#observe = observe;
  }

  /** Goals still waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  sent(goals: readonly Pick<Goal, "processId" | "stamp">[], nowMs: number): void {
    for (const { processId, stamp } of goals) {
      const present = this.#waiting.get(processId);
      if (present !== undefined && compareStamps(present.stamp, stamp) === 0) continue;
      this.#waiting.delete(processId);
      this.#waiting.set(processId, { stamp, sinceMs: nowMs });
    }
    for (const [oldest] of this.#waiting) {
      if (this.#waiting.size <= goalsWatchedMax) return;
      this.#waiting.delete(oldest);
    }
  }

  reported(
    reports: readonly Pick<ProcessReport, "processId" | "stamp" | "phase">[],
    nowMs: number,
  ): void {
    for (const { processId, stamp, phase } of reports) {
      const waiting = this.#waiting.get(processId);
      if (waiting === undefined) continue;
      const isInForce = phase === "serving" && compareStamps(stamp, waiting.stamp) >= 0;
      if (isInForce) this.#observe(nowMs - waiting.sinceMs);
      if (isInForce || phase === "exited") this.#waiting.delete(processId);
    }
  }
}
