/**
 * Owns what must be true of the machine before `mrr up` starts anything: free ports, a usable redis-server.
 * Not: the plan itself (plan.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, isAbsolute, join } from "node:path";
import { MrrError } from "@mr-redis/core";

/** A port that is needed: the option and the key of the configuration that change it. */
export interface NeededPort {
  readonly host: string;
  readonly port: number;
  readonly option: string;
  readonly key: string | null;
}

/** Throws MrrError `port-taken` that names every port that cannot be had, its option and its key. */
export async function checkPorts(ports: readonly NeededPort[]): Promise<void> {
  const problems = (await Promise.all(ports.map(portProblem))).filter((text) => text !== null);
  if (problems.length > 0) throw new MrrError("port-taken", problems.join("; "));
}

async function portProblem({ host, port, option, key }: NeededPort): Promise<string | null> {
  const code = await listenOnce(host, port);
  if (code === null) return null;
  const named = key === null ? option : `${option}, ${key}`;
  const change = `choose another with ${option}`;
  if (code === "EADDRINUSE")
    return `port ${port} (${named}) is taken by another program: ${change}`;
  return `port ${port} of ${host} (${named}) cannot be opened (${code}): ${change}`;
}

function listenOnce(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown error"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** A redis-server or valkey-server that will do. */
export interface FoundRedis {
  readonly path: string;
  /** `Redis 7.0.15`, `Valkey 8.0.1`. */
  readonly version: string;
}

/** Names on PATH, in order of preference. */
const programs = ["redis-server", "valkey-server"];

/** `--version` answers in milliseconds; a program that hangs is none. */
const versionMsMax = 5_000;

/** The first of the known programs on `path`; null when there is none. */
export async function findOnPath(
  names: readonly string[],
  path: string | undefined,
): Promise<string | null> {
  for (const name of names) {
    for (const directory of (path ?? "").split(delimiter)) {
      if (directory === "") continue;
      const file = join(directory, name);
      if (await isExecutable(file)) return file;
    }
  }
  return null;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The redis-server that is used when none is configured. */
export const findRedis = (path: string | undefined): Promise<string | null> =>
  findOnPath(programs, path);

const remedy = (): string =>
  process.platform === "darwin"
    ? "install it: brew install redis"
    : "install it: apt-get install redis-server (Debian, Ubuntu), or your system's package";

/**
 * Checks the configured redis-server (a name on `path`, or a file). Throws MrrError `redis-missing` or
 * `redis-too-old`.
 */
export async function checkRedis(
  configured: string,
  path: string | undefined,
): Promise<FoundRedis> {
  const file = isAbsolute(configured) ? configured : await findOnPath([configured], path);
  if (file === null) {
    throw new MrrError("redis-missing", `no ${configured} is found on PATH; ${remedy()}`);
  }
  if (!(await isExecutable(file))) {
    throw new MrrError("redis-missing", `${file} (RedisPath) is no program that can be run`);
  }
  const text = await versionText(file);
  const match = /v=(\d+)\.(\d+)(\.\d+)?/.exec(text);
  if (match === null) {
    throw new MrrError("redis-missing", `${file} does not answer --version like a redis-server`);
  }
  const [number, major, minor] = [match[0].slice("v=".length), Number(match[1]), Number(match[2])];
  const isValkey = /valkey/i.test(text);
  const isNewEnough = isValkey || major > 6 || (major === 6 && minor >= 2);
  if (!isNewEnough) {
    const needed = "6.2 or later, or Valkey, is needed";
    throw new MrrError("redis-too-old", `${file} is Redis ${number}; ${needed}; ${remedy()}`);
  }
  return { path: file, version: `${isValkey ? "Valkey" : "Redis"} ${number}` };
}

function versionText(file: string): Promise<string> {
  return new Promise((resolve) => {
    const limits = { timeout: versionMsMax, maxBuffer: 64 * 1024, killSignal: "SIGKILL" } as const;
    execFile(file, ["--version"], limits, (_error, stdout) => resolve(stdout));
  });
}
