/**
 * Owns the allow-list of Redis settings that a user may give in `Config`, and the check of each value.
 * Not: the file that they end up in (config-file.ts), nor the settings that mr-redis keeps for itself.
 * Called by the parsers of requests and of stored documents.
 * Source of names and ranges: redis.conf of Redis 6.2 to 7.2.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed } from "../result.js";
import { problemsMax } from "../shape.js";

/** One setting: what is allowed, in words, and the check; null means refused. `value` has no control characters. */
export interface RedisSetting {
  readonly rule: string;
  readonly check: (value: string) => string | null;
}

const integer = (min: number, max: number): RedisSetting => ({
  rule: `must be an integer from ${min} to ${max}`,
  check(value) {
    if (!/^-?\d{1,16}$/.test(value)) return null;
    const number = Number(value);
    return number >= min && number <= max ? String(number) : null;
  },
});

const choice = (...words: readonly string[]): RedisSetting => ({
  rule: `must be one of ${words.join(", ")}`,
  check: (value) => words.find((word) => word === value.toLowerCase()) ?? null,
});

const yesNo: RedisSetting = {
  rule: "must be yes or no",
  check(value) {
    const word = value.toLowerCase();
    if (word === "yes" || word === "true") return "yes";
    return word === "no" || word === "false" ? "no" : null;
  },
};

const kib = 1024;
const mib = kib * kib;
const gib = mib * kib;
const unitBytes: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: kib,
  m: 1_000_000,
  mb: mib,
  g: 1_000_000_000,
  gb: gib,
};

