/**
 * Owns what a check is. Not: the checks (checks/), nor running them (run.ts). Called by both.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Context } from "./context.js";

/**
 * - `quiet` it needs no offers and disturbs no other check
 * - `slow` it takes longer than half a minute on a real cluster
 * - `op` it needs something done to the cluster
 * - `ce` it starts the test executor on an agent
 */
export type Tag = "quiet" | "slow" | "op" | "ce";

/** One row of the checklist. */
export interface Check {
  /** C01 to C60. */
  readonly id: string;
  /** What is sent and what must be observed, in one line. */
  readonly title: string;
  readonly tags: readonly Tag[];
  /** Longest time of one attempt before slack; default 60 s, 150 s when it is slow. */
  readonly limitMs?: number;
  /** Returns when it passed; throws CheckEnd otherwise. */
  run(context: Context): Promise<void>;
}
