/**
 * Owns the form of a request body that only holds options: none at all, or an object with known fields.
 * Not: what the fields may hold. Called by the parsers of this directory.
 * SPDX-License-Identifier: Apache-2.0
 */
import { printable } from "../quote.js";
import { type Parsed, type Problem, parsed, refused } from "../result.js";
import { problemsMax } from "../shape.js";

/** What was given, and the problems so far; the caller adds its own. */
export interface Options {
  readonly given: Readonly<Record<string, unknown>>;
  readonly problems: Problem[];
}

/** Reads a body that may be absent. Refused when it is no object; an unknown field is a problem of its own. */
export function optionsOf(raw: unknown, fields: readonly string[]): Parsed<Options> {
  if (raw === undefined || raw === null) return parsed({ given: {}, problems: [] });
  if (typeof raw !== "object" || Array.isArray(raw)) {
    return refused("body", "must be absent or a JSON object");
  }
  const problems = Object.keys(raw)
    .filter((key) => !fields.includes(key))
    .slice(0, problemsMax)
    .map((key) => ({
      path: printable(key),
      rule: `is not known; known are ${fields.join(", ")}`,
    }));
  return parsed({ given: raw as Readonly<Record<string, unknown>>, problems });
}
