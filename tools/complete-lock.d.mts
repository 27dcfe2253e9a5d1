/**
 * Owns the types of complete-lock.mjs, which is plain JavaScript. Called by its test.
 * SPDX-License-Identifier: Apache-2.0
 */

/** The part of a lock file that is looked at. */
export interface Lock {
  readonly packages: Readonly<Record<string, unknown>>;
}

/** The lock file with an entry for each optional package that it names, and what had to be added. */
export function completeLock(lock: Lock): {
  readonly lock: Lock;
  readonly added: readonly string[];
};
