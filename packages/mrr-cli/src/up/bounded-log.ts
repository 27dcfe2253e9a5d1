/**
 * Owns a log file that cannot fill the disk: one file and its predecessor, each of limited size.
 * Not: what is written. Called by child.ts with the output of the children.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A day of a busy scheduler; with the predecessor 20 MiB for each program. */
export const logBytesMax = 10 * 1024 * 1024;

/** Appends to a file; beyond the limit the file becomes `<path>.1`, and a new one begins. */
export interface BoundedLog {
  readonly path: string;
  /** Never throws: a full disk loses lines, and stops nothing. */
  write(chunk: Buffer | string): void;
  close(): void;
}

/** Opens `path` for appending; makes its directory. Throws when that is not possible. */
export function openLog(path: string, bytesMax = logBytesMax): BoundedLog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let descriptor = openSync(path, "a", 0o600);
  let bytes = fstatSync(descriptor).size;
  let isClosed = false;
  const rotate = (): void => {
    renameSync(path, `${path}.1`);
    const next = openSync(path, "a", 0o600);
    closeSync(descriptor);
    descriptor = next;
    bytes = 0;
  };
  return {
    path,
    write: (chunk) => {
      if (isClosed) return;
      try {
        if (bytes > 0 && bytes + chunk.length > bytesMax) rotate();
        // Synchronous: lines of a program that dies are in the file before its end is reported.
        bytes += writeSync(descriptor, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      } catch {
        // Nothing better can be done with a log that cannot be written.
      }
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      closeSync(descriptor);
    },
  };
}
