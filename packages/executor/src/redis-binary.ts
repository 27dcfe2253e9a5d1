/**
 * Owns finding the redis-server (or valkey-server) to start, and checking that it is new enough.
 * Not: starting it as a server (redis-process.ts). Called by supervisor.ts before the first spawn.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import {
  isVersionAtLeast,
  MrrError,
  parseRedisVersion,
  type RedisVersion,
  redisVersionMin,
} from "@mr-redis/core";

/** A checked redis-server, and the program that ties its life to its parent's where there is one. */
export interface RedisBinary {
  /** Absolute path. */
  readonly path: string;
  readonly version: RedisVersion;
  /** Absolute path of a setpriv that knows --pdeathsig, or null. */
  readonly setpriv: string | null;
}

/** Where programs are looked for when the environment has no PATH: an executor's environment is nearly empty. */
export const pathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A binary that does not print its version within this time will not serve either. */
const versionTimeoutMs = 5_000;

/** Arguments of setpriv before the program: SIGKILL for it as soon as its parent is gone. */
export const setprivArguments = ["--pdeathsig", "KILL", "--"] as const;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Absolute path of a program, or null. */
export function findProgram(name: string, searchPath: string): string | null {
  if (isAbsolute(name)) return isProgram(name) ? name : null;
  if (name.includes("/")) return null;
  const candidates = searchPath.split(delimiter).filter(isAbsolute);
  return candidates.map((directory) => join(directory, name)).find(isProgram) ?? null;
}

function run(path: string, args: readonly string[], searchPath: string): Promise<string | null> {
  const options = { timeout: versionTimeoutMs, env: { PATH: searchPath }, maxBuffer: 64 * 1024 };
  return new Promise((resolve) => {
    execFile(path, args, options, (error, stdout) => resolve(error === null ? stdout : null));
  });
}

/**
 * Finds and checks the redis-server. `asked` is a path or a name; for null or the plain "redis-server" a valkey-server
 * is as good where there is no redis-server.
 * Throws MrrError `redis-missing` or `redis-too-old`.
 */
export async function findRedisBinary(
  asked: string | null,
  searchPath: string,
): Promise<RedisBinary> {
  const plain = asked === null || asked === "redis-server";
  const names = plain ? ["redis-server", "valkey-server"] : [asked];
  const path = names.map((name) => findProgram(name, searchPath)).find((each) => each !== null);
  if (path === undefined || path === null) {
    const text = `no executable ${names.join(" or ")} on this agent (PATH ${searchPath})`;
    throw new MrrError("redis-missing", text);
  }
  const setpriv = findProgram("setpriv", searchPath);
  // One run tells both whether setpriv can do it and which Redis it is.
  const guarded =
    setpriv === null
      ? null
      : await run(setpriv, [...setprivArguments, path, "--version"], searchPath);
  const output = guarded ?? (await run(path, ["--version"], searchPath));
  const version = output === null ? null : parseRedisVersion(output);
  if (version === null || !version.ok) {
    throw new MrrError("redis-missing", `${path} does not tell a Redis version`);
  }
  const [major, minor] = redisVersionMin;
  if (!isVersionAtLeast(version.value, major, minor)) {
    const text = `${path} is ${version.value.program} ${version.value.text}, needed is ${major}.${minor} or later`;
    throw new MrrError("redis-too-old", text);
  }
  return { path, version: version.value, setpriv: guarded === null ? null : setpriv };
}
