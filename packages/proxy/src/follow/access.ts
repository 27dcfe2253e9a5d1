/**
 * Owns what is sent to and trusted of a scheduler that asks for tokens or has TLS: both in files, read for each request, so
 * that new ones count at once. Not: the requests (request.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { isToken, MrrError } from "@mr-redis/core";
import type { RequestAccess } from "./request.js";

/** Paths; null: none. */
export interface AccessFiles {
  /** Holds a token with the role read; nothing else is on its line. */
  readonly tokenFile: string | null;
  /** Certificates (PEM) of the authorities that count for https. */
  readonly caFile: string | null;
}

/** The system's whole list of authorities has 0.2 MB. */
const fileBytesMax = 4 * 1024 * 1024;

/**
 * What requests need. Throws MrrError `config-invalid` when a file is not good now; what is not good later on is ignored, and
 * the last good one counts. The token is never shown.
 */
export function accessOf(files: AccessFiles): Pick<RequestAccess, "headers" | "ca"> {
  const token = reader("TokenFile", files.tokenFile, (text) => {
    if (!isToken(text)) throw new Error("it holds no token: one line of 32 or more letters");
  });
  const ca = reader("CaFile", files.caFile, (text) => {
    if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error("it holds no certificate");
  });
  return {
    ...(token === null ? {} : { headers: () => ({ authorization: `Bearer ${token()}` }) }),
    ...(ca === null ? {} : { ca }),
  };
}

function reader(
  key: string,
  path: string | null,
  check: (text: string) => void,
): (() => string) | null {
  if (path === null || path === "") return null;
  const read = (): string => {
    const text = readBounded(path).trim();
    check(text);
    return text;
  };
  let last: string;
  try {
    last = read();
  } catch (error) {
    const { message } = error as Error;
    throw new MrrError("config-invalid", `${key} ${path}: ${message}`, { cause: error });
  }
  return () => {
    try {
      last = read();
    } catch {
      // In the middle of being replaced, or gone: the scheduler says whether the last one still counts.
    }
    return last;
  };
}

function readBounded(path: string): string {
  // Not blocking: a named pipe must not hold the program.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new Error("it is no regular file");
    if (stat.size > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}
