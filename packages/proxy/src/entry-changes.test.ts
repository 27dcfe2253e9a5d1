/**
 * Owns the tests of what a configuration that was read anew does to entries.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { changeEntries } from "./entry-changes.js";
import type { Route } from "./routes.js";

const route = (name: string, port: number, target: number): Route => ({
  name,
  kind: "static",
  listen: { host: "", port },
  targets: [{ host: "t", port: target }],
  kept: [],
});

const byName = (...routes: Route[]) => new Map(routes.map((each) => [each.name, each]));

describe("changeEntries", () => {
  it("adds, removes, moves, and leaves what the file did not change where people led it", () => {
    const before = [
      route("led", 1, 1),
      route("gone", 2, 1),
      route("moved", 3, 1),
      route("to", 4, 1),
    ];
    const present = byName(route("led", 1, 9), ...before.slice(1));
    const now = [route("led", 1, 1), route("moved", 5, 1), route("to", 4, 2), route("new", 2, 1)];
    expect(changeEntries(present, before, now, new Set())).toEqual({
      entries: byName(route("led", 1, 9), ...now.slice(1)),
      changed: now.slice(1),
      removed: ["gone", "moved"],
    });
  });

  it("leaves out whose port is an instance's, also one that moves there, and takes it when it is free", () => {
    const before = [route("a", 1, 1)];
    const now = [route("a", 7, 1), route("b", 7, 1), route("c", 2, 1)];
    const refused = changeEntries(byName(...before), before, now, new Set([7]));
    expect(refused).toEqual({
      entries: byName(route("c", 2, 1)),
      changed: [route("c", 2, 1)],
      removed: ["a"],
    });
    expect(
      changeEntries(refused.entries, now, [route("b", 7, 1), route("c", 2, 1)], new Set()),
    ).toEqual({
      entries: byName(route("b", 7, 1), route("c", 2, 1)),
      changed: [route("b", 7, 1)],
      removed: [],
    });
  });
});
