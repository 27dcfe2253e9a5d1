/**
 * Owns the log of this program: one JSON line for an event, as the scheduler's, on standard error; a constant message with
 * values as fields. Not: what is logged. A logger of a few lines, since a proxy on every host should be small.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Values of one line; never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What everything else needs of a log. */
export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Characters of one text that are shown; a line is for people and for tools with limits of their own. */
const charactersMax = 4_000;

const shown = (_key: string, value: unknown): unknown => {
  if (value instanceof Error) return value.message.slice(0, charactersMax);
  if (typeof value === "string" && value.length > charactersMax) {
    return `${value.slice(0, charactersMax)}... (${value.length} characters)`;
  }
  return value;
};

/** Makes a log whose lines go to `write`, which adds the end of the line and never throws. */
export function createLog(nowMs: () => number, write: (line: string) => void): Log {
  const at =
    (level: string) =>
    (fields: LogFields, message: string): void => {
      const time = new Date(nowMs()).toISOString();
      write(JSON.stringify({ level, time, program: "mrr-proxy", ...fields, message }, shown));
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