/** Bytes of a size as Redis writes it ("10mb", "1048576"), or null. */
function sizeBytes(value: string): number | null {
  const found = /^(\d{1,15})(b|k|kb|m|mb|g|gb)?$/.exec(value.toLowerCase());
  if (found === null) return null;
  const bytes = Number(found[1]) * (unitBytes[found[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

const size = (minBytes: number, maxBytes: number): RedisSetting => ({
  rule: `must be a size such as 10mb, from ${minBytes} to ${maxBytes} bytes`,
  check(value) {
    const bytes = sizeBytes(value);
    return bytes !== null && bytes >= minBytes && bytes <= maxBytes ? value.toLowerCase() : null;
  },
});

const keyspaceEvents: RedisSetting = {
  rule: "must be empty or letters of KEg$lshzxetdnmA",
  check: (value) => (/^[KEg$lshzxetdnmA]{0,32}$/.test(value) ? value : null),
};

const outputBufferLimit: RedisSetting = {
  rule: "must be `normal` or `pubsub`, hard limit, soft limit, seconds (pubsub 32mb 8mb 60)",
  check(value) {
    const words = value.toLowerCase().split(/ +/);
    const [kind = "", hard = "", soft = "", seconds = ""] = words;
    const good =
      words.length === 4 &&
      (kind === "normal" || kind === "pubsub") &&
      sizeBytes(hard) !== null &&
      sizeBytes(soft) !== null &&
      /^\d{1,6}$/.test(seconds);
    return good ? words.join(" ") : null;
  },
};

const policies = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;
const intMax = 2_147_483_647;
const seconds = integer(0, 31_536_000);
const encodingEntries = integer(0, 1_000_000);
const encodingBytes = integer(0, 1_000_000);

/** Every setting that a user may give, by its name in redis.conf. */
export const redisSettings: Readonly<Record<string, RedisSetting>> = {
  "maxmemory-policy": choice(...policies),
  "maxmemory-samples": integer(1, 64),
  "maxmemory-eviction-tenacity": integer(0, 100),
  "lfu-log-factor": integer(0, 255),
  "lfu-decay-time": integer(0, 65_535),
  timeout: seconds,
  "tcp-keepalive": seconds,
  databases: integer(1, 1024),
  maxclients: integer(1, 100_000),
  "notify-keyspace-events": keyspaceEvents,
  appendfsync: choice("always", "everysec", "no"),
  hz: integer(1, 500),
  "dynamic-hz": yesNo,
  activerehashing: yesNo,
  "lazyfree-lazy-eviction": yesNo,
  "lazyfree-lazy-expire": yesNo,
  "lazyfree-lazy-server-del": yesNo,
  "lazyfree-lazy-user-del": yesNo,
  "lazyfree-lazy-user-flush": yesNo,
  "slowlog-log-slower-than": integer(-1, intMax),
  "slowlog-max-len": integer(0, 100_000),
  "latency-monitor-threshold": integer(0, intMax),
  "lua-time-limit": integer(0, 3_600_000),
  "hash-max-listpack-entries": encodingEntries,
  "hash-max-listpack-value": encodingBytes,
  "hash-max-ziplist-entries": encodingEntries,
  "hash-max-ziplist-value": encodingBytes,
  "list-max-listpack-size": integer(-5, 1_000_000),
  "list-max-ziplist-size": integer(-5, 1_000_000),
  "list-compress-depth": integer(0, 1_000_000),
  "set-max-intset-entries": encodingEntries,
  "zset-max-listpack-entries": encodingEntries,
  "zset-max-listpack-value": encodingBytes,
  "zset-max-ziplist-entries": encodingEntries,
  "zset-max-ziplist-value": encodingBytes,
  "hll-sparse-max-bytes": integer(0, 16_000),
  "stream-node-max-bytes": size(0, gib),
  "stream-node-max-entries": encodingEntries,
  activedefrag: yesNo,
  "active-defrag-ignore-bytes": size(mib, 1024 * gib),
  "active-defrag-threshold-lower": integer(0, 1000),
  "active-defrag-threshold-upper": integer(0, 1000),
  "active-defrag-cycle-min": integer(1, 99),
  "active-defrag-cycle-max": integer(1, 99),
  "repl-backlog-size": size(16 * kib, 16 * gib),
  "repl-backlog-ttl": seconds,
  "client-output-buffer-limit": outputBufferLimit,
  "client-query-buffer-limit": size(mib, 2 * gib),
  "proto-max-bulk-len": size(mib, gib),
  "tracking-table-max-keys": integer(0, 100_000_000),
};

/** Most characters of one value: the longest allowed one has about 40. */
export const settingCharactersMax = 128;

const persistence = "is refused: there is no persistence yet";
const kept = "is kept by mr-redis";
/** Names that people will try, with the reason; all others are refused with the list of what is allowed. */
const refusals: Readonly<Record<string, string>> = {
  appendonly: persistence,
  save: persistence,
  appendfilename: persistence,
  dbfilename: persistence,
  maxmemory: "is given as the memory of the instance",
  requirepass: kept,
  masterauth: kept,
  masteruser: kept,
  user: kept,
  aclfile: kept,
  bind: kept,
  port: kept,
  dir: kept,
  logfile: kept,
  loglevel: kept,
  daemonize: kept,
  "protected-mode": kept,
  replicaof: kept,
  slaveof: kept,
  "min-replicas-to-write": kept,
  "min-replicas-max-lag": kept,
};

/** Like `record[name]`, but blind to what every object inherits (`constructor`, `__proto__`). */
const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

const quotedCharactersMax = 64;
const nameForPath = (name: string): string =>
  name.replace(/[^\x20-\x7e]/g, "?").slice(0, quotedCharactersMax);

function unknownRule(name: string): string {
  const allowed = `allowed are ${Object.keys(redisSettings).sort().join(", ")}`;
  return `${own(refusals, name) ?? "is no Redis setting that can be given here"}; ${allowed}`;
}

function textOf(value: unknown): string | null {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : null;
  if (typeof value !== "string" || value.length > settingCharactersMax) return null;
  return /^[\x20-\x7e]*$/.test(value) ? value.trim() : null;
}

/**
 * Checks `Config` of a request or a stored document: an object of setting names and values (text, integers or
 * booleans). The values come back as the text that redis.conf wants, the names in lower case. Every problem is named
 * as `Config.<name>`. No value that passes has a control character, a quote or a backslash.
 */
export function parseRedisConfig(value: unknown): Parsed<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, problems: [{ path: "Config", rule: "must be an object of settings" }] };
  }
  const config: Record<string, string> = {};
  const problems: Problem[] = [];
  for (const [given, raw] of Object.entries(value)) {
    // An answer must not be a hundred times as large as its request.
    if (problems.length >= problemsMax) break;
    const name = given.toLowerCase();
    const path = `Config.${nameForPath(given)}`;
    const setting = own(redisSettings, name);
    if (setting === undefined) {
      problems.push({ path, rule: unknownRule(name) });
      continue;
    }
    const text = textOf(raw);
    const checked = text === null ? null : setting.check(text);
    if (checked === null) problems.push({ path, rule: setting.rule });
    else if (Object.hasOwn(config, name)) problems.push({ path, rule: "is given twice" });
    else config[name] = checked;
  }
  return problems.length === 0 ? parsed(config) : { ok: false, problems };
}
