/**
 * Owns the log of the programs in this package: JSON lines by pino, a constant message with values as fields, secrets taken out.
 * Not: what is logged. Made once by main.ts and passed down.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type DestinationStream, type Logger, pino } from "pino";

/** Values of one line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What everything else needs of a log. `message` is constant; values go into `fields`. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** A log whose lines carry these fields too. */
  child(fields: LogFields): Log;
}

/** Levels in the order of their weight; a log shows its own and the heavier ones. */
export const logLevels = ["debug", "info", "warn", "error", "fatal", "silent"] as const;

/** How a log is made. */
export interface LogOptions {
  /** Name of the program, in each line. */
  readonly program: string;
  readonly level: (typeof logLevels)[number];
  /** `stderr`, `stdout`, the path of a file (made with its folder, appended to), or a stream. */
  readonly destination: string | DestinationStream;
}

/** Nested values deeper than this are cut: no value of ours is, and a cycle must not hang the log. */
const depthMax = 8;

/** Entries of one array or object that are shown; a line is for people and for tools with limits of their own. */
const entriesMax = 100;

/** Characters of one text that are shown. */
const charsMax = 4_000;

/** Lines that are kept for a destination that fails; more are dropped until it works again. */
const backlogBytesMax = 1024 * 1024;

const secretKey =
  /secret|password|passwd|masterauth|requirepass|masteruser|authorization|credential|cookie|token/i;

const redactedText = "[redacted]";

/** Makes a log. A destination that fails (full disk, closed pipe) loses lines, never stops the program. */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: { program: options.program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redacted(fields) as Record<string, unknown>,
      },
      // Errors arrive here as plain objects already.
      serializers: { err: (value) => value },
      messageKey: "message",
    },
    openDestination(options.destination),
  );
  return guard(logger);
}

/** pino formats the fields of lines, but not those of children: those are redacted here. */
function guard(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    fatal: (fields, message) => logger.fatal(fields, message),
    child: (fields) => guard(logger.child(redacted(fields) as object)),
  };
}

/** A copy of `value` for the log: keys that name a secret are hidden, errors become objects, sizes are limited. */
export function redacted(value: unknown): unknown {
  return copy(value, 0);
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === "string") {
    return value.length <= charsMax
      ? value
      : `${value.slice(0, charsMax)}... (${value.length} characters)`;
  }
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (depth >= depthMax) return "[deep]";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return copyError(value, depth);
  if (Array.isArray(value)) return copyList(value, depth);
  if (value instanceof Set) return copyList([...value], depth);
  if (value instanceof Map) return copyEntries([...value], depth);
  return copyEntries(Object.entries(value), depth);
}

function copyList(values: readonly unknown[], depth: number): unknown[] {
  const shown = values.slice(0, entriesMax).map((value) => copy(value, depth + 1));
  return values.length <= entriesMax ? shown : [...shown, `... (${values.length} entries)`];
}

function copyEntries(entries: readonly (readonly [unknown, unknown])[], depth: number): object {
  const result: Record<string, unknown> = {};
  for (const [key, value] of entries.slice(0, entriesMax)) {
    const name = String(key);
    result[name] = secretKey.test(name) && value !== null ? redactedText : copy(value, depth + 1);
  }
  if (entries.length > entriesMax) result["..."] = `${entries.length} entries`;
  return result;
}

function copyError(error: Error, depth: number): object {
  const own = copyEntries(
    Object.entries(error).filter(([key]) => key !== "name" && key !== "cause"),
    depth,
  );
  return {
    name: error.name,
    message: copy(error.message, depth),
    stack: copy(error.stack, depth),
    ...own,
    ...(error.cause === undefined ? {} : { cause: copy(error.cause, depth + 1) }),
  };
}

function openDestination(destination: string | DestinationStream): DestinationStream {
  if (typeof destination !== "string") return destination;
  const stream = pino.destination({
    dest: destination === "stderr" ? 2 : destination === "stdout" ? 1 : destination,
    mkdir: true,
    sync: true,
    maxLength: backlogBytesMax,
  });
  stream.on("error", () => {});
  return stream;
}
