/**
 * Owns the proof of the sums over several workers: what nobody has told of is not served, what a dead one counted stays.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { notListening, type Route, type RouteState } from "../routes.js";
import { addEnded, addStates, noCounters } from "./worker-counters.js";

const route: Route = {
  ...{ name: "a", kind: "static", listen: { host: "127.0.0.1", port: 1 } },
  ...{ targets: [], kept: [] },
};
const routes = new Map([["a", route]]);

const state = (accepted: number, problem: string | null = null): RouteState => ({
  ...{ route, problem },
  counters: { ...noCounters, accepted, open: accepted },
});

test("a route that no worker has told of is not served yet", () => {
  expect(addStates(routes, new Map(), [[], []])).toEqual([
    { route, problem: notListening, counters: noCounters },
  ]);
});

test("a route is served once nobody who has told of it has a problem; counters are sums", () => {
  const problemOf = (...states: RouteState[][]) => addStates(routes, new Map(), states)[0]?.problem;
  expect(problemOf([state(1)], [])).toBeNull();
  expect(problemOf([state(1)], [state(2, "taken")])).toBe("taken");
  expect(problemOf([state(1, "taken")], [state(2)])).toBe("taken");
  const ended = new Map();
  addEnded(ended, [state(5)]);
  const [sum] = addStates(routes, ended, [[state(1)], [state(2)]]);
  expect(sum?.counters).toEqual({ ...noCounters, accepted: 8, open: 3 });
});
