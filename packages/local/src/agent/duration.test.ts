/**
 * Owns the tests of duration texts. SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { durationText } from "./duration.js";

test.each([
  [0, "0ns"],
  [0.25, "250us"],
  [1, "1ms"],
  [999, "999ms"],
  [1_000, "1secs"],
  [1_500, "1.5secs"],
  [60_000, "1mins"],
  [90_000, "1.5mins"],
  [900_000, "15mins"],
  [3_600_000, "1hrs"],
  [604_800_000, "1weeks"],
])("%d ms is %s", (durationMs, text) => {
  expect(durationText(durationMs)).toBe(text);
});
