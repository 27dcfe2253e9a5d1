/**
 * Owns the logs of ended processes: the last ones stay in the sandbox for people, older ones go.
 * Not: the logs of live processes (process-log.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { rmSync } from "node:fs";

/** Logs of ended processes that are kept: at two files of 1 MiB each, at most 40 MiB of a sandbox. */
export const retiredLogsMax = 20;

/** A list of log paths, bounded. */
export interface RetiredLogs {
  /** The process of this log has ended. */
  add(path: string): void;
}

/** Keeps the last {@link retiredLogsMax}; files that are gone already are no problem. */
export function createRetiredLogs(countMax = retiredLogsMax): RetiredLogs {
  const paths: string[] = [];
  return {
    add(path) {
      paths.push(path);
      const oldest = paths.length > countMax ? paths.shift() : undefined;
      if (oldest === undefined) return;
      for (const file of [oldest, `${oldest}.1`]) rmSync(file, { force: true });
    },
  };
}
