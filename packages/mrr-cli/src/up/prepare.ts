/**
 * Owns everything that `mrr up` finds out and writes before it starts a program: in an order in which a failure
 * leaves nothing behind. Not: starting (run.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { resolve } from "node:path";
import { MrrError, type Parsed, problemsText } from "@mr-redis/core";
import type { Io } from "../io.js";
import { checkPorts, checkRedis, type FoundRedis, findRedis, type NeededPort } from "./checks.js";
import { type MergedConfig, mergeConfig } from "./config.js";
import { keepKeyFile } from "./key-file.js";
import { endLeftovers } from "./leftovers.js";
import { takeLock } from "./lock.js";
import type { UpOptions } from "./options.js";
import { type Machine, planUp, type UpPaths, type UpPlan, upPaths } from "./plan.js";

/** All that is known before the start. `release` gives the data directory back; idempotent. */
export interface Prepared {
  readonly plan: UpPlan;
  readonly paths: UpPaths;
  readonly merged: MergedConfig;
  readonly redis: FoundRedis;
  release(): void;
}

/** Prepares a start. Throws MrrError; then the data directory is not held. */
export async function prepareUp(io: Io, options: UpOptions): Promise<Prepared> {
  const paths = upPaths(resolve(io.cwd, options.dataDir));
  const configPath = options.config === undefined ? null : resolve(io.cwd, options.config);
  const found = await findRedis(io.env.PATH);
  const merged = configured(
    configPath,
    mergeConfig({
      file: configPath === null ? {} : readJson(configPath),
      flags: options,
      storePassword: io.env.MRR_DB_PASSWORD,
      mesosPort: options.mesosPort,
      storeDir: paths.storeDir,
      keyFile: paths.keyFile,
      nodePath: process.execPath,
      redisPath: found,
    }),
  );
  for (const { key, text } of merged.warnings) io.stderr.write(`Note: ${key} ${text}.\n`);
  const plan = configured(configPath, planUp(options, merged.config, machineOf()));
  const { runtime, redisImage, redisPath } = merged.config;
  const redis =
    runtime === "container"
      ? { path: redisImage, version: "in containers" }
      : await checkRedis(redisPath, io.env.PATH);
  const release = await takeDataDir(io, paths);
  try {
    await checkPorts(neededPorts(plan, merged));
    if (merged.config.secretKeyFile === paths.keyFile) keepKeyFile(paths.keyFile);
    writeConfig(paths.configFile, merged.content);
    // It names processes of the last run, which have ended; their ports may be anybody's by now.
    rmSync(paths.proxyState, { force: true });
    return { plan, paths, merged, redis, release };
  } catch (error) {
    release();
    throw error;
  }
}

function configured<T>(configPath: string | null, result: Parsed<T>): T {
  if (result.ok) return result.value;
  const where = configPath === null ? "" : `${configPath}: `;
  throw new MrrError("config-invalid", where + problemsText(result.problems));
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new MrrError("config-invalid", `${path} cannot be read (${code})`, { cause: error });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MrrError("config-invalid", `${path} is no JSON: ${why}`, { cause: error });
  }
}

const mebibyte = 1024 * 1024;

/** Cores and memory of this machine, or of the container that this runs in. */
function machineOf(): Machine {
  const limit = process.constrainedMemory();
  const total = totalmem();
  // Without a limit the number is 0 or larger than the machine.
  const bytes = limit > 0 && limit < total ? limit : total;
  return { cores: availableParallelism(), memoryMib: Math.floor(bytes / mebibyte) };
}

async function takeDataDir(io: Io, paths: UpPaths): Promise<() => void> {
  const { dataDir, lockFile, childrenFile } = paths;
  let lock: ReturnType<typeof takeLock>;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    lock = takeLock(lockFile);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const text = `${dataDir} (--data-dir) cannot be used (${code})`;
    throw new MrrError("config-invalid", text, { cause: error });
  }
  if (lock.type === "taken") {
    const who = lock.pid === 0 ? "" : ` (process ${lock.pid})`;
    const text = `${dataDir} is used by another mrr up${who}: stop it, or choose another --data-dir`;
    throw new MrrError("store-locked", text);
  }
  if (lock.wasStale) io.stderr.write("The last run was killed; what it left is cleaned up.\n");
  const ended = await endLeftovers(childrenFile, io.clock);
  if (ended.length > 0) io.stderr.write(`Ended processes of the last run: ${ended.join(", ")}.\n`);
  return lock.release;
}

function neededPorts(plan: UpPlan, { config }: MergedConfig): NeededPort[] {
  const { mesosPort, proxy } = plan;
  const { httpBind, httpPort, artifactBind, artifactPort } = config;
  return [
    { host: "127.0.0.1", port: mesosPort, option: "--mesos-port", key: null },
    { host: httpBind, port: httpPort, option: "--http-port", key: "HTTPPort" },
    { host: artifactBind, port: artifactPort, option: "--artifact-port", key: "ArtifactPort" },
    // Not the ports of ProxyPorts: they are thousands, most of them unused, and the proxy says which it cannot serve.
    ...(proxy === null
      ? []
      : [{ host: "127.0.0.1", port: proxy.httpPort, option: "--proxy-http-port", key: null }]),
  ];
}

function writeConfig(path: string, content: Readonly<Record<string, unknown>>): void {
  const draft = `${path}.new`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  // An older draft keeps its mode when it is written over.
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}
