/**
 * Tests of the comparison of what was observed with what is expected.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { aText, brief, difference, oneOf, type Pattern } from "./verdict.js";

test.each<[unknown, Pattern, string | undefined]>([
  [{ a: 1, b: { c: "x" } }, { b: { c: "x" } }, undefined],
  [{ a: 1 }, { a: 2 }, "a is 1, expected 2"],
  [{ a: { b: [1, { c: 3 }] } }, { a: { b: [1, { c: 4 }] } }, "a.b[1].c is 3, expected 4"],
  [{ a: [1] }, { a: [1, 2] }, "a has 1 entries ([1]), expected 2"],
  [{ uuid: "u" }, { uuid: undefined }, 'uuid is "u", expected nothing'],
  [{}, { uuid: undefined }, undefined],
  [{}, { uuid: aText }, "uuid is nothing, which is not aText"],
  ["405 x", /^405/, undefined],
  [405, /^405/, "it is 405, expected a text that fits /^405/"],
  ["b", oneOf("a", "c"), 'it is "b", which is not one of a, c'],
  [[1], { 0: 1 }, "it is [1], expected an object"],
  [null, { a: 1 }, "it is null, expected an object"],
  [Number.NaN, Number.NaN, undefined],
])("%j against %j", (actual, pattern, expected) => {
  expect(difference(actual, pattern)).toBe(expected);
});

test("every JSON value fits itself, and never something that is changed in one place", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (value, key) => {
      const copy: Pattern = JSON.parse(JSON.stringify(value));
      const plain: unknown = JSON.parse(JSON.stringify(value));
      expect(difference(plain, copy)).toBeUndefined();
      expect(difference({ [key]: plain }, { [key]: [copy, "more"] })).toBeDefined();
    }),
  );
});

test("long values are cut, and nothing has a word", () => {
  expect(brief("x".repeat(1_000), 10)).toBe('"xxxxxxxxx...');
  expect(brief(undefined)).toBe("nothing");
});
