/**
 * Owns the tests of the readers (shape.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isNewerVersion } from "./result.js";
import {
  decodeVersioned,
  dictionary,
  exactly,
  integer,
  list,
  nullable,
  object,
  oneOf,
  optional,
  port,
  problemsMax,
  word,
} from "./shape.js";

const shape = object<{
  version: 1;
  name: string;
  kind: "a" | "b";
  ports: readonly number[];
  sizes: Readonly<Record<string, number>>;
}>({
  version: exactly(1),
  name: word,
  kind: oneOf("a", "b"),
  ports: list(port, 3),
  sizes: dictionary(/^[a-z]+$/, integer(0), 2),
});
const decode = (value: unknown) => decodeVersioned(JSON.stringify(value), 1, shape);

test("reads a good record", () => {
  const value = { version: 1, name: "x", kind: "b", ports: [1, 65535], sizes: { a: 0 } };
  expect(decode(value)).toEqual({ ok: true, value });
});

test("names every problem with its path", () => {
  const value = { version: 1, name: "a b", kind: "c", ports: [0, 80, "x"], sizes: { A: 1, b: -1 } };
  expect(decode({ ...value, extra: 1 })).toEqual({
    ok: false,
    problems: [
      { path: "name", rule: "must be 1 to 255 characters without spaces or control characters" },
      { path: "kind", rule: "must be one of a, b" },
      { path: "ports[0]", rule: "must be a whole number from 1 to 65535" },
      { path: "ports[2]", rule: "must be a whole number from 1 to 65535" },
      { path: "sizes.A", rule: "is not a known kind of key" },
      { path: "sizes.b", rule: "must be a whole number of at least 0" },
      { path: "extra", rule: "is not known" },
    ],
  });
});

test("a missing field, a list that is too long, a dictionary that is too large", () => {
  expect(
    decode({ version: 1, kind: "a", ports: [1, 2, 3, 4], sizes: { a: 1, b: 1, c: 1 } }),
  ).toEqual({
    ok: false,
    problems: [
      { path: "name", rule: "is missing" },
      { path: "ports", rule: "must have at most 3 elements" },
      { path: "sizes", rule: "must have at most 2 keys" },
    ],
  });
});

test("an optional field is absent or right, never anything else", () => {
  const read = (value: unknown) =>
    decodeVersioned(
      JSON.stringify(value),
      1,
      object<{ a: number; b?: number; c?: number | null }>({
        a: integer(0),
        b: optional(integer(0)),
        c: optional(nullable(integer(0))),
      }),
    );
  for (const value of [{ a: 1 }, { a: 1, b: 2 }, { a: 1, c: null }, { a: 1, b: 2, c: 3 }]) {
    expect(read(value)).toStrictEqual({ ok: true, value });
  }
  expect(read({ b: null, c: "x", d: 1 })).toEqual({
    ok: false,
    problems: [
      { path: "a", rule: "is missing" },
      { path: "b", rule: "must be a whole number of at least 0" },
      { path: "c", rule: "must be a whole number of at least 0" },
      { path: "d", rule: "is not known" },
    ],
  });
});

test("a newer version is told from a broken record", () => {
  const newer = decode({ version: 2, anything: true });
  expect(newer).toEqual({
    ok: false,
    problems: [
      { path: "version", rule: "is 2; this program knows versions up to 1", code: "newer-version" },
    ],
  });
  expect(newer.ok ? [] : isNewerVersion(newer.problems)).toBe(true);
  for (const version of [0, -1, 1.5, "2", null, [2]]) {
    const other = decode({ version, name: "x", kind: "a", ports: [], sizes: {} });
    expect(other).toEqual({ ok: false, problems: [{ path: "version", rule: "must be 1" }] });
  }
});

test("keys of Object.prototype are only keys", () => {
  const json = '{"version":1,"name":"x","kind":"a","ports":[],"sizes":{},"__proto__":{"a":1}}';
  expect(decodeVersioned(json, 1, shape)).toEqual({
    ok: false,
    problems: [{ path: "__proto__", rule: "is not known" }],
  });
  const inherited = '{"version":1,"kind":"a","ports":[],"__proto__":{"name":"x","sizes":{}}}';
  expect(decodeVersioned(inherited, 1, shape).ok).toBe(false);
});

test("the number of problems and the keys shown are limited", () => {
  const extra = Object.fromEntries(
    Array.from({ length: 1000 }, (_, i) => [`${"k".repeat(999)}${i}`, 1]),
  );
  const read = decode({ version: 1, name: "x", kind: "a", ports: [], sizes: {}, ...extra });
  expect(read.ok ? 0 : read.problems.length).toBe(problemsMax);
  expect(read.ok ? [] : read.problems[0]).toEqual({
    path: `${"k".repeat(64)}...`,
    rule: "is not known",
  });
});

test("never throws, never echoes a value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      decode(value);
      decode({ version: 1, name: value, kind: value, ports: value, sizes: value });
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (json) => void decodeVersioned(json, 1, shape)),
  );
  expect(decodeVersioned("hunter2", 1, shape)).toEqual({
    ok: false,
    problems: [{ path: "", rule: "must be JSON" }],
  });
  expect(decodeVersioned("[".repeat(1_000_000), 1, shape).ok).toBe(false);
});
