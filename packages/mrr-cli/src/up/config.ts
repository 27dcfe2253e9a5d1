/**
 * Owns the scheduler's configuration for `mrr up`: what is needed on one machine, the user's file, the flags. Pure.
 * Not: the keys and their rules (core, config/). Called by plan.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Config,
  type ConfigWarning,
  configKeys,
  type Parsed,
  type Problem,
  parseConfig,
  refused,
} from "@mr-redis/core";
import { upDefaults } from "./defaults.js";
import type { UpOptions } from "./options.js";

/** What the configuration is made of. */
export interface ConfigInput {
  /** Parsed JSON of `--config`; {} for none. */
  readonly file: unknown;
  readonly flags: Pick<
    UpOptions,
    "httpPort" | "artifactPort" | "proxyPorts" | "store" | "storeEndpoint" | "storeUser"
  >;
  readonly mesosPort: number;
  /** MRR_DB_PASSWORD. It goes to the scheduler by the environment, never into the file. */
  readonly storePassword: string | undefined;
  /** Directory for the embedded store. */
  readonly storeDir: string;
  /** Keys for the secrets in the store. */
  readonly keyFile: string;
  readonly nodePath: string;
  /** The redis-server that was found; null when there is none. */
  readonly redisPath: string | null;
}

/** The file for the scheduler, and what it means. */
export interface MergedConfig {
  readonly content: Readonly<Record<string, unknown>>;
  readonly config: Config;
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Merges: defaults of one machine, over them the user's file, over that the flags. A value of the file that is
 * wrong stays even where a flag would replace it, so that all that is wrong is said at once. `Master` is always the
 * one that `mrr up` starts.
 */
export function mergeConfig(input: ConfigInput): Parsed<MergedConfig> {
  const { file } = input;
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    return refused("configuration", "must be a JSON object");
  }
  const content = new Map<string, unknown>(Object.entries(machineDefaults(input)));
  const given = new Set<string>();
  for (const [written, value] of Object.entries(file)) {
    // null means the default; here that is the default of one machine.
    if (value === null) continue;
    const key = spellingOf(written);
    // A key that is written twice is kept twice, so that the check sees it.
    const second = written === key ? key.toLowerCase() : written;
    content.set(given.has(key) ? second : key, value);
    given.add(key);
  }
  // In containers the server is the image's own.
  if (content.get("Runtime") === "container" && !given.has("RedisPath"))
    content.delete("RedisPath");
  const flags = new Map<string, string>();
  for (const [key, { option, value }] of flagsOf(input)) {
    if (content.has(key) && !isGood(key, content.get(key))) continue;
    content.set(key, value);
    flags.set(key, option);
  }
  const master = `127.0.0.1:${input.mesosPort}`;
  const isOtherMaster = given.has("Master") && content.get("Master") !== master;
  content.set("Master", master);

  const values = Object.fromEntries(content);
  const result = parseConfig(values, { MRR_DB_PASSWORD: input.storePassword });
  const misplaced = storeProblems(input, content);
  if (!result.ok || misplaced.length > 0) {
    const problems = result.ok ? [] : result.problems;
    return { ok: false, problems: [...misplaced, ...named(problems, flags, misplaced)] };
  }
  const { config } = result.value;
  const zero = fixedPortProblem(config);
  if (zero !== null) return zero;
  const warnings = [...result.value.warnings];
  if (isOtherMaster) {
    warnings.push({ key: "Master", text: `has no effect: mrr up starts its own at ${master}` });
  }
  return { ok: true, value: { content: values, config, warnings } };
}

/** The keys that flags of the command line set, and how. */
function flagsOf({ flags }: ConfigInput): ReadonlyMap<string, { option: string; value: string }> {
  const { httpPort, artifactPort, proxyPorts, store, storeEndpoint, storeUser } = flags;
  const all = [
    ["HTTPPort", "--http-port", httpPort],
    ["ArtifactPort", "--artifact-port", artifactPort],
    ["ProxyPorts", "--proxy-ports", proxyPorts],
    ["DBType", "--store", store],
    ["DBEndPoint", "--store-endpoint", storeEndpoint],
    ["DBUser", "--store-user", storeUser],
  ] as const;
  return new Map(
    all.flatMap(([key, option, value]) =>
      value === undefined ? [] : [[key, { option, value: String(value) }] as const],
    ),
  );
}

/** Flags about the store that do not go with the store that counts, and the one that it lacks. */
function storeProblems(input: ConfigInput, content: ReadonlyMap<string, unknown>): Problem[] {
  const { storeEndpoint, storeUser } = input.flags;
  const store = String(content.get("DBType")).toLowerCase();
  if (store === "etcd" || store === "zookeeper") {
    const isMissing = isEmpty(content.get("DBEndPoint"));
    const example = store === "etcd" ? "127.0.0.1:2379" : "127.0.0.1:2181";
    const rule = `is needed with --store ${store}: host:port, or several with commas, like ${example}`;
    return isMissing ? [{ path: "--store-endpoint", rule }] : [];
  }
  if (store !== "embedded" && store !== "memory") return [];
  const given = [
    { path: "--store-endpoint", value: storeEndpoint },
    { path: "--store-user", value: storeUser },
  ].filter(({ value }) => value !== undefined);
  const rule = `needs --store etcd or --store zookeeper: the store is ${store}`;
  return given.map(({ path }) => ({ path, rule }));
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  (typeof value === "string" && value.trim() === "") ||
  (Array.isArray(value) && value.length === 0);

/** Problems with the option that set the key in front of it; without what is said already. */
function named(
  problems: readonly Problem[],
  flags: ReadonlyMap<string, string>,
  said: readonly Problem[],
): Problem[] {
  const hasEndpointProblem = said.some(({ path }) => path === "--store-endpoint");
  return problems
    .filter(({ path }) => path !== "DBEndPoint" || !hasEndpointProblem)
    .map(({ path, rule }) => {
      const option = flags.get(path);
      return { path: option === undefined ? path : `${option} (${path})`, rule };
    });
}

/** A key as the table spells it; case does not matter. One that is not known stays as it is. */
const spellingOf = (written: string): string =>
  configKeys.find(({ key }) => key.toLowerCase() === written.toLowerCase())?.key ?? written;

const isGood = (written: string, value: unknown): boolean =>
  configKeys.find(({ key }) => key === written)?.read(value).ok === true;

const machineDefaults = (input: ConfigInput): Record<string, string> => ({
  // Empty means the user who runs this.
  UserName: "",
  DBType: "embedded",
  DataDir: input.storeDir,
  SecretKeyFile: input.keyFile,
  ArtifactIP: "127.0.0.1",
  ArtifactPort: String(upDefaults.artifactPort),
  HTTPBind: "127.0.0.1",
  HTTPPort: String(upDefaults.httpPort),
  NodePath: input.nodePath,
  ...(input.redisPath === null ? {} : { RedisPath: input.redisPath }),
});

function fixedPortProblem(config: Config): ReturnType<typeof refused> | null {
  const rule = "must not be 0 with mrr up: it says where things are before they are there";
  if (config.httpPort === 0) return refused("HTTPPort", rule);
  if (config.artifactPort === 0) return refused("ArtifactPort", rule);
  return null;
}
