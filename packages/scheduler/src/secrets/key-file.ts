/**
 * Owns the form of a key file: which keys it holds, and what is wrong with it, by its lines. Pure.
 * Not: reading the file (open-keys.ts), nor what is done with the keys (secret-keys.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { type Parsed, type Problem, parsed } from "@mr-redis/core";

/** Bytes of a key: AES-256. */
export const keyBytes = 32;

/** Most keys: each but the first is there only until nothing is sealed with it any more. */
export const keysMax = 100;

/** Largest key file: a hundred keys, and ten times as much of comments. */
export const keyFileBytesMax = 64 * 1024;

/** Problems that are told at once; a file that is none of ours has one in each line. */
const problemsMax = 20;

/** One key. */
export interface SealingKey {
  /** Names it in sealed texts, errors and logs: the first 4 bytes of its SHA-256, in hexadecimal digits. */
  readonly id: string;
  readonly key: Buffer;
}

/** A key by its bytes. */
export const sealingKeyOf = (key: Buffer): SealingKey => ({
  id: createHash("sha256").update(key).digest("hex").slice(0, 8),
  key,
});

/** 32 bytes have one form in base64. */
const keyPattern = /^[A-Za-z0-9+/]{43}=$/;

/**
 * Reads a key file: lines of 32 bytes in base64, empty ones and such that begin with `#`. At least one key, none twice.
 * The problems name the line; nothing of it is repeated, for it is a secret, or nearly one.
 */
export function parseKeyFile(text: string): Parsed<readonly SealingKey[]> {
  const problems: Problem[] = [];
  const keys: SealingKey[] = [];
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const path = `line ${index + 1}`;
    const key = Buffer.from(line, "base64");
    // The last digit of a text of 32 bytes has two bits that mean nothing: one form only.
    if (!keyPattern.test(line) || key.toString("base64") !== line) {
      problems.push({
        path,
        rule: "must be 32 bytes in base64, as `openssl rand -base64 32` prints",
      });
      continue;
    }
    const sealing = sealingKeyOf(key);
    if (keys.some(({ id }) => id === sealing.id)) {
      problems.push({ path, rule: "holds the key of an earlier line" });
    } else keys.push(sealing);
    if (keys.length > keysMax || problems.length > problemsMax) break;
  }
  if (keys.length > keysMax) {
    problems.push({ path: "file", rule: `must hold at most ${keysMax} keys` });
  }
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, problemsMax) };
  if (keys.length > 0) return parsed(keys);
  return { ok: false, problems: [{ path: "file", rule: "must hold at least one key" }] };
}
