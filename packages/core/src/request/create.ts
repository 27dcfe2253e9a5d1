/**
 * Owns what a create may ask for, in both versions of the API: limits, defaults, and the text of every refusal.
 * Not: Redis settings (redis/settings.ts), whether the name is free (control/), HTTP (packages/scheduler).
 * Called by the HTTP API with whatever somebody sent.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceSpec } from "../instance/types.js";
import { printable, quoted } from "../quote.js";
import { parseRedisConfig } from "../redis/settings.js";
import { type Parsed, type Problem, refused } from "../result.js";
import { problemsMax } from "../shape.js";
import { parseConstraints } from "./constraints.js";
import { instanceNameRule, isInstanceName } from "./names.js";

/** A checked create: `spec` is complete. */
export interface CreateRequest {
  readonly name: string;
  readonly spec: InstanceSpec;
}

/** The path of a create in /v1, decoded: `/v1/CREATE/<name>/<memory>/<masters>/<slaves>`. */
export interface CreateV1Path {
  readonly name: string;
  readonly memory: string;
  readonly masters: string;
  readonly slaves: string;
}

/** Limits of a create, each with its reason. */
export const createLimits = {
  memoryMibMin: 1,
  /** 1 TiB: larger machines exist, but a process that large cannot be copied to a replica in sensible time. */
  memoryMibMax: 1_048_576,
  /** The ancestor's command line allows as many; the document of 1 + 100 fits into what every store takes. */
  slavesMax: 100,
  /** More than the largest instance has processes. */
  distributionMax: 1_000,
} as const;

const mastersRule = "must be 1: instances with several masters (Redis Cluster) are not built";
const distributionRule = `must be an integer from 1 to ${createLimits.distributionMax} (most processes of the instance on one agent)`;

/**
 * Checks the body of `POST /v2/instances`: `{name, memory, slaves, masters?, distribution?, config?, constraints?,
 * fencing?, onUnreachable?, auth?, tls?}`. Numbers are JSON numbers. Without a distribution (or with null) the processes are spread as evenly as possible.
 * Fields that are not known are problems.
 */
export function parseCreate(raw: unknown): Parsed<CreateRequest> {
  if (!isObject(raw)) return refused("body", "must be a JSON object");
  const problems: Problem[] = [];
  for (const key of Object.keys(raw)) {
    if (fields.includes(key) || problems.length >= problemsMax) continue;
    problems.push({ path: printable(key), rule: `is not known; known are ${fields.join(", ")}` });
  }
  const get = (key: string): unknown => (Object.hasOwn(raw, key) ? raw[key] : undefined);
  const masters = get("masters");
  return checked(problems, {
    name: get("name"),
    memory: get("memory"),
    slaves: get("slaves"),
    masters: masters === undefined ? 1 : masters,
    distribution: { path: "distribution", value: get("distribution") },
    config: { path: "config", value: get("config") },
    constraints: { path: "constraints", value: get("constraints") },
    fencing: { path: "fencing", value: get("fencing") },
    onUnreachable: { path: "onUnreachable", value: get("onUnreachable") },
    auth: { path: "auth", value: get("auth") },
    tls: { path: "tls", value: get("tls") },
  });
}

const fields: readonly string[] = [
  "name",
  "memory",
  "slaves",
  "masters",
  "distribution",
  "config",
  "constraints",
  "fencing",
  "onUnreachable",
  "auth",
  "tls",
];

/**
 * Checks a create of /v1. `body` is the text of the body, null for none: a JSON object of which `Distribution`,
 * `Config`, `Constraints`, `Fencing`, `OnUnreachable`, `Auth` and `Tls` are looked at, in any case; other fields are
 * ignored, as the ancestor did.
 *
 * Wanted deviations from the ancestor, which never refused anything (numbers that were none became 0, and any other
 * body counted as none): what is wrong is 400. Without a Distribution the processes are spread as evenly as
 * possible, where the ancestor's default was 1.
 */
export function parseCreateV1(path: CreateV1Path, body: string | null): Parsed<CreateRequest> {
  const problems: Problem[] = [];
  const options = v1Options(body, problems);
  return checked(problems, {
    name: path.name,
    memory: decimal(path.memory),
    slaves: decimal(path.slaves),
    masters: decimal(path.masters),
    distribution: { path: "Distribution", value: options.get("distribution") },
    config: { path: "Config", value: options.get("config") },
    constraints: { path: "Constraints", value: options.get("constraints") },
    fencing: { path: "Fencing", value: options.get("fencing") },
    onUnreachable: { path: "OnUnreachable", value: options.get("onunreachable") },
    auth: { path: "Auth", value: options.get("auth") },
    tls: { path: "Tls", value: options.get("tls") },
  });
}

const optionsV1: readonly string[] = [
  "distribution",
  "config",
  "constraints",
  "fencing",
  "onunreachable",
  "auth",
  "tls",
];

