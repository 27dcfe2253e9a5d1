/**
 * Tests names.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { instanceNamePattern, instanceOfProcessId, processIdOf } from "./names.js";

test("the instance of a process id is the one that it was made of", () => {
  fc.assert(
    fc.property(fc.stringMatching(instanceNamePattern), fc.uuid(), (name, uuid) => {
      expect(instanceOfProcessId(processIdOf(name, uuid))).toBe(name);
    }),
  );
});

test("what is no process id names no instance", () => {
  const ids = [
    "",
    "a",
    "a:b",
    "::u",
    "a::",
    "a::b::c",
    "a b::u",
    "-a::u",
    "a::u u",
    "a::u\n",
    `a::${"u".repeat(65)}`,
  ];
  expect(ids.map(instanceOfProcessId)).toEqual(ids.map(() => null));
  expect(instanceOfProcessId("inst::6b7a3a70-4199-490b-9a3c-000000000000")).toBe("inst");
});

test("an id is never made of a bad name or uuid", () => {
  expect(() => processIdOf("a::b", "u")).toThrow();
  expect(() => processIdOf("a", "u::v")).toThrow();
});
