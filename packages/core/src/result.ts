/**
 * Owns the shape of an expected outcome that can fail (bad input, lost race).
 * Not: programmer errors (assert.ts). Called by parsers and deciders.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Either a value or the problems found; parsers of hostile input return this and never throw. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** One thing wrong with an input. `path` names where ("memory", "Config.timeout"), `rule` what is allowed. */
export interface Problem {
  readonly path: string;
  readonly rule: string;
  /** Set where callers must tell this problem from others; `rule` is only for people. */
  readonly code?: "newer-version" | "sealed-secret";
}

/** True when a record was refused because a newer program wrote it (raise `store-newer`, not `store-corrupt`). */
export const isNewerVersion = (problems: readonly Problem[]): boolean =>
  problems.some((problem) => problem.code === "newer-version");

/** True when a secret of a record is sealed with a key that the reader has not (the record itself may be whole). */
export const isSealedSecret = (problems: readonly Problem[]): boolean =>
  problems.some((problem) => problem.code === "sealed-secret");

/** A parsed value. */
export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });

/** One problem as a failed parse. */
export const refused = (path: string, rule: string): { ok: false; problems: Problem[] } => ({
  ok: false,
  problems: [{ path, rule }],
});

/** The problems as one line for people: `memory must be ..; slaves must be ..`. */
export const problemsText = (problems: readonly Problem[]): string =>
  problems.map((problem) => `${problem.path} ${problem.rule}`).join("; ");
