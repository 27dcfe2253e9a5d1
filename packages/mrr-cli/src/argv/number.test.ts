/** Tests of numbers and port ranges from the command line. SPDX-License-Identifier: Apache-2.0 */
import { describe, expect, test } from "vitest";
import { anyWhole, parsePortSpan, parseWhole } from "./number.js";

describe("whole numbers", () => {
  test.each([
    ["0", 0],
    ["200", 200],
    ["-3", -3],
    ["+7", 7],
    ["007", 7],
  ])("%s", (text, value) => {
    expect(parseWhole("--memory", text, anyWhole)).toEqual({ ok: true, value });
  });

  test.each(["", "abc", "200MB", "1.5", "1e3", "0x10", " 1", "9999999999999999999", "--1"])(
    "%s is refused",
    (text) => {
      const rule = `must be a whole number without a unit, and is "${text}"`;
      expect(parseWhole("--memory", text, anyWhole)).toEqual({
        ok: false,
        problems: [{ path: "--memory", rule }],
      });
    },
  );

  test("bounds are allowed and named", () => {
    const bounds = { min: 1, max: 5 };
    expect(["1", "5"].map((text) => parseWhole("--n", text, bounds).ok)).toEqual([true, true]);
    expect(parseWhole("--n", "6", bounds)).toEqual({
      ok: false,
      problems: [{ path: "--n", rule: 'must be a whole number from 1 to 5, and is "6"' }],
    });
  });
});

describe("port ranges", () => {
  test.each([
    ["6380-6979", 6380, 6979],
    ["1-65535", 1, 65_535],
    ["7000", 7000, 7000],
    ["5-5", 5, 5],
  ])("%s", (text, first, last) => {
    expect(parsePortSpan("--ports", text)).toEqual({ ok: true, value: { first, last } });
  });

  test.each(["", "0-5", "5-4", "1-65536", "a-b", "1-", "-5", "1-2-3", "6380 - 6390"])(
    "%s is refused",
    (text) => {
      const rule = `must be FIRST-LAST with ports from 1 to 65535, and is "${text}"`;
      expect(parsePortSpan("--ports", text)).toEqual({
        ok: false,
        problems: [{ path: "--ports", rule }],
      });
    },
  );
});
