/**
 * Owns the key file of `mrr up`: made once, then kept.
 * Not: what is in it and what is done with it (packages/scheduler, secrets/). Called by prepare.ts, which holds the directory.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { MrrError } from "@mr-redis/core";

/** A key of AES-256. */
const keyBytes = 32;

const comment =
  "# Key for the secrets in the store beside this file. Without it they cannot be read: keep it, and let nobody see it.";

/** Makes the file when there is none. It is on the disk before anything is sealed with it. */
export function keepKeyFile(path: string): void {
  if (existsSync(path)) return;
  const draft = `${path}.new`;
  try {
    // An older draft has an unknown mode.
    rmSync(draft, { force: true });
    const file = openSync(draft, "wx", 0o600);
    try {
      writeSync(file, `${comment}\n${randomBytes(keyBytes).toString("base64")}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new MrrError("config-invalid", `${path} cannot be written (${code})`, { cause: error });
  }
}
