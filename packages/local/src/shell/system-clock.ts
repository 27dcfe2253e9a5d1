/**
 * Owns the machine's clock behind core's port. Called by main.ts and startLocal.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";

/** Longest delay of a timer of Node (2^31 - 1 ms); longer ones are chained: a failover timeout can be weeks. */
const delayMsMax = 2_147_483_647;

/** The machine's time and timers. A delay of 0 is the next turn of the event loop, not a millisecond. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback);
      return { cancel: () => clearImmediate(immediate) };
    }
    let next: Timer = { cancel: () => undefined };
    const timeout = setTimeout(
      () => {
        if (delayMs <= delayMsMax) callback();
        else next = systemClock.after(delayMs - delayMsMax, callback);
      },
      Math.min(delayMs, delayMsMax),
    );
    return {
      cancel() {
        clearTimeout(timeout);
        next.cancel();
      },
    };
  },
};
