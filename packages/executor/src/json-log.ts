/**
 * Owns the executor's own log: one JSON line for each call on standard output, which the agent keeps in the sandbox.
 * Not: the logs of the redis-servers (process-log.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { Log } from "./ports.js";

/** Most characters of one line: a message of a stranger cannot fill the sandbox. */
const lineCharactersMax = 4_096;

/** Text that waits is written at once beyond this size. */
const waitingCharactersMax = 64 * 1024;

/** A log whose lines of one turn of the event loop are written together: a write for each would cost a launch half its time. */
export interface JsonLog extends Log {
  /** Writes what waits; called before the program ends. */
  flush(): void;
}

/** A log that writes its lines with `write`. */
export function createJsonLog(clock: Clock, write: (text: string) => void): JsonLog {
  let waiting = "";
  const flush = (): void => {
    const text = waiting;
    waiting = "";
    if (text !== "") write(text);
  };
  const line = (level: string, message: string, fields: object): void => {
    const time = new Date(clock.nowMs()).toISOString();
    const text = JSON.stringify({ time, level, msg: message, ...fields });
    if (waiting === "") clock.after(0, flush);
    waiting += `${text.slice(0, lineCharactersMax)}\n`;
    if (waiting.length > waitingCharactersMax) flush();
  };
  return {
    info: (message, fields = {}) => line("info", message, fields),
    error: (message, fields = {}) => line("error", message, fields),
    flush,
  };
}
