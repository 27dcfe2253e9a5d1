/**
 * Owns the tests of what a rotation may ask for (rotation.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRotation } from "./rotation.js";

test("no body, an empty one, a grace", () => {
  for (const raw of [undefined, null, {}, { graceSeconds: null }]) {
    expect(parseRotation(raw)).toEqual({ ok: true, value: { graceMs: null } });
  }
  for (const graceSeconds of [0, 1, 604_800]) {
    expect(parseRotation({ graceSeconds })).toEqual({
      ok: true,
      value: { graceMs: graceSeconds * 1_000 },
    });
  }
});

test("anything else is refused, and says what is allowed", () => {
  for (const graceSeconds of [-1, 604_801, 1.5, "60", true, []]) {
    const read = parseRotation({ graceSeconds });
    expect(read.ok ? "" : read.problems[0]?.rule).toMatch(/^must be an integer from 0 to 604800/);
  }
  for (const raw of [[], "x", 5, { grace: 1 }]) expect(parseRotation(raw).ok).toBe(false);
});

test("never throws, whatever comes", () => {
  fc.assert(fc.property(fc.anything(), (raw) => void parseRotation(raw)));
});
