/**
 * Owns whose turn it is: one instance after the other is brought to the present executor; one that does not get on gives
 * way and has its turn again later. Not: what is done with it (plan.ts). Called by control/upgrade.ts.
 * Times are monotonic milliseconds.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because } from "../instance/types.js";

/** Limits of an upgrade, each with its reason. */
export const upgradeLimits = {
  /** An instance that has made no step for so long gives way to the next: a sync of much data may take this long. */
  stallMs: 120_000,
  /** One more replica that has found no place for so long is not waited for; several rounds of offers. */
  crowdedMs: 20_000,
  /** Those that gave way are tried again so long after the last turn. */
  againMs: 60_000,
  /** Most instances that are named as left behind: the list is for people. */
  leftShownMax: 100,
} as const;

/** Who has its turn, who is next, and who gave way. Changed in place. */
export class UpgradeTurns {
  #queue: string[] = [];
  #current: string | null = null;
  #sinceMs = 0;
  #againAtMs: number | null = null;
  readonly #left = new Map<string, Because>();

  /** The instance that has its turn, or null. */
  get current(): string | null {
    return this.#current;
  }

  /** Instances that gave way when they last had their turn, with the reason. */
  get left(): ReadonlyMap<string, Because> {
    return this.#left;
  }

  /** Begins a round with these, in order. */
  begin(names: readonly string[]): void {
    const wanted = new Set(names);
    for (const name of this.#left.keys()) if (!wanted.has(name)) this.#left.delete(name);
    this.#queue = [...names];
    this.#current = null;
    this.#againAtMs = null;
  }

  /** Forgets everything: nothing is moved. */
  stop(): void {
    this.begin([]);
  }

  /** The one that has its turn now; null at the end of the round. */
  next(nowMs: number): string | null {
    if (this.#current !== null) return this.#current;
    this.#current = this.#queue.shift() ?? null;
    this.#sinceMs = nowMs;
    if (this.#current !== null) this.#left.delete(this.#current);
    else if (this.#left.size > 0) this.#againAtMs ??= nowMs + upgradeLimits.againMs;
    return this.#current;
  }

  /** It has made a step. */
  progressed(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** Its turn is over: it is done, or gone. */
  finished(): void {
    this.#current = null;
  }

  /** It cannot go on now. */
  gaveWay(because: Because): void {
    if (this.#current !== null) this.#left.set(this.#current, because);
    this.#current = null;
  }

  /** When the present one has made no step for too long. */
  get stalledAtMs(): number {
    return this.#sinceMs + upgradeLimits.stallMs;
  }

  /** When one more replica that has no place is not waited for any longer. */
  get crowdedAtMs(): number {
    return this.#sinceMs + upgradeLimits.crowdedMs;
  }

  /** When the next round is due; null while this one goes on, or all is done. */
  get againAtMs(): number | null {
    return this.#againAtMs;
  }
}
