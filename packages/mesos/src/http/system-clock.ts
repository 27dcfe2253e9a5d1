/**
 * Owns the clock of the machine behind the port of core.
 * Not: any logic about time. Called by composition roots (main.ts) and tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** Longest delay of setTimeout; with a longer one it fires at once. */
const delayMsMax = 2 ** 31 - 1;

/** The machine's time and timers. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    // The next turn of the event loop, not a millisecond.
    if (delayMs <= 0) {
      const immediate = setImmediate(callback);
      return { cancel: () => clearImmediate(immediate) };
    }
    let timer = setTimeout(elapsed, Math.min(delayMs, delayMsMax));
    let leftMs = delayMs - delayMsMax;
    function elapsed(): void {
      if (leftMs <= 0) {
        callback();
        return;
      }
      timer = setTimeout(elapsed, Math.min(leftMs, delayMsMax));
      leftMs -= delayMsMax;
    }
    return { cancel: () => clearTimeout(timer) };
  },
};
