/**
 * Owns the port through which shells give the time and timers to logic.
 * Not: any implementation (shells use the machine's, tests and the simulator a virtual one).
 * SPDX-License-Identifier: Apache-2.0
 */

/** A timer that was set; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/** Time and timers. `nowMs` is the wall clock (for records), `monotonicMs` never steps (for limits). */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs` (>= 0). */
  after(delayMs: number, callback: () => void): Timer;
}
