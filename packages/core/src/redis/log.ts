/**
 * Owns what the lines of a redis-server's log mean to its supervisor: hints to look now, and why it ended.
 * Not: reading or keeping the log (packages/executor), nor any decision: a hint only hastens a probe.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ErrorCode } from "../error.js";

/** ready: its port answers. replication: something about its master or replicas changed. */
export type LogHint = "ready" | "replication";

/** Lines after which a replica's link or data is another: every step of a sync in between would be a look too many. */
const replicationLine = new RegExp(
  [
    "sync: Finished with success",
    "Successful partial resynchronization",
    "sync: Loading DB in memory",
    "Error condition on socket",
    "Connection (?:with|to) master (?:lost|is lost)",
    "MASTER timeout|Timeout connecting|I/O error|MASTER aborted",
    "Unable to|Failed|failed",
    "enabled \\(user request",
  ].join("|"),
  "i",
);

/** What a line hints at, or null. Wordings of Redis 6.2 to 7.x and of Valkey; an unknown one only costs time. */
export function logHint(line: string): LogHint | null {
  if (line.includes("Ready to accept connections")) return "ready";
  return replicationLine.test(line) ? "replication" : null;
}

/** Longest log line that is kept: the rest says nothing about why a process ended. */
export const logLineCharactersMax = 300;

/** A refused line of the configuration file is quoted by Redis; these hold passwords. */
const secretLine = /^(>>> '(?:user|masterauth|requirepass)\b).*$/i;

/** A line without control characters and without passwords, not cut. */
export function safeLogLine(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go.
  const text = line.replace(/[\u0000-\u001f\u007f]/g, " ").trimEnd();
  return text.replace(secretLine, "$1 ...'");
}

/** {@link safeLogLine}, cut to {@link logLineCharactersMax}. */
export const cleanLogLine = (line: string): string =>
  safeLogLine(line).slice(0, logLineCharactersMax);

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
    pattern: /Address already in use/,
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
    pattern: /Failed listening on port/,
    cause: (_line, port) => ({ code: null, text: `it could not listen on port ${port}` }),
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

/** "FATAL CONFIG FILE ERROR" is followed by the line's number, `>>> 'the line'` and the reason. */
function configCause(lines: readonly string[]): ExitCause | null {
  const start = lines.findIndex((line) => line.includes("FATAL CONFIG FILE ERROR"));
  if (start === -1) return null;
  const quoted = lines.findIndex((line, index) => index > start && line.startsWith(">>> "));
  const directive = quoted === -1 ? "" : (lines[quoted]?.slice(4) ?? "");
  const reason = quoted === -1 ? "" : (lines[quoted + 1] ?? "");
  return { code: null, text: `its configuration was refused: ${directive} ${reason}`.trim() };
}

function causeOf(lines: readonly string[], port: number): ExitCause | null {
  const config = configCause(lines);
  if (config !== null) return config;
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
  if (cause === null) {
    // One that was ended from outside had nothing to say about it.
    const last = code === 0 || signal !== null ? undefined : lines.findLast((line) => line !== "");
    return { code: null, text: last === undefined ? how : `${how}; its last words: ${last}` };
  }
  return { code: cause.code, text: `${cause.text} (${how})` };
}
