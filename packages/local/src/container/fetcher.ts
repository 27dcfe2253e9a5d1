/**
 * Owns bringing the URIs of a command into the sandbox, one after the other; the first failure ends it.
 * Not: when, nor what a failure means for tasks (agent/). Called by container.ts.
 * Source of the rules: reference section 12.3. `cache` is accepted and downloads directly, as a real agent does
 * when a file does not fit its cache.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { Clock } from "@mr-redis/core";
import type { CommandInfoURI } from "@mr-redis/mesos";
import { defaultPath } from "./environment.js";

/** A download without a byte for this long has failed (the fetcher's stall timeout of a real agent). */
export const stallMsMax = 60_000;

/** Largest file that is downloaded; the cache of a real agent holds 2 GB. */
export const fetchBytesMax = 2 * 1024 ** 3;

/** How an archive is unpacked, by the end of its name. */
const unpackers: readonly {
  readonly suffixes: readonly string[];
  readonly command: (file: string, directory: string) => readonly [string, ...string[]];
}[] = [
  {
    suffixes: [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"],
    command: (file, directory) => ["tar", "-x", "-C", directory, "-f", file],
  },
  {
    suffixes: [".zip"],
    command: (file, directory) => ["unzip", "-o", "-q", "-d", directory, file],
  },
  { suffixes: [".gz"], command: (file) => ["gzip", "-d", "-k", "-f", file] },
];

/** A URI that could not be brought; the message names it and the cause. */
export class FetchError extends Error {
  override readonly name = "FetchError";
}

/** What fetching needs. */
export interface FetchContext {
  readonly directory: string;
  readonly clock: Clock;
  /** Aborted when the container is destroyed meanwhile. */
  readonly signal: AbortSignal;
}

/** Fetches all, in order. Rejects with {@link FetchError}, or with the signal's reason. */
export async function fetchAll(
  uris: readonly CommandInfoURI[],
  context: FetchContext,
): Promise<void> {
  for (const uri of uris) {
    context.signal.throwIfAborted();
    try {
      await fetchOne(uri, context);
    } catch (error) {
      context.signal.throwIfAborted();
      const cause = error instanceof Error ? error.message : String(error);
      throw new FetchError(`${uri.value}: ${cause}`, { cause: error });
    }
  }
}

async function fetchOne(uri: CommandInfoURI, context: FetchContext): Promise<void> {
  const target = targetOf(uri, context.directory);
  await mkdir(dirname(target), { recursive: true });
  await clearTarget(target, context.directory);
  if (/^https?:\/\//.test(uri.value)) {
    await download(uri.value, target, context);
  } else if (uri.value.startsWith("file://")) {
    await copyFile(fileURLToPath(uri.value), target);
  } else if (uri.value.startsWith("/")) {
    await copyFile(uri.value, target);
  } else {
    throw new FetchError("only http, https, file and absolute paths are fetched");
  }
  if (uri.executable === true) {
    await chmod(target, 0o755);
  } else if (uri.extract !== false) {
    await unpack(target, context);
  }
}

/** A query string becomes part of the name, as with a real agent: use `output_file`. */
function targetOf(uri: CommandInfoURI, directory: string): string {
  const name = uri.output_file ?? basename(uri.value);
  const isOutside = name === "" || name.startsWith("/") || name.split("/").includes("..");
  if (isOutside) throw new FetchError(`'${name}' is no name for a file in the sandbox`);
  return join(directory, name);
}

/** An archive may have planted links: neither the file nor its directory may lead out of the sandbox. */
async function clearTarget(target: string, directory: string): Promise<void> {
  const [inside, sandbox] = await Promise.all([realpath(dirname(target)), realpath(directory)]);
  if (inside !== sandbox && !inside.startsWith(`${sandbox}/`)) {
    throw new FetchError("its directory leads out of the sandbox");
  }
  await rm(target, { force: true });
}

async function download(url: string, target: string, context: FetchContext): Promise<void> {
  const stall = new AbortController();
  const touch = () => {
    timer.cancel();
    timer = context.clock.after(stallMsMax, () => stall.abort(new FetchError("it stalled")));
  };
  let timer = context.clock.after(stallMsMax, () => stall.abort(new FetchError("it stalled")));
  const signal = AbortSignal.any([context.signal, stall.signal]);
  let bytes = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      touch();
      bytes += chunk.length;
      done(bytes > fetchBytesMax ? new FetchError("it is larger than 2 GB") : null, chunk);
    },
  });
  try {
    const response = await fetch(url, { signal });
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      throw new FetchError(`the server answered ${response.status}`);
    }
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(target), { signal });
  } catch (error) {
    const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
    throw stall.signal.aborted ? stall.signal.reason : cause;
  } finally {
    timer.cancel();
  }
}

async function unpack(file: string, context: FetchContext): Promise<void> {
  const unpacker = unpackers.find(({ suffixes }) => suffixes.some((end) => file.endsWith(end)));
  if (unpacker === undefined) return;
  const [program, ...args] = unpacker.command(file, context.directory);
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: context.directory,
      env: { PATH: defaultPath },
      stdio: ["ignore", "ignore", "pipe"],
      signal: context.signal,
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-500);
    });
    child.once("error", (error) => {
      const isMissing = "code" in error && error.code === "ENOENT";
      reject(isMissing ? new FetchError(`the program ${program} is not installed`) : error);
    });
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new FetchError(`${program} ended with ${code}: ${said.trim()}`));
    });
  });
}
