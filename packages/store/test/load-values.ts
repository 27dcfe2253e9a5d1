/**
 * Owns what the killed program writes, so that the verdict can tell it from anything else.
 * Called by load-child.ts and kill.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { DocumentKey } from "../src/index.js";

/** The documents under load: enough for groups of commits, few enough to be changed often. */
export const loadKeys: readonly DocumentKey[] = Array.from(
  { length: 32 },
  (_, index) => `instance/k${index}` as const,
);

/** What change number `n` of a key stores: every tenth removes it. Sizes vary from 0 to 8 KB. */
export const valueFor = (n: number): string | null =>
  n % 10 === 0 ? null : JSON.stringify({ n, fill: `${n};`.repeat((n * 7919) % 1200) });
