/**
 * Owns the file of `mrr create -f`: JSON with the keys of `known`, their case ignored.
 * Not: which values are allowed (the scheduler says so). Called by create.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { open } from "node:fs/promises";
import { MrrError } from "@mr-redis/core";
import type { Io } from "../io.js";

/** Far more than all settings of Redis; the scheduler takes bodies of 1 MiB at most. */
const fileBytesMax = 256 * 1024;

/** The known fields as they stand in the file; a missing one is absent. */
export interface CreateFile {
  readonly distribution?: unknown;
  readonly config?: unknown;
  readonly constraints?: unknown;
  readonly fencing?: unknown;
  readonly onUnreachable?: unknown;
  readonly auth?: unknown;
  readonly tls?: unknown;
}

/** Names as people write them, and as the API has them. */
const known: readonly (readonly [string, keyof CreateFile])[] = [
  ["Distribution", "distribution"],
  ["Config", "config"],
  ["Constraints", "constraints"],
  ["Fencing", "fencing"],
  ["OnUnreachable", "onUnreachable"],
  ["Auth", "auth"],
  ["Tls", "tls"],
];

/** Reads the file. Throws MrrError `invalid-request`; unknown fields are said and left out, as the ancestor did. */
export async function readCreateFile(io: Io, path: string): Promise<CreateFile> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MrrError("invalid-request", `${path} is no JSON: ${why}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MrrError("invalid-request", `${path} must hold an object, like {"Distribution": 2}`);
  }
  const names = known.map(([name]) => name).join(", ");
  const file: { -readonly [Key in keyof CreateFile]: CreateFile[Key] } = {};
  for (const [name, field] of Object.entries(value)) {
    const key = known.find(([written]) => written.toLowerCase() === name.toLowerCase())?.[1];
    if (key !== undefined) file[key] = field;
    else io.stderr.write(`Note: "${name}" in ${path} is ignored; known: ${names}.\n`);
  }
  return file;
}

async function readText(path: string): Promise<string> {
  try {
    const handle = await open(path, "r");
    try {
      return await readStart(path, handle);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof MrrError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const text = `Unable to open file ${path} (${code})`;
    throw new MrrError("invalid-request", text, { cause: error });
  }
}

async function readStart(path: string, handle: Awaited<ReturnType<typeof open>>): Promise<string> {
  const buffer = Buffer.alloc(fileBytesMax + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (length > fileBytesMax) {
      throw new MrrError("invalid-request", `${path} is larger than ${fileBytesMax} bytes`);
    }
    if (bytesRead === 0) return buffer.toString("utf8", 0, length).replace(/^\uFEFF/, "");
  }
}
