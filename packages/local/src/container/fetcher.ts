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
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { Clock } from "@mr-redis/core";
import type { CommandInfoURI } from "@mr-redis/mesos";
import { defaultPath } from "./environment.js";

/** A download without a byte for this long has failed (the fetcher's stall timeout of a real agent). */
export const stallMsMax = 60_000;

/** Largest file that is downloaded; the cache of a real agent holds 2 GB. */
export const fetchBytesMax = 2 * 1024 ** 3;

/** Redirections that are followed for one file. */
export const redirectionsMax = 10;

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

/**
 * With node:http and not with fetch(): that of Node 20 forgets to answer, once in some hundred times, when the server
 * dies while garbage is collected.
 */
async function download(url: string, target: string, context: FetchContext): Promise<void> {
  const abort = new AbortController();
  const passOn = () => abort.abort(context.signal.reason);
  context.signal.addEventListener("abort", passOn, { once: true });
  const stallLater = () =>
    context.clock.after(stallMsMax, () => abort.abort(new FetchError("it stalled")));
  let timer = stallLater();
  let bytes = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      timer.cancel();
      timer = stallLater();
      bytes += chunk.length;
      done(bytes > fetchBytesMax ? new FetchError("it is larger than 2 GB") : null, chunk);
    },
  });
  const { signal } = abort;
  try {
    const response = await getFollowing(url, signal);
    await pipeline(response, watch, createWriteStream(target), { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    timer.cancel();
    context.signal.removeEventListener("abort", passOn);
  }
}

/** The answer with status 200, redirections followed. */
async function getFollowing(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  let next = new URL(url);
  for (let count = 0; count <= redirectionsMax; count += 1) {
    const response = await get(next, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return response;
    response.destroy();
    const { location } = headers;
    if (statusCode < 300 || statusCode > 399 || location === undefined) {
      throw new FetchError(`the server answered ${statusCode}`);
    }
    next = new URL(location, next);
    if (!/^https?:$/.test(next.protocol)) throw new FetchError("it is redirected elsewhere");
  }
  throw new FetchError(`it is redirected more than ${redirectionsMax} times`);
}

function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    // A connection of its own: one that was kept may be that of a server that has just died.
    request(url, { signal, agent: false }, resolve).on("error", reject).end();
  });
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
