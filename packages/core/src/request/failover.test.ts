/**
 * Owns the tests of what a failover on request may ask for.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { parseFailover } from "./failover.js";

const id = "inst::0f8fad5b-d9cb-469f-a165-70867728950e";

describe("parseFailover", () => {
  it.each([
    [undefined, { to: null, force: false }],
    [null, { to: null, force: false }],
    [{}, { to: null, force: false }],
    [
      { to: null, force: true },
      { to: null, force: true },
    ],
    [{ to: id }, { to: id, force: false }],
  ])("takes %j", (raw, value) => {
    expect(parseFailover("inst", raw)).toEqual({ ok: true, value });
  });

  it.each([
    ["a list", [], ["body"]],
    ["a text", "now", ["body"]],
    ["a process of another instance", { to: id.replace("inst", "other") }, ["to"]],
    ["a number", { to: 1 }, ["to"]],
    ["a text that is no id", { to: "../inst" }, ["to"]],
    ["an id without end", { to: `inst::${"a".repeat(300)}` }, ["to"]],
    ["several at once", { too: 1, force: "yes", to: 5 }, ["too", "force", "to"]],
  ])("refuses %s", (_what, raw, paths) => {
    const result = parseFailover("inst", raw);
    expect(result.ok ? [] : result.problems.map((problem) => problem.path)).toEqual(paths);
  });
});
