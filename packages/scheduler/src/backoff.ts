/**
 * Owns the waits between tries that concern the store. Not: what is tried.
 * SPDX-License-Identifier: Apache-2.0
 */

/** First wait; doubles. */
const backoffMsFirst = 100;

/** Longest wait: a store that is back is used again within so long, and one line of log for each try is bearable. */
const backoffMsMax = 2_000;

/** Wait before the next try after `failures` + 1 failed ones. No jitter: there are two or three schedulers. */
export const backoffMs = (failures: number): number =>
  Math.min(backoffMsFirst * 2 ** Math.min(failures, 16), backoffMsMax);
