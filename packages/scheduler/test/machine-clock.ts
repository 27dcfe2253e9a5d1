/**
 * Owns the machine's clock for tests with real sockets. Not: the program's clock (main.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** Real time and timers. */
export const machineClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
