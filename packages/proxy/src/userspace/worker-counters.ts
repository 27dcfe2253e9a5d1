/**
 * Owns the adding up of what several workers tell of a route. Pure. Called by workers.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { notListening, type Route, type RouteCounters, type RouteState } from "../routes.js";

/** Of a route that nobody has used. */
export const noCounters: RouteCounters = {
  ...{ accepted: 0, open: 0, waiting: 0, waits: 0 },
  ...{ bytesUp: 0, bytesDown: 0, cuts: 0, refusals: 0 },
};

const keys = Object.keys(noCounters) as (keyof RouteCounters)[];

const sum = (a: RouteCounters, b: RouteCounters): RouteCounters =>
  Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as RouteCounters;

/** What stays of a worker that has ended: nothing of it is open. */
export function addEnded(ended: Map<string, RouteCounters>, last: readonly RouteState[]): void {
  for (const { route, counters } of last) {
    const before = ended.get(route.name) ?? noCounters;
    ended.set(route.name, sum(before, { ...counters, open: 0, waiting: 0 }));
  }
}

/** One state for each route; one that no worker has told of yet is not served. */
export function addStates(
  routes: ReadonlyMap<string, Route>,
  ended: ReadonlyMap<string, RouteCounters>,
  workers: readonly (readonly RouteState[])[],
): readonly RouteState[] {
  const sums = new Map<string, { problem: string | null; counters: RouteCounters }>();
  for (const { route, problem, counters } of workers.flat()) {
    if (!routes.has(route.name)) continue;
    const before = sums.get(route.name);
    sums.set(route.name, {
      problem: before?.problem ?? problem,
      counters: sum(before?.counters ?? ended.get(route.name) ?? noCounters, counters),
    });
  }
  return [...routes.values()].map((route) => ({
    route,
    ...(sums.get(route.name) ?? {
      problem: notListening,
      counters: ended.get(route.name) ?? noCounters,
    }),
  }));
}
