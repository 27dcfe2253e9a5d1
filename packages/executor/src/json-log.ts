/**
 * Owns the executor's own log: one JSON line for each call on standard output, which the agent keeps in the sandbox.
 * Not: the logs of the redis-servers (process-log.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { Log } from "./ports.js";

/** Most characters of one line: a message of a stranger cannot fill the sandbox. */
const lineCharactersMax = 4_096;

/** A log that writes its lines with `write`. */
export function createJsonLog(clock: Clock, write: (line: string) => void): Log {
  const line = (level: string, message: string, fields: object): void => {
    const time = new Date(clock.nowMs()).toISOString();
    const text = JSON.stringify({ time, level, msg: message, ...fields });
    write(`${text.slice(0, lineCharactersMax)}\n`);
  };
  return {
    info: (message, fields = {}) => line("info", message, fields),
    error: (message, fields = {}) => line("error", message, fields),
  };
}
