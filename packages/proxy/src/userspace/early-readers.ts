/**
 * Owns who of the clients that wait for a target is read meanwhile: so many at a time, the next one when one of them waits no
 * more. What is read has to be kept until there is a target; whoever is not read keeps it in the kernel, and its leaving is
 * noticed when its turn comes or its patience ends. Not: the reading (waiting.ts). Called by waiting.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Each keeps 128 KiB at most, so all of them 128 MiB, however many clients wait. */
export const earlyReadersMax = 1_024;

/** See the head of this file. */
export class EarlyReaders {
  #free: number;
  readonly #queue = new Set<() => void>();

  /** `max`: how many are read at the same time. */
  constructor(max = earlyReadersMax) {
    this.#free = max;
  }

  /** Calls `begin` now or when it is its turn. Each asks once. */
  take(begin: () => void): void {
    if (this.#free === 0) {
      this.#queue.add(begin);
      return;
    }
    this.#free -= 1;
    begin();
  }

  /** Who asked with this `begin` waits no more; the next one begins. */
  give(begin: () => void): void {
    if (this.#queue.delete(begin)) return;
    const [next] = this.#queue;
    if (next === undefined) this.#free += 1;
    else {
      this.#queue.delete(next);
      next();
    }
  }
}
