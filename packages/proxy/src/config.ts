/**
 * Owns the configuration: the ancestor's file with the keys that are new in it, and the flags that stand for keys.
 * Not: reading the file (main.ts), nor its entries (entries.ts). Source of the form: mesos/mr-redis, proxy.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed, refused, withoutSlashes } from "@mr-redis/core";
import { parseEntries } from "./entries.js";
import { type PlaneKind, planeKinds } from "./kernel/choose.js";
import { hostPortText, parseHostPort, type Route, workersMax } from "./routes.js";

/** A checked configuration. */
export interface ProxyConfig {
  /** Of the admin routes; default 127.0.0.1. */
  readonly httpBind: string;
  readonly httpPort: number;
  readonly routes: readonly Route[];
  /** Addresses of schedulers that are followed, without a slash at the end; empty: none is. */
  readonly schedulers: readonly string[];
  /** Address that followed routes listen on; default 0.0.0.0. */
  readonly bind: string;
  readonly plane: PlaneKind;
  readonly workers: number;
  /** Most clients of one route at the same time; default 10,000. */
  readonly clientsMax: number;
  /** Longest wait of a client for its target, in milliseconds; default 10,000. */
  readonly targetWaitMs: number;
  /** Files with the certificate (and its chain) and the key, as PEM; null: clients speak plain TCP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** File with the last known topology; null: the default place. Empty: none is kept. */
  readonly stateFile: string | null;
  /** File with a token for the schedulers; null: none is named here. */
  readonly tokenFile: string | null;
  /** File with the authorities (PEM) that vouch for the schedulers; null: none is named here. */
  readonly caFile: string | null;
  /** Keys that mean nothing. */
  readonly warnings: readonly string[];
}

/** The ancestor's example has this port. */
export const httpPortDefault = 7_979;

/** Most schedulers of one cluster that are asked in turn: each may cost the time of a connection that nobody accepts. */
const schedulersMax = 16;

/** Every key of the file, by its name there; a flag that stands for one has the name in lower case with dashes. */
export const configKeys = [
  "HTTPPort",
  "HTTPBind",
  "Entries",
  "ClientsMax",
  "TargetWaitMs",
  "Scheduler",
  "Bind",
  "Plane",
  "Workers",
  "TlsCert",
  "TlsKey",
  "State",
  "TokenFile",
  "CaFile",
] as const;

/** A key of the file. */
export type ConfigKey = (typeof configKeys)[number];

/** What a change of the file can change while the program runs; the rest counts from the next start. */
export const liveKeys: readonly (keyof ProxyConfig)[] = [
  "clientsMax",
  "targetWaitMs",
  "routes",
  "tls",
];

type Raw = Readonly<Record<string, unknown>>;

const isRaw = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Looks up keys in any case, as the ancestor did, and collects what is wrong with them. */
class KeyReader {
  readonly problems: Problem[] = [];
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(raw: Raw, flags: Raw) {
    this.#values = new Map(
      [...Object.entries(raw), ...Object.entries(flags)].map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    );
  }

  get(key: ConfigKey): unknown {
    return this.#values.get(key.toLowerCase());
  }

  whole(key: ConfigKey, fallback: number, min: number, max: number): number {
    const value = this.get(key) ?? fallback;
    const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) {
      return number;
    }
    this.problems.push({ path: key, rule: `must be a whole number from ${min} to ${max}` });
    return fallback;
  }

  host(key: ConfigKey, fallback: string): string {
    const value = this.get(key) ?? fallback;
    const isHost =
      typeof value === "string" && parseHostPort(hostPortText({ host: value, port: 1 })) !== null;
    if (isHost) return value;
    this.problems.push({ path: key, rule: "must be an address or a host name" });
    return fallback;
  }

  text(key: ConfigKey): string | null {
    const value = this.get(key) ?? null;
    if (value === null || (typeof value === "string" && !value.includes("\0"))) return value;
    this.problems.push({ path: key, rule: "must be a path" });
    return null;
  }
}

