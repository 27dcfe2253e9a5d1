/**
 * Owns the entries of the ancestor's configuration file of a proxy. Not: the other keys (config.ts), nor routes that a
 * scheduler gives. Source of the form: mesos/mr-redis, proxy.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Problem } from "@mr-redis/core";
import { hostPortText, parseHostPort, type Route } from "./routes.js";

/** Most entries: each is a listening socket. */
const entriesMax = 10_000;

const nameCharsMax = 255;

/** Most problems that are told: enough to see the pattern, small enough for an answer and a log. */
const problemsMax = 50;

type Raw = Readonly<Record<string, unknown>>;

const isRaw = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The routes of `Entries`; what is wrong goes into `problems`. */
export function parseEntries(value: unknown, problems: Problem[]): Route[] {
  if (!Array.isArray(value) || value.length > entriesMax) {
    problems.push({ path: "Entries", rule: `must be a list of at most ${entriesMax} entries` });
    return [];
  }
  const routes: Route[] = [];
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  for (const [index, entry] of value.entries()) {
    if (problems.length >= problemsMax) break;
    const route = parseEntry(entry, `Entries[${index}]`, problems);
    if (route === null) continue;
    const from = hostPortText(route.listen);
    for (const [seen, key, field] of [
      [names, route.name, "Name"],
      [addresses, from, "Pair.From"],
    ] as const) {
      const before = seen.get(key);
      if (before === undefined) seen.set(key, index);
      else {
        const rule = `must be unique: Entries[${before}] has the same`;
        problems.push({ path: `Entries[${index}].${field}`, rule });
      }
    }
    routes.push(route);
  }
  return routes;
}

const addressRule = "must be HOST:PORT, for example 10.0.0.1:6380";

function parseEntry(entry: unknown, path: string, problems: Problem[]): Route | null {
  if (!isRaw(entry) || !isRaw(entry.Pair)) {
    const form = '{"Name": "...", "Pair": {"From": "HOST:PORT", "To": "HOST:PORT"}}';
    problems.push({ path, rule: `must be ${form}` });
    return null;
  }
  const { Name: name, Pair: pair } = entry;
  const isName = typeof name === "string" && name !== "" && name.length <= nameCharsMax;
  if (!isName) {
    problems.push({
      path: `${path}.Name`,
      rule: `must be a text of 1 to ${nameCharsMax} characters`,
    });
  }
  const listen = typeof pair.From === "string" ? parseHostPort(pair.From) : null;
  if (listen === null) problems.push({ path: `${path}.Pair.From`, rule: addressRule });
  // An entry without a target is known to the ancestor, too: it is updated later.
  const isOpen = pair.To === undefined || pair.To === "";
  const target = typeof pair.To === "string" && !isOpen ? parseHostPort(pair.To) : null;
  if (!isOpen && (target === null || target.host === "")) {
    problems.push({ path: `${path}.Pair.To`, rule: addressRule });
  }
  if (!isName || listen === null) return null;
  return { name, kind: "static", listen, targets: target === null ? [] : [target], kept: [] };
}
