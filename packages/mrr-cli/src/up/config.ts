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
  parseConfig,
  refused,
} from "@mr-redis/core";
import { upDefaults } from "./defaults.js";

/** What the configuration is made of. */
export interface ConfigInput {
  /** Parsed JSON of `--config`; {} for none. */
  readonly file: unknown;
  readonly httpPort: number | undefined;
  readonly artifactPort: number | undefined;
  readonly mesosPort: number;
  /** Directory for the embedded store. */
  readonly storeDir: string;
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
  const content = new Map<string, readonly [key: string, value: unknown]>();
  const set = (key: string, value: unknown): void => {
    content.set(key.toLowerCase(), [key, value]);
  };
  for (const [key, value] of Object.entries(machineDefaults(input))) set(key, value);
  for (const [key, value] of Object.entries(file)) set(key, value);
  const override = (key: "HTTPPort" | "ArtifactPort", flag: number | undefined): void => {
    const [, value] = content.get(key.toLowerCase()) ?? [];
    const isGood = configKeys.find((known) => known.key === key)?.read(value).ok === true;
    if (flag !== undefined && isGood) set(key, String(flag));
  };
  override("HTTPPort", input.httpPort);
  override("ArtifactPort", input.artifactPort);
  const masterKey = "Master";
  const master = `127.0.0.1:${input.mesosPort}`;
  const [, given] = content.get(masterKey.toLowerCase()) ?? [];
  set(masterKey, master);

  const values = Object.fromEntries(content.values());
  const result = parseConfig(values, {});
  if (!result.ok) return result;
  const { config } = result.value;
  const zero = fixedPortProblem(config);
  if (zero !== null) return zero;
  const warnings = [...result.value.warnings];
  if (given !== undefined && given !== master) {
    warnings.push({ key: masterKey, text: `has no effect: mrr up starts its own at ${master}` });
  }
  return { ok: true, value: { content: values, config, warnings } };
}

const machineDefaults = (input: ConfigInput): Record<string, string> => ({
  // Empty means the user who runs this.
  UserName: "",
  DBType: "embedded",
  DataDir: input.storeDir,
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
