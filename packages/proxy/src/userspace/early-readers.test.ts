/**
 * Owns the tests of whose turn it is among those who wait. SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { EarlyReaders } from "./early-readers.js";

test("so many begin at once, each end lets the next one begin, and who left the queue never does", () => {
  const readers = new EarlyReaders(2);
  const begun: string[] = [];
  const asks = new Map(
    ["a", "b", "c", "d", "e"].map((name) => [name, () => void begun.push(name)]),
  );
  const give = (name: string): void => readers.give(asks.get(name) ?? (() => {}));
  for (const begin of asks.values()) readers.take(begin);
  expect(begun).toEqual(["a", "b"]);
  give("c");
  give("a");
  expect(begun).toEqual(["a", "b", "d"]);
  for (const name of ["b", "d", "e"]) give(name);
  expect(begun).toEqual(["a", "b", "d", "e"]);
  const more: number[] = [];
  for (const name of [1, 2, 3]) readers.take(() => void more.push(name));
  expect(more).toEqual([1, 2]);
});
