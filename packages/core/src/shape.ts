/**
 * Owns the small readers from which the decoders of records and messages are put together: each turns an
 * unknown value into a typed one, or names what is wrong with it and where.
 * Not: the shape of any record or message (instance/codec.ts, instance/framework.ts, goal/codec.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Parsed, Problem } from "./result.js";

/** Most problems that one decoder reports: enough to see the pattern, small enough for a log line. */
export const problemsMax = 50;

/** Longest part of a hostile key that is shown in a path. */
const keyCharsMax = 64;

/** What a reader returns when it found (and noted) a problem. */
export const failed = Symbol("failed");

/** Reads a `T` out of `value`; on failure notes at least one problem under `path` and returns {@link failed}. */
export type Shape<T> = (value: unknown, path: string, problems: Problem[]) => T | typeof failed;

/** Notes a problem (up to {@link problemsMax}) and fails. */
export function fail(path: string, rule: string, problems: Problem[]): typeof failed {
  if (problems.length < problemsMax) problems.push({ path, rule });
  return failed;
}

const joined = (path: string, key: string): string => {
  const shown = key.length > keyCharsMax ? `${key.slice(0, keyCharsMax)}...` : key;
  return path === "" ? shown : `${path}.${shown}`;
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A shape from a type guard and the rule that it checks. */
export const guarded =
  <T>(rule: string, guard: (value: unknown) => value is T): Shape<T> =>
  (value, path, problems) =>
    guard(value) ? value : fail(path, rule, problems);

/** true or false. */
export const bool: Shape<boolean> = guarded(
  "must be true or false",
  (value): value is boolean => typeof value === "boolean",
);

/** A safe integer of at least `min`. */
export const integer = (min: number): Shape<number> =>
  guarded(
    `must be a whole number of at least ${min}`,
    (value): value is number => Number.isSafeInteger(value) && Number(value) >= min,
  );

/** A finite number of at least 0: times in milliseconds, sizes, rates. */
export const amount: Shape<number> = guarded(
  "must be a number of at least 0",
  (value): value is number => typeof value === "number" && value >= 0 && Number.isFinite(value),
);

/** A TCP port. */
export const port: Shape<number> = guarded(
  "must be a whole number from 1 to 65535",
  (value): value is number =>
    Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= 65535,
);

/** Any string; its length is limited by the record or message that it stands in. */
export const text: Shape<string> = guarded(
  "must be a string",
  (value): value is string => typeof value === "string",
);

/** A string that matches `pattern`; `rule` says so in words. */
export const matching = (rule: string, pattern: RegExp): Shape<string> =>
  guarded(rule, (value): value is string => typeof value === "string" && pattern.test(value));

const wordPattern = /^[^\s\p{C}]{1,255}$/u;

/** True for what {@link word} reads. */
export const isWord = (value: string): boolean => wordPattern.test(value);

/** An id, a host name or an address: one word of 1 to 255 visible characters. */
export const word: Shape<string> = matching(
  "must be 1 to 255 characters without spaces or control characters",
  wordPattern,
);

/** A SHA-256 as Redis takes it behind `#`. */
export const sha256: Shape<string> = matching(
  "must be 64 hexadecimal digits in lower case",
  /^[0-9a-f]{64}$/,
);

/** One of the listed strings. */
export const oneOf = <T extends string>(...words: readonly T[]): Shape<T> =>
  guarded(`must be one of ${words.join(", ")}`, (value): value is T =>
    words.some((each) => each === value),
  );

/** Exactly this value. */
export const exactly = <T extends string | number | boolean>(expected: T): Shape<T> =>
  guarded(`must be ${JSON.stringify(expected)}`, (value): value is T => value === expected);

/** null, or what `shape` reads. */
export const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path, problems) =>
    value === null ? null : shape(value, path, problems);

/** A list of at most `countMax` elements. */
export const list =
  <T>(element: Shape<T>, countMax: number): Shape<readonly T[]> =>
  (value, path, problems) => {
    if (!Array.isArray(value)) return fail(path, "must be a list", problems);
    if (value.length > countMax) {
      return fail(path, `must have at most ${countMax} elements`, problems);
    }
    const elements: T[] = [];
    for (const [index, each] of value.entries()) {
      const read = element(each, `${path}[${index}]`, problems);
      if (read !== failed) elements.push(read);
    }
    return elements.length === value.length ? elements : failed;
  };

