/**
 * Owns what the lines of a redis-server's log mean to its supervisor: hints to look now, and why it ended.
 * Not: reading or keeping the log (packages/executor), nor any decision: a hint only hastens a probe.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ErrorCode } from "../error.js";

/** ready: its port answers. replication: something about its master or replicas changed. */
export type LogHint = "ready" | "replication";

/** What a line hints at, or null. Wordings of Redis 6.2 to 7.x and of Valkey; an unknown one only costs time. */
export function logHint(line: string): LogHint | null {
  if (/Ready to accept connections/.test(line)) return "ready";
  if (/MASTER|REPLICA|master|Master|SYNC|resynchronization/.test(line)) return "replication";
  return null;
}

/** Longest log line that is kept: the rest says nothing about why a process ended. */
export const logLineCharactersMax = 300;

/** A line without control characters and cut to {@link logLineCharactersMax}. */
export function cleanLogLine(line: string): string {
  const cut = line.slice(0, logLineCharactersMax);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go.
  return cut.replace(/[\u0000-\u001f\u007f]/g, " ").trimEnd();
}

/** Why a redis-server ended: a code of the error table where one fits, and a sentence. */
export interface ExitCause {
  readonly code: ErrorCode | null;
  readonly text: string;
}

const causes: readonly {
  readonly pattern: RegExp;
  readonly cause: (line: string, port: number) => ExitCause;
}[] = [
  {
    pattern: /Address already in use|Failed listening on port/,
    cause: (_line, port) => ({
      code: "port-taken",
      text: `port ${port} is taken by another program`,
    }),
  },
  {
    pattern: /Cannot assign requested address/,
    cause: () => ({ code: null, text: "its address does not belong to this host" }),
  },
  {
    pattern:
      /Bad directive|wrong number of arguments|argument must be|Failed opening .*\.conf|can't open config file/i,
    cause: (line) => ({ code: null, text: `its configuration was refused: ${line.trim()}` }),
  },
  {
    pattern: /Out Of Memory allocating/,
    cause: () => ({ code: null, text: "out of memory" }),
  },
  {
    pattern: /crashed by signal/,
    cause: (line) => ({ code: null, text: `it crashed: ${line.trim()}` }),
  },
];

function causeOf(lines: readonly string[], port: number): ExitCause | null {
  for (const { pattern, cause } of causes) {
    const line = lines.find((candidate) => pattern.test(candidate));
    if (line !== undefined) return cause(line, port);
  }
  return null;
}

/** Why a process with this end and these last log lines ended. A clean exit needs no reason from the log. */
export function exitCause(
  code: number | null,
  signal: string | null,
  lines: readonly string[],
  port: number,
): ExitCause {
  const how = signal === null ? `exit code ${code ?? "unknown"}` : `ended by signal ${signal}`;
  const cause = code === 0 ? null : causeOf(lines, port);
  if (cause === null) return { code: null, text: how };
  return { code: cause.code, text: `${cause.text} (${how})` };
}
