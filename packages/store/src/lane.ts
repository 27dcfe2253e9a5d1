/**
 * Owns the order of all writes: one thing at a time, waiting changes taken together as one group.
 * So many commits share one fsync or one request, and a task sees every change that came before it, also one of
 * unknown outcome.
 * Not: what the work is. Called by the drivers embedded and etcd.
 * SPDX-License-Identifier: Apache-2.0
 */

/** How large a group may be; a single change always fits. */
export interface GroupLimits {
  readonly bytesMax: number;
  readonly countMax: number;
}

/** Most bytes that wait: twice what 10,000 instances hold when all change at once. */
export const waitingBytesMax = 128 * 1024 * 1024;

/** Most changes that wait: ten for each of 10,000 instances. */
export const waitingCountMax = 100_000;

/** What a lane needs to know of a change. */
export interface Weighed {
  readonly bytes: number;
}

interface Task {
  readonly run: () => Promise<void>;
}

/** Runs tasks alone and changes in groups, in the order of their coming. */
export class Lane<Item extends Weighed> {
  readonly #limits: GroupLimits;
  readonly #runGroup: (items: readonly Item[]) => Promise<void>;
  #waiting: (Item | Task)[] = [];
  #waitingBytes = 0;
  #working: Promise<void> | null = null;
  #stopped = false;

  /** `runGroup` must not reject. */
  constructor(limits: GroupLimits, runGroup: (items: readonly Item[]) => Promise<void>) {
    this.#limits = limits;
    this.#runGroup = runGroup;
  }

  /** Takes a change; false when too much waits already. */
  add(item: Item): boolean {
    if (this.#stopped || this.#waiting.length >= waitingCountMax) return false;
    if (this.#waitingBytes + item.bytes > waitingBytesMax) return false;
    this.#waitingBytes += item.bytes;
    this.#push(item);
    return true;
  }

  /** Runs `task` after everything that waits now. Never settles when the lane stops before. */
  task<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#stopped) this.#push({ run: () => task().then(resolve, reject) });
    });
  }

  /** Drops what waits; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting = [];
    await this.#working;
  }

  #push(entry: Item | Task): void {
    this.#waiting.push(entry);
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    do {
      // Those who were just answered get their turn to add what they do next: it joins the next group.
      await new Promise((resolve) => setImmediate(resolve));
      const first = this.#waiting[0];
      if (first === undefined) continue;
      if ("run" in first) {
        this.#waiting.shift();
        await first.run();
      } else {
        await this.#runGroup(this.#takeGroup());
      }
    } while (this.#waiting.length > 0);
    this.#working = null;
  }

  #takeGroup(): readonly Item[] {
    const group: Item[] = [];
    let bytes = 0;
    for (const entry of this.#waiting) {
      if ("run" in entry || group.length >= this.#limits.countMax) break;
      if (group.length > 0 && bytes + entry.bytes > this.#limits.bytesMax) break;
      group.push(entry);
      bytes += entry.bytes;
    }
    this.#waiting.splice(0, group.length);
    this.#waitingBytes -= bytes;
    return group;
  }
}
