/**
 * Owns how a check ends: passed, failed, too late (tried again by the runner) or not applicable; and the comparison of
 * what was observed with what is expected. Pure.
 * Not: who runs checks (run.ts). Called by checks and what they use.
 * SPDX-License-Identifier: Apache-2.0
 */

/** `late`: all would be well but for the time; a busy machine can be the cause, so the runner tries again. */
export type EndKind = "fail" | "late" | "not-applicable";

/** Ends a check before its last line. */
export class CheckEnd extends Error {
  readonly kind: EndKind;

  constructor(kind: EndKind, message: string) {
    super(message);
    this.name = "CheckEnd";
    this.kind = kind;
  }
}

/** Fails the check. */
export function fail(message: string): never {
  throw new CheckEnd("fail", message);
}

/** Ends the check without a verdict on the cluster; `reason` says what it needs. */
export function notApplicable(reason: string): never {
  throw new CheckEnd("not-applicable", reason);
}

/** The value when there is one. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) fail(`${what} is missing`);
  return value;
}

/** Longest text of one value in a message. */
const valueCharactersMax = 400;

/** A value in one line, cut when it is long. */
export function brief(value: unknown, charactersMax: number = valueCharactersMax): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}...` : text;
}

/** What a value must be: the same, a text that a RegExp fits, whatever a function says, or an object with these fields. */
export type Pattern =
  | string
  | number
  | boolean
  | null
  | undefined
  | RegExp
  | ((value: unknown) => boolean)
  | readonly Pattern[]
  | { readonly [field: string]: Pattern };

/**
 * The first difference in words, undefined when there is none. Fields that a pattern does not name are not looked at; a
 * field with the pattern `undefined` must be unset. Lists must have the same length.
 */
export function difference(actual: unknown, pattern: Pattern, path = ""): string | undefined {
  const at = path === "" ? "it" : path;
  if (pattern instanceof RegExp) {
    return typeof actual === "string" && pattern.test(actual)
      ? undefined
      : `${at} is ${brief(actual)}, expected a text that fits ${pattern}`;
  }
  if (typeof pattern === "function") {
    return pattern(actual)
      ? undefined
      : `${at} is ${brief(actual)}, which is not ${pattern.name === "" ? "expected" : pattern.name}`;
  }
  if (typeof pattern !== "object" || pattern === null) {
    return Object.is(actual, pattern)
      ? undefined
      : `${at} is ${brief(actual)}, expected ${brief(pattern)}`;
  }
  if (Array.isArray(pattern)) return listDifference(actual, pattern, path);
  if (typeof actual !== "object" || actual === null || Array.isArray(actual)) {
    return `${at} is ${brief(actual)}, expected an object`;
  }
  const fields: Readonly<Record<string, unknown>> = { ...actual };
  for (const [field, expected] of Object.entries(pattern)) {
    const found = difference(fields[field], expected, path === "" ? field : `${path}.${field}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function listDifference(
  actual: unknown,
  pattern: readonly Pattern[],
  path: string,
): string | undefined {
  const at = path === "" ? "it" : path;
  if (!Array.isArray(actual)) return `${at} is ${brief(actual)}, expected a list`;
  if (actual.length !== pattern.length) {
    return `${at} has ${actual.length} entries (${brief(actual)}), expected ${pattern.length}`;
  }
  for (const [index, expected] of pattern.entries()) {
    const found = difference(actual[index], expected, `${path}[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A text that is not empty, as ids and uuids are. */
export const aText = (value: unknown): boolean => typeof value === "string" && value !== "";

/** A number above 0. */
export const aPositiveNumber = (value: unknown): boolean => typeof value === "number" && value > 0;

/** One of these values. */
export const oneOf = (...values: readonly unknown[]): ((value: unknown) => boolean) => {
  const test = (value: unknown): boolean => values.includes(value);
  Object.defineProperty(test, "name", { value: `one of ${values.join(", ")}` });
  return test;
};
