/**
 * Owns the reading of the recordings of a real master and agent: requests, answers, events of streams.
 * Not: what is done with them (scenario.ts). The files are those of packages/mesos/fixtures/wire, read in place.
 * Called by the replay.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../../mesos/fixtures/wire");

/** A head and a body. */
export interface HttpMessage {
  /** Request line or status line. */
  readonly startLine: string;
  /** In their order, names as sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** One recorded call. */
export interface RecordedCall {
  /** `json/002-decline` */
  readonly id: string;
  readonly requestBytes: Buffer;
  readonly request: HttpMessage;
  readonly responseBytes: Buffer;
}

/** Splits bytes into head and body; a message without an empty line is all head. */
export function parseHttp(bytes: Buffer): HttpMessage {
  const end = bytes.indexOf("\r\n\r\n");
  const head = (end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
  const [startLine = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { startLine, headers, body: end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4) };
}

/** The value of a header, whatever its case. */
export const headerOf = (message: HttpMessage, name: string): string | undefined =>
  message.headers.find(([own]) => own.toLowerCase() === name.toLowerCase())?.[1];

/** Answers that came one behind the other; the last one may be a stream, with all that came of it. */
export function parseAnswers(bytes: Buffer): readonly HttpMessage[] {
  const answers: HttpMessage[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const whole = parseHttp(rest);
    const length = headerOf(whole, "Content-Length");
    const body = length === undefined ? whole.body : whole.body.subarray(0, Number(length));
    answers.push({ ...whole, body });
    rest = length === undefined ? Buffer.alloc(0) : whole.body.subarray(Number(length));
  }
  return answers;
}

/** The whole chunks of a body, without their framing. */
export function dechunked(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  let rest = body;
  for (;;) {
    const end = rest.indexOf("\r\n");
    if (end < 0) break;
    const length = Number.parseInt(rest.subarray(0, end).toString(), 16);
    if (!(length > 0) || rest.length < end + 2 + length) break;
    chunks.push(rest.subarray(end + 2, end + 2 + length));
    rest = rest.subarray(end + 2 + length + 2);
  }
  return Buffer.concat(chunks);
}

/** All calls of a folder, in order, without their folder: `002-decline`. */
export const callNames = (folder: string): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".request.http"))
    .map((name) => name.slice(0, -".request.http".length))
    .sort();

/** One call by its id. */
export function readCall(id: string): RecordedCall {
  const requestBytes = readFileSync(join(root, `${id}.request.http`));
  const responseBytes = readFileSync(join(root, `${id}.response.http`));
  return { id, requestBytes, request: parseHttp(requestBytes), responseBytes };
}

/** The events of a stream as they were decoded when it was recorded; none for a call that opened no stream. */
export function recordedEvents(id: string): readonly unknown[] {
  const file = join(root, `${id}.events.jsonl`);
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => (JSON.parse(line) as { event: unknown }).event);
}

/** How a recorded stream ended: by its final chunk, or by the end of the connection. */
export const endedByFinalChunk = (call: RecordedCall): boolean =>
  call.responseBytes.subarray(-5).toString() === "0\r\n\r\n";
