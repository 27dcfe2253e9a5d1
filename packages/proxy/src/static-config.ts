/**
 * Owns the ancestor's configuration file of a proxy with entries of its own, and the keys that are new in it.
 * Not: reading the file (main.ts), nor routes that a scheduler gives. Source of the form: mesos/mr-redis, proxy.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed, refused } from "@mr-redis/core";
import { hostPortText, parseHostPort, type Route } from "./routes.js";

/** A checked configuration. */
export interface ProxyConfig {
  /** Of the admin routes; default 127.0.0.1. */
  readonly httpBind: string;
  readonly httpPort: number;
  readonly routes: readonly Route[];
  /** Most clients of one entry at the same time; default 10,000. */
  readonly clientsMax: number;
  /** Longest wait of a client for its target, in milliseconds; default 10,000. */
  readonly targetWaitMs: number;
  /** Keys that mean nothing. */
  readonly warnings: readonly string[];
}

/** The ancestor's example has this port. */
export const httpPortDefault = 7_979;

/** Most entries: each is a listening socket. */
const entriesMax = 10_000;

const nameCharsMax = 255;

const known: readonly string[] = ["HTTPPort", "HTTPBind", "Entries", "ClientsMax", "TargetWaitMs"];

type Raw = Readonly<Record<string, unknown>>;

const isRaw = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Checks the text of a configuration file; all problems at once. Keys are found in any case, as in the ancestor. */
export function parseProxyConfig(text: string): Parsed<ProxyConfig> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return refused("the file", `must be JSON: ${(error as Error).message}`);
  }
  if (!isRaw(raw)) return refused("the file", "must be a JSON object");
  const problems: Problem[] = [];
  const get = (key: string): unknown =>
    Object.entries(raw).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  const whole = (key: string, fallback: number, min: number, max: number): number => {
    const value = get(key) ?? fallback;
    const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) {
      return number;
    }
    problems.push({ path: key, rule: `must be a whole number from ${min} to ${max}` });
    return fallback;
  };
  const httpPort = whole("HTTPPort", httpPortDefault, 1, 65_535);
  const clientsMax = whole("ClientsMax", 10_000, 1, 1_000_000);
  const targetWaitMs = whole("TargetWaitMs", 10_000, 0, 600_000);
  const httpBind = get("HTTPBind") ?? "127.0.0.1";
  if (
    typeof httpBind !== "string" ||
    parseHostPort(hostPortText({ host: httpBind, port: 1 })) === null
  ) {
    problems.push({ path: "HTTPBind", rule: "must be an address or a host name" });
  }
  const routes = parseEntries(get("Entries") ?? [], problems);
  if (problems.length > 0) return { ok: false, problems };
  const warnings = Object.keys(raw)
    .filter((name) => !known.some((key) => key.toLowerCase() === name.toLowerCase()))
    .map((name) => `${name} is not known; known are ${known.join(", ")}`);
  return parsed({
    httpBind: String(httpBind),
    httpPort,
    routes,
    clientsMax,
    targetWaitMs,
    warnings,
  });
}

function parseEntries(value: unknown, problems: Problem[]): Route[] {
  if (!Array.isArray(value) || value.length > entriesMax) {
    problems.push({ path: "Entries", rule: `must be a list of at most ${entriesMax} entries` });
    return [];
  }
  const routes: Route[] = [];
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  for (const [index, entry] of value.entries()) {
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
