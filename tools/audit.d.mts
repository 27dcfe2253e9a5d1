/**
 * Owns the types of audit.mjs, which is plain JavaScript. Called by its test.
 * SPDX-License-Identifier: Apache-2.0
 */

/** What an answer of `npm audit --json` means. */
export function judge(
  text: string,
  isShipped: boolean,
): { readonly isAudited: boolean; readonly isFailed: boolean; readonly lines: readonly string[] };
