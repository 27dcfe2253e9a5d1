/**
 * Holds a run of the simulator to its seed: the same to the letter, twice; and the broken rules to their table.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { hunt } from "./campaign.js";
import { mutants } from "./mutants.js";
import { run } from "./run.js";

function traceOf(seed: number): string[] {
  const lines: string[] = [];
  const outcome = run(seed, undefined, (atMs, text) => lines.push(`${atMs} ${text}`));
  lines.push(JSON.stringify(outcome));
  return lines;
}

test.each([1, 2, 3])("seed %i is told twice in the same words", (seed) => {
  const lines = traceOf(seed);
  expect(lines.length).toBeGreaterThan(100);
  expect(traceOf(seed)).toEqual(lines);
});

test("two seeds are two stories", () => {
  expect(traceOf(1)).not.toEqual(traceOf(2));
});

test("every broken rule has a name of its own", () => {
  const names = mutants.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(12);
});

test("a promotion without a wait is noticed", () => {
  const mutant = mutants.find(({ name }) => name === "V12-no-wait");
  expect(mutant).toBeDefined();
  if (mutant === undefined) return;
  expect(hunt(mutant).found?.violation?.rule).toMatch(/two-writers|past-reign-writes/);
});
