/**
 * Owns the delays between attempts. Not: when an attempt counts as failed. Called by the scheduler session.
 * Source of the rule: exponential back-off with full jitter, 0.5 s to 15 s, as clients of the Mesos master do.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Upper end of the first delay. */
export const backoffFirstMs = 500;

/** Upper end of every later delay: an elected master is found at most this late. */
export const backoffMaxMs = 15_000;

/** The delay before the attempt that follows `failures` failed ones (0: the first loss). `random` is in [0, 1). */
export function backoffDelayMs(failures: number, random: number): number {
  // The exponent is bounded, so that the product stays finite.
  const ceilingMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(failures, 10));
  return Math.floor(random * ceilingMs);
}