/**
 * Checks the text of a configuration file, and `flags` (values by key), which count instead of the file's keys; all
 * problems at once. Keys are found in any case, as in the ancestor.
 */
export function parseProxyConfig(text: string, flags: Raw = {}): Parsed<ProxyConfig> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return refused("the file", `must be JSON: ${(error as Error).message}`);
  }
  if (!isRaw(raw)) return refused("the file", "must be a JSON object");
  const keys = new KeyReader(raw, flags);
  const { problems } = keys;
  const plane = keys.get("Plane") ?? "userspace";
  const planeKind = planeKinds.find((kind) => kind === plane);
  if (planeKind === undefined) {
    problems.push({ path: "Plane", rule: `must be one of ${planeKinds.join(", ")}` });
  }
  const value = {
    httpPort: keys.whole("HTTPPort", httpPortDefault, 1, 65_535),
    clientsMax: keys.whole("ClientsMax", 10_000, 1, 1_000_000),
    targetWaitMs: keys.whole("TargetWaitMs", 10_000, 0, 600_000),
    workers: keys.whole("Workers", 1, 1, workersMax),
    httpBind: keys.host("HTTPBind", "127.0.0.1"),
    bind: keys.host("Bind", "0.0.0.0"),
    plane: planeKind ?? "userspace",
    schedulers: parseSchedulers(keys.get("Scheduler") ?? [], problems),
    tls: tlsOf(keys, planeKind),
    stateFile: keys.text("State"),
    tokenFile: keys.text("TokenFile"),
    caFile: keys.text("CaFile"),
    routes: parseEntries(keys.get("Entries") ?? [], problems),
  };
  if (problems.length > 0) return { ok: false, problems };
  const warnings = Object.keys(raw)
    .filter((name) => !configKeys.some((key) => key.toLowerCase() === name.toLowerCase()))
    .map((name) => `${name} is not known; known are ${configKeys.join(", ")}`);
  return parsed({ ...value, warnings });
}

function tlsOf(keys: KeyReader, plane: PlaneKind | undefined): ProxyConfig["tls"] {
  const certFile = keys.text("TlsCert") ?? "";
  const keyFile = keys.text("TlsKey") ?? "";
  if (certFile === "" && keyFile === "") return null;
  if (certFile === "" || keyFile === "") {
    const path = certFile === "" ? "TlsCert" : "TlsKey";
    keys.problems.push({ path, rule: "must be given, too: a certificate goes with its key" });
  }
  if (plane === "kernel") {
    const rule = "must be userspace or auto: the kernel plane cannot speak TLS";
    keys.problems.push({ path: "Plane", rule });
  }
  return { certFile, keyFile };
}

/** One or several addresses: a list, or a text with commas. */
function parseSchedulers(value: unknown, problems: Problem[]): string[] {
  const list: readonly unknown[] = typeof value === "string" ? value.split(",") : [value].flat();
  const given = list.filter((each) => each !== "");
  if (given.length > schedulersMax) {
    problems.push({ path: "Scheduler", rule: `must name at most ${schedulersMax} schedulers` });
    return [];
  }
  const urls = given.map((each) => {
    const url = schedulerUrl(each);
    if (url === null) {
      const shown = typeof each === "string" ? JSON.stringify(each.slice(0, 200)) : "no text";
      const rule = `must be an address like http://10.0.0.1:5656 and is ${shown}`;
      problems.push({ path: "Scheduler", rule });
    }
    return url ?? "";
  });
  return [...new Set(urls)];
}

/** Without a slash at its end; null: it is none. A user or a password would lie in a file and on command lines. */
function schedulerUrl(value: unknown): string | null {
  const text = typeof value === "string" ? value.trim() : "";
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { origin, pathname, username, password, search, hash } = new URL(text);
  const isPlain = username === "" && password === "" && search === "" && hash === "";
  return isPlain ? `${origin}${withoutSlashes(pathname)}` : null;
}