/** The {@link optionsV1} of a body by their names in lower case. */
function v1Options(body: string | null, problems: Problem[]): ReadonlyMap<string, unknown> {
  const options = new Map<string, unknown>();
  if (body === null || body.trim() === "") return options;
  let raw: unknown = null;
  try {
    raw = JSON.parse(body);
  } catch {
    // Falls through: a text that is no JSON is no object either.
  }
  if (!isObject(raw)) {
    problems.push({ path: "body", rule: "must be absent or a JSON object" });
    return options;
  }
  for (const [key, value] of Object.entries(raw)) {
    const name = key.toLowerCase();
    if (!optionsV1.includes(name)) continue;
    if (options.has(name) && problems.length < problemsMax)
      problems.push({ path: printable(key), rule: "must be given once" });
    options.set(name, value);
  }
  return options;
}

interface RawCreate {
  readonly name: unknown;
  readonly memory: unknown;
  readonly slaves: unknown;
  readonly masters: unknown;
  readonly distribution: RawOption;
  readonly config: RawOption;
  readonly constraints: RawOption;
  readonly fencing: RawOption;
  readonly onUnreachable: RawOption;
  readonly auth: RawOption;
  readonly tls: RawOption;
}

/** An option as it was given, and how its name is written where it was given. */
interface RawOption {
  readonly path: string;
  readonly value: unknown;
}

/** One of `words`, in any case; the first when nothing was given. Anything else is a problem. */
function choiceOf<Word extends string>(
  { path, value }: RawOption,
  words: readonly [Word, ...Word[]],
  problems: Problem[],
): Word {
  if (value === undefined || value === null) return words[0];
  const word = words.find((each) => typeof value === "string" && each === value.toLowerCase());
  if (word !== undefined) return word;
  problems.push({
    path,
    rule: `must be ${words.map((each) => `"${each}"`).join(" or ")}, not ${quoted(value)}`,
  });
  return words[0];
}

/** Off unless it is true: nothing given, null and false are one. */
function isAsked({ path, value }: RawOption, problems: Problem[]): boolean {
  if (value === undefined || value === null || typeof value === "boolean") return value === true;
  problems.push({ path, rule: `must be true or false, not ${quoted(value)}` });
  return false;
}

function checked(problems: Problem[], raw: RawCreate): Parsed<CreateRequest> {
  const refuse = (path: string, rule: string, value: unknown): null => {
    problems.push({ path, rule: value === undefined ? rule : `${rule}, not ${quoted(value)}` });
    return null;
  };
  const { memoryMibMin, memoryMibMax, slavesMax, distributionMax } = createLimits;
  const name = isInstanceName(raw.name) ? raw.name : refuse("name", instanceNameRule, raw.name);
  const memoryMib = isWithin(raw.memory, memoryMibMin, memoryMibMax)
    ? raw.memory
    : refuse(
        "memory",
        `must be an integer from ${memoryMibMin} to ${memoryMibMax} (MiB)`,
        raw.memory,
      );
  const masters: 1 | null = raw.masters === 1 ? 1 : refuse("masters", mastersRule, raw.masters);
  const slaves = isWithin(raw.slaves, 0, slavesMax)
    ? raw.slaves
    : refuse("slaves", `must be an integer from 0 to ${slavesMax}`, raw.slaves);
  const { path, value } = raw.distribution;
  const distribution = isWithin(value ?? 1, 1, distributionMax)
    ? ((value ?? null) as number | null)
    : refuse(path, distributionRule, value);
  const config = checkedConfig(raw.config, problems);
  const constraints = parseConstraints(raw.constraints.value, raw.constraints.path, problems);
  const fencing = choiceOf(raw.fencing, ["on", "off"], problems);
  const onUnreachable = choiceOf(raw.onUnreachable, ["replace", "wait"], problems);
  const auth = isAsked(raw.auth, problems);
  const tls = isAsked(raw.tls, problems);
  if (
    name === null ||
    memoryMib === null ||
    masters === null ||
    slaves === null ||
    problems.length > 0
  ) {
    return { ok: false, problems };
  }
  const base = { memoryMib, masters, slaves, distribution, config };
  const spec: InstanceSpec = {
    ...base,
    fencing,
    onUnreachable,
    // None is no list, and off is nothing: there would be two ways to say the same.
    ...(constraints.length === 0 ? {} : { constraints }),
    ...(auth ? { auth } : {}),
    ...(tls ? { tls } : {}),
  };
  return { ok: true, value: { name, spec } };
}

function checkedConfig(
  { path, value }: RawCreate["config"],
  problems: Problem[],
): Readonly<Record<string, string>> {
  const config = parseRedisConfig(value ?? {});
  if (config.ok) return config.value;
  problems.push(
    ...config.problems.map((problem) => ({
      ...problem,
      path: problem.path.replace(/^Config/, path),
    })),
  );
  return {};
}

const isWithin = (value: unknown, min: number, max: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A segment of a path as a number; anything but decimal digits stays a text and is refused as such. */
const decimal = (segment: string): number | string =>
  /^\d{1,15}$/.test(segment) ? Number(segment) : segment;
