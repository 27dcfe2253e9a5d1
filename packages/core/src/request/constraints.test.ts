/**
 * Tests constraints.ts: what is read, the text of every refusal, and that answers can be sent again.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Problem } from "../result.js";
import {
  constraintLimits,
  constraintOperators,
  constraintTuple,
  isConstraint,
  parseConstraints,
} from "./constraints.js";

function read(value: unknown) {
  const problems: Problem[] = [];
  const constraints = parseConstraints(value, "constraints", problems);
  return { constraints, problems: problems.map(({ path, rule }) => `${path} ${rule}`) };
}

const problemsOf = (value: unknown): string[] => read(value).problems;

test("every operator", () => {
  const value = [
    ["hostname", "UNIQUE"],
    ["@region", "unique", null],
    ["@zone", "Spread", ""],
    ["rack", "MAX_PER", "2"],
    ["power.feed", "max_per", 3],
    ["zone", "IN", "z1"],
  ];
  expect(read(value)).toEqual({
    problems: [],
    constraints: [
      { attribute: "hostname", operator: "UNIQUE", values: [] },
      { attribute: "@region", operator: "UNIQUE", values: [] },
      { attribute: "@zone", operator: "SPREAD", values: [] },
      { attribute: "rack", operator: "MAX_PER", values: ["2"] },
      { attribute: "power.feed", operator: "MAX_PER", values: ["3"] },
      { attribute: "zone", operator: "IN", values: ["z1"] },
    ],
  });
  expect(read([["zone", "NOT_IN", " z 1 ,z2"]]).constraints).toEqual([
    { attribute: "zone", operator: "NOT_IN", values: ["z 1", "z2"] },
  ]);
  for (const none of [undefined, null, []]) {
    expect(read(none)).toEqual({ constraints: [], problems: [] });
  }
});

test("all problems at once, each with its place", () => {
  const value = [
    "rack SPREAD",
    ["rack"],
    ["@rack", "GROUP_BY"],
    ["zone", "IN"],
    ["zone", "UNIQUE", "z1"],
    ["rack", "MAX_PER", 0],
  ];
  expect(problemsOf(value)).toEqual([
    'constraints[0] must look like ["rack", "SPREAD"] or ["zone", "IN", "z1,z2"], not "rack SPREAD"',
    'constraints[1] must look like ["rack", "SPREAD"] or ["zone", "IN", "z1,z2"], not ["rack"]',
    'constraints[2][0] must name an attribute (1 to 63 letters, digits, _ . / or -, the first a letter or digit) or be one of hostname, @region, @zone, not "@rack"',
    'constraints[2][1] must be one of UNIQUE, MAX_PER, SPREAD, IN, NOT_IN, not "GROUP_BY" (what it says is SPREAD)',
    "constraints[3][2] must be 1 to 64 different values with commas between them, each of at most 255 visible characters",
    'constraints[4][2] must be absent: UNIQUE takes no value, not "z1"',
    "constraints[5][2] must be a whole number from 1 to 1000 (most processes for one value), not 0",
  ]);
});

test("what is no list, too long, or there twice", () => {
  expect(problemsOf("rack:SPREAD")).toEqual([
    'constraints must be a list, each of which must look like ["rack", "SPREAD"] or ["zone", "IN", "z1,z2"], not "rack:SPREAD"',
  ]);
  const many = Array.from({ length: constraintLimits.countMax + 1 }, (_, index) => [
    `a${index}`,
    "UNIQUE",
  ]);
  expect(problemsOf(many)).toEqual(["constraints must be at most 6 constraints, not 7"]);
  expect(problemsOf([...many.slice(0, 2), ["a1", "unique"]])).toEqual([
    "constraints[2] repeats a1 UNIQUE; give each once",
  ]);
});

test.each([
  ["IN", ""],
  ["IN", ","],
  ["IN", "a,"],
  ["IN", "a,a"],
  ["IN", "a\nb"],
  ["IN", ["a"]],
  ["NOT_IN", "a".repeat(256)],
  ["IN", Array.from({ length: 65 }, (_, index) => index).join(",")],
  ["IN", "a,".repeat(100_000)],
  ["MAX_PER", "2.5"],
  ["MAX_PER", "1001"],
  ["MAX_PER", undefined],
  ["MAX_PER", -1],
  ["NEAR", undefined],
  [5, undefined],
])("zone %j %j is one problem", (operator, value) => {
  expect(problemsOf([["zone", operator, value]])).toHaveLength(1);
});

test("whatever comes: no throw, and what is read is shown in a form that is read alike", () => {
  const word = fc.oneof(
    fc.constantFrom("rack", "@zone", "hostname", ...constraintOperators),
    fc.string({ maxLength: 8 }),
    fc.anything(),
  );
  const entry = fc.oneof(
    fc.tuple(word, fc.constantFrom(...constraintOperators), word),
    fc.array(word, { maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), (value) => {
      const { constraints, problems } = read(value);
      expect(constraints.every(isConstraint)).toBe(true);
      if (problems.length > 0) return;
      expect(read(constraints.map(constraintTuple))).toEqual({ constraints, problems: [] });
    }),
    { numRuns: 2_000 },
  );
});
