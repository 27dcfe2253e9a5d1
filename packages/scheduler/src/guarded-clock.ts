/**
 * Owns a clock whose timers look at the leadership first: to act on one after it is lost would take the place of the next
 * leader. Not: the leadership. Made by reign.ts for its Mesos session.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** `look` is called before each timer fires; the timer may be cancelled by it. */
export const guardedClock = (clock: Clock, look: () => void): Clock => ({
  nowMs: () => clock.nowMs(),
  monotonicMs: () => clock.monotonicMs(),
  after: (delayMs, callback) => {
    let isCancelled = false;
    const timer = clock.after(delayMs, () => {
      look();
      if (!isCancelled) callback();
    });
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  },
});
