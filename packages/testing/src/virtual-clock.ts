/**
 * Owns the clock of tests and of the simulator: time moves only when it is told to.
 * Not: the port (core's clock.ts). Called by tests and by the simulator.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, type Clock, type Timer } from "@mr-redis/core";

/** Most timers that one advance may run: more is a timer that sets itself again without delay. */
export const timersPerAdvanceMax = 10_000_000;

interface PendingTimer {
  readonly dueMs: number;
  /** Order of setting; breaks ties, so that two runs are equal. */
  readonly sequence: number;
  readonly callback: () => void;
  cancelled: boolean;
}

const isEarlier = (left: PendingTimer, right: PendingTimer): boolean =>
  left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.sequence < right.sequence);

/**
 * A {@link Clock} whose timers run in order of their due time, then of their setting.
 * During a callback the clock shows the due time of its timer.
 */
export class VirtualClock implements Clock {
  #elapsedMs = 0;
  #wallStartMs: number;
  #sequence = 0;
  /** Binary heap, earliest first; cancelled timers stay until they come up. */
  readonly #heap: PendingTimer[] = [];

  /** `wallStartMs`: what nowMs() says before any advance. */
  constructor(options: { wallStartMs?: number } = {}) {
    this.#wallStartMs = options.wallStartMs ?? 1_700_000_000_000;
  }

  nowMs(): number {
    return this.#wallStartMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    assert(delayMs >= 0, "the delay of a timer is not negative");
    const timer: PendingTimer = {
      dueMs: this.#elapsedMs + delayMs,
      sequence: this.#sequence++,
      callback,
      cancelled: false,
    };
    this.#push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }

  /** Number of timers that are set and not cancelled. */
  get pendingCount(): number {
    return this.#heap.filter((timer) => !timer.cancelled).length;
  }

  /** Monotonic time at which the next timer is due, or null. */
  get nextDueMs(): number | null {
    return this.#peek()?.dueMs ?? null;
  }

  /** Moves to `monotonicMs` and runs every timer that is due until then, also those set meanwhile. */
  advanceTo(monotonicMs: number): void {
    assert(monotonicMs >= this.#elapsedMs, "time does not go back");
    let count = 0;
    while (this.#runNext(monotonicMs)) {
      count += 1;
      assert(count <= timersPerAdvanceMax, "a timer sets itself again without delay");
    }
    this.#elapsedMs = monotonicMs;
  }

  /** {@link advanceTo} relative to now. */
  advanceBy(durationMs: number): void {
    this.advanceTo(this.#elapsedMs + durationMs);
  }

  /** As {@link advanceTo}, and lets promises settle before the first and after every timer. */
  async runTo(monotonicMs: number): Promise<void> {
    assert(monotonicMs >= this.#elapsedMs, "time does not go back");
    await settle();
    while (this.#runNext(monotonicMs)) await settle();
    this.#elapsedMs = monotonicMs;
    await settle();
  }

  /** Steps the wall clock as an operator or NTP does; the monotonic clock and timers do not notice. */
  stepWallBy(deltaMs: number): void {
    this.#wallStartMs += deltaMs;
  }

  #runNext(limitMs: number): boolean {
    const timer = this.#peek();
    if (timer === undefined || timer.dueMs > limitMs) return false;
    this.#pop();
    this.#elapsedMs = timer.dueMs;
    timer.cancelled = true;
    timer.callback();
    return true;
  }

  #peek(): PendingTimer | undefined {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0];
  }

  #push(timer: PendingTimer): void {
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isEarlier(timer, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const childIndex = this.#earlierChild(index);
      const child = heap[childIndex];
      if (child === undefined || !isEarlier(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }

  #earlierChild(index: number): number {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    if (left !== undefined && right !== undefined && isEarlier(right, left)) return 2 * index + 2;
    return 2 * index + 1;
  }
}

/** Lets every promise that can settle do so; one turn of the event loop. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
