/**
 * Owns the log of one redis-server: a file of bounded size, the last lines in memory, each line to a listener.
 * Not: what lines mean (core/redis/log.ts). Called by redis-process.ts.
 * Redis writes to a pipe; a line costs one write to the page cache. A full disk loses lines, nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { cleanLogLine, exitLogLinesMax, logLineCharactersMax, safeLogLine } from "@mr-redis/core";

/** Size at which the file is moved to `<path>.1` and begun anew: two of them bound the log of a process. */
export const logFileBytesMax = 1024 * 1024;

/** Longest line that waits for its end: a longer one is cut there. */
const lineCharactersMax = 4 * logLineCharactersMax;

/** A bounded log. */
export interface ProcessLog {
  /** Takes output as it comes, cut anywhere. */
  write(chunk: Buffer): void;
  /** The last lines, oldest first, at most {@link exitLogLinesMax}. */
  lines(): readonly string[];
  close(): void;
}

/** Opens the log at `path` (mode 0600, begun anew). `onLine` hears each complete line. */
export function openProcessLog(
  path: string,
  onLine: (line: string) => void,
  bytesMax = logFileBytesMax,
): ProcessLog {
  let fd = openSync(path, "w", 0o600);
  let fileBytes = 0;
  let open = true;
  let rest = "";
  const decoder = new StringDecoder("utf8");
  const tail: string[] = [];

  const keep = (line: string): void => {
    const clean = cleanLogLine(line);
    if (clean === "") return;
    tail.push(clean);
    if (tail.length > exitLogLinesMax) tail.shift();
    onLine(clean);
  };

  const store = (lines: readonly string[]): void => {
    const chunk = Buffer.from(lines.map((line) => `${safeLogLine(line)}\n`).join(""));
    try {
      if (fileBytes + chunk.length > bytesMax) {
        closeSync(fd);
        renameSync(path, `${path}.1`);
        fd = openSync(path, "w", 0o600);
        fileBytes = 0;
      }
      fileBytes += writeSync(fd, chunk.subarray(0, bytesMax));
    } catch {
      // Disk full or sandbox gone: the process must not suffer, and the last lines are in memory.
      fileBytes = bytesMax;
    }
  };

  return {
    write(chunk) {
      if (!open) return;
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = (lines.pop() ?? "").slice(0, lineCharactersMax);
      if (lines.length > 0) store(lines);
      for (const line of lines) keep(line);
    },
    lines: () => (rest === "" ? [...tail] : [...tail, cleanLogLine(rest)].slice(-exitLogLinesMax)),
    close() {
      if (!open) return;
      open = false;
      if (rest !== "") store([rest]);
      try {
        closeSync(fd);
      } catch {
        // Closed by a failed rotation.
      }
    },
  };
}
