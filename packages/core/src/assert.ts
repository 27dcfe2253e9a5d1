/**
 * Owns the check for programmer errors. Not: expected outcomes (result.ts) and operating errors (error.ts).
 * Called everywhere.
 * SPDX-License-Identifier: Apache-2.0
 */

/** A broken invariant: the program is wrong, so it stops. Never caught to go on. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws {@link AssertionError} when `condition` is false. `message` names the invariant. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the default branch of an exhaustive switch; compiles only when nothing is left. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value: ${JSON.stringify(value)}`);
}
