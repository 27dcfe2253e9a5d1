/**
 * Owns the working directories below the sandbox: one for each process, mode 0700, and in it the configuration file and,
 * with TLS, certificate and key.
 * Not: the text of a configuration (core/redis/config-file.ts), nor who runs there (spare-shells.ts, redis-process.ts).
 * A configuration holds secrets: only its owner may read it, and it goes with its process.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TlsFiles } from "@mr-redis/core";

/** Directory of the working directories below the sandbox. */
export const workDirectory = "work";

/** The configuration of a redis-server, in its working directory. */
export const configFileName = "redis.conf";

/** With TLS: the certificate of a redis-server and its private key, there too. */
export const pairFileName = "tls.pem";

/** Makes the place of all working directories; what an earlier executor left there is removed. Its absolute path. */
export function makeWorkPlace(sandbox: string): string {
  const place = join(sandbox, workDirectory);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true, mode: 0o700 });
  return place;
}

/** Makes a directory that does not exist yet, for one process. Its absolute path. */
export function makeDirectory(place: string, name: string): string {
  const directory = join(place, name);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** Writes the configuration of the process of this directory. Throws when there is one already: it is another's. */
export function writeConfiguration(directory: string, text: string): void {
  writeFileSync(join(directory, configFileName), text, { flag: "wx", mode: 0o600 });
}

/** Absolute paths of what a process with TLS reads. */
export type TlsPaths = TlsFiles;

/**
 * Writes what the process of this directory shows and trusts by TLS, in place of what is there: each file whole, so that a
 * process that reads meanwhile finds one or the other. The private key goes with the directory.
 */
export function writeTls(
  directory: string,
  { pair, ca }: { readonly pair: string; readonly ca: string },
): TlsPaths {
  const paths = { pair: join(directory, pairFileName), ca: join(directory, "ca.crt") };
  replaceFile(paths.ca, ca);
  replaceFile(paths.pair, pair);
  return paths;
}

function replaceFile(path: string, text: string): void {
  const next = `${path}.next`;
  rmSync(next, { force: true });
  writeFileSync(next, text, { flag: "wx", mode: 0o600 });
  renameSync(next, path);
}

/** Removes the directory of a process that has ended, the configuration first of all. Idempotent. */
export function removeDirectory(directory: string): void {
  try {
    unlinkSync(join(directory, configFileName));
  } catch {
    // There is none, or the next step says why it stays.
  }
  try {
    // Nearly always empty now.
    rmdirSync(directory);
  } catch {
    rmSync(directory, { recursive: true, force: true });
  }
}