/** An object with any keys that match `keys`, at most `countMax` of them. */
export const dictionary =
  <T>(keys: RegExp, element: Shape<T>, countMax: number): Shape<Readonly<Record<string, T>>> =>
  (value, path, problems) => {
    if (!isRecord(value)) return fail(path, "must be an object", problems);
    const entries = Object.entries(value);
    if (entries.length > countMax) {
      return fail(path, `must have at most ${countMax} keys`, problems);
    }
    const read: [string, T][] = [];
    for (const [key, each] of entries) {
      const at = joined(path, key);
      const result = keys.test(key)
        ? element(each, at, problems)
        : fail(at, "is not a known kind of key", problems);
      if (result !== failed) read.push([key, result]);
    }
    return read.length === entries.length ? Object.fromEntries(read) : failed;
  };

/** A field that may be absent (see {@link optional}). */
export interface OptionalShape<T> {
  readonly ifPresent: Shape<T>;
}

/** What `shape` reads, where the field is there; where it is not, nothing: never null, and no default. */
export const optional = <T>(shape: Shape<T>): OptionalShape<T> => ({ ifPresent: shape });

/** A shape for each field of `T`, none forgotten: {@link optional} ones for those that may be absent, and for no others. */
export type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K>
    ? OptionalShape<Exclude<T[K], undefined>>
    : Shape<T[K]>;
};

/**
 * An object with exactly these fields; optional ones may be absent. Missing and unknown ones are problems: what a
 * decoder does not know it would drop at the next write. So a new field of older records is a new version, or one that
 * is absent wherever an older program may read.
 */
export function object<T extends object>(fields: Fields<T>): Shape<T> {
  const shapes = new Map<string, { readonly shape: Shape<unknown>; readonly required: boolean }>();
  for (const [name, field] of Object.entries<Shape<unknown> | OptionalShape<unknown>>(fields)) {
    const required = typeof field === "function";
    shapes.set(name, { shape: required ? field : field.ifPresent, required });
  }
  return (value, path, problems) => {
    if (!isRecord(value)) return fail(path, "must be an object", problems);
    let good = true;
    const result: Record<string, unknown> = {};
    for (const [name, { shape, required }] of shapes) {
      if (Object.hasOwn(value, name)) {
        const read = shape(value[name], joined(path, name), problems);
        if (read === failed) good = false;
        else result[name] = read;
      } else if (required) {
        fail(joined(path, name), "is missing", problems);
        good = false;
      }
    }
    for (const key of Object.keys(value)) {
      if (shapes.has(key)) continue;
      fail(joined(path, key), "is not known", problems);
      good = false;
    }
    return good ? (result as T) : failed;
  };
}

/** What `shape` reads, if `rule` finds nothing wrong with it: a rule over several fields. */
export const ruled =
  <T>(shape: Shape<T>, rule: (value: T) => Problem | null): Shape<T> =>
  (value, path, problems) => {
    const read = shape(value, path, problems);
    if (read === failed) return failed;
    const problem = rule(read);
    return problem === null ? read : fail(joined(path, problem.path), problem.rule, problems);
  };

/**
 * Reads a record of a version. A version above `versionMax` is the only problem then reported, with the code
 * `newer-version`: its other fields may mean anything.
 */
export function readVersioned<T>(value: unknown, versionMax: number, shape: Shape<T>): Parsed<T> {
  if (isRecord(value) && Number.isSafeInteger(value.version)) {
    const version = Number(value.version);
    if (version > versionMax) {
      const rule = `is ${version}; this program knows versions up to ${versionMax}`;
      return { ok: false, problems: [{ path: "version", rule, code: "newer-version" }] };
    }
  }
  const problems: Problem[] = [];
  const read = shape(value, "", problems);
  return read === failed ? { ok: false, problems } : { ok: true, value: read };
}

/** {@link readVersioned} on JSON text. Never throws. */
export function decodeVersioned<T>(json: string, versionMax: number, shape: Shape<T>): Parsed<T> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message quotes the input, which may hold a password.
    return { ok: false, problems: [{ path: "", rule: "must be JSON" }] };
  }
  return readVersioned(value, versionMax, shape);
}
