/**
 * Owns what a configuration that was read anew does to the entries that are served. Pure.
 * Not: reading it (config.ts), nor doing it (service.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { RouteChanges } from "./follow/topology.js";
import { type Route, sameTarget } from "./routes.js";

/** The entries from now on, by name, and what changes for the plane. */
export interface EntryChanges extends RouteChanges {
  readonly entries: ReadonlyMap<string, Route>;
}

/**
 * `present` are the entries as they are served, `before` and `now` as the file had and has them. An entry that the file did
 * not change stays where people led it. One whose port is in `refused` is left out.
 */
export function changeEntries(
  present: ReadonlyMap<string, Route>,
  before: readonly Route[],
  now: readonly Route[],
  refused: ReadonlySet<number>,
): EntryChanges {
  const former = new Map(before.map((route) => [route.name, JSON.stringify(route)]));
  const entries = new Map<string, Route>();
  const changed: Route[] = [];
  for (const route of now) {
    const served = present.get(route.name);
    if (served === undefined && refused.has(route.listen.port)) continue;
    if (served !== undefined && former.get(route.name) === JSON.stringify(route)) {
      entries.set(route.name, served);
    } else if (!refused.has(route.listen.port)) {
      entries.set(route.name, route);
      changed.push(route);
    }
  }
  const removed = [...present.values()]
    .filter(({ name, listen }) => {
      const next = entries.get(name);
      return next === undefined || !sameTarget(next.listen, listen);
    })
    .map(({ name }) => name);
  return { entries, changed, removed };
}
