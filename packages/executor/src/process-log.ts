/**
 * Owns the log of one redis-server: a file of bounded size, the last lines in memory, each line to a listener.
 * Not: what lines mean (core/redis/log.ts). Called by redis-process.ts.
 * Redis writes to a pipe; lines go to the file together, some moments later, so that a burst of launches does not wait
 * for files. A full disk loses lines, nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import {
  type Clock,
  cleanLogLine,
  exitLogLinesMax,
  logLineCharactersMax,
  safeLogLine,
  type Timer,
} from "@mr-redis/core";

/** Size at which the file is moved to `<path>.1` and begun anew: two of them bound the log of a process. */
export const logFileBytesMax = 1024 * 1024;

/** Longest line that waits for its end: a longer one is cut there. */
const lineCharactersMax = 4 * logLineCharactersMax;

/** Lines wait so long for others before they are written: longer than a redis-server needs to start. */
export const logDelayMs = 200;

/** What waits is written before it grows beyond this size, or a part of the file's. */
const waitingCharactersMax = 16 * 1024;

/** A bounded log. */
export interface ProcessLog {
  /** Takes output as it comes, cut anywhere. */
  write(chunk: Buffer): void;
  /** The last lines, oldest first, at most {@link exitLogLinesMax}. */
  lines(): readonly string[];
  close(): void;
}

/** A log at `path` (mode 0600, begun anew by the first line). `onLine` hears each complete line at once. */
export function openProcessLog(
  path: string,
  clock: Clock,
  onLine: (line: string) => void,
  bytesMax = logFileBytesMax,
): ProcessLog {
  const file = createLogFile(path, bytesMax);
  const waitingMax = Math.min(waitingCharactersMax, bytesMax / 4);
  let timer: Timer | null = null;
  let waiting = "";
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

  const flush = (): void => {
    timer?.cancel();
    timer = null;
    if (waiting !== "") file.append(waiting);
    waiting = "";
  };

  const store = (line: string): void => {
    const text = `${safeLogLine(line)}\n`;
    if (waiting.length + text.length > waitingMax) flush();
    waiting += text;
    timer ??= clock.after(logDelayMs, flush);
  };

  return {
    write(chunk) {
      if (!open) return;
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = (lines.pop() ?? "").slice(0, lineCharactersMax);
      for (const line of lines) store(line);
      for (const line of lines) keep(line);
    },
    lines: () => (rest === "" ? [...tail] : [...tail, cleanLogLine(rest)].slice(-exitLogLinesMax)),
    close() {
      if (!open) return;
      open = false;
      if (rest !== "") store(rest);
      flush();
      file.close();
    },
  };
}

interface LogFile {
  append(text: string): void;
  close(): void;
}

/** A file of at most `bytesMax`, and the one before it. Opened by the first text; never throws. */
function createLogFile(path: string, bytesMax: number): LogFile {
  let fd: number | null = null;
  let bytes = 0;
  return {
    append(text) {
      const chunk = Buffer.from(text);
      try {
        if (fd !== null && bytes + chunk.length > bytesMax) {
          closeSync(fd);
          fd = null;
          renameSync(path, `${path}.1`);
          bytes = 0;
        }
        fd ??= openSync(path, "w", 0o600);
        bytes += writeSync(fd, chunk.subarray(0, bytesMax));
      } catch {
        // Disk full or sandbox gone: the process must not suffer, and the last lines are in memory.
        bytes = bytesMax;
      }
    },
    close() {
      if (fd === null) return;
      closeSync(fd);
      fd = null;
    },
  };
}
