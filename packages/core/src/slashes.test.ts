/**
 * Owns the proof of the end of paths. SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { withoutSlashes } from "./slashes.js";

test("only slashes at the end go", () => {
  const texts = ["", "/", "///", "a", "a/", "/a//b//", "//a"];
  expect(texts.map(withoutSlashes)).toEqual(["", "", "", "a", "a", "/a//b", "//a"]);
});

test("many slashes elsewhere cost nothing", () => {
  const text = `${"/".repeat(5_000_000)}a`;
  expect(withoutSlashes(text)).toBe(text);
});
