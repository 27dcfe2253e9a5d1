/**
 * Owns the timers that a machine sets by value: setting one again replaces it. Called by the shells.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";

/** Timers by the JSON of their names. */
export class NamedTimers<Name> {
  readonly #clock: Clock;
  readonly #fire: (name: Name) => void;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock, fire: (name: Name) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  set(name: Name, delayMs: number): void {
    const key = JSON.stringify(name);
    this.#timers.get(key)?.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(key);
      this.#fire(name);
    });
    this.#timers.set(key, timer);
  }

  cancel(name: Name): void {
    const key = JSON.stringify(name);
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
