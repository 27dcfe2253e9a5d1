/**
 * Owns the reading of the recordings under fixtures/wire. Not: what they mean. Called by tests of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Decoded, WireCodec } from "../src/wire/codec.js";
import { jsonCodec } from "../src/wire/json-codec.js";
import { protobufCodec } from "../src/wire/protobuf-codec.js";
import type { MessageName } from "../src/wire/schema.js";

const root = fileURLToPath(new URL("../fixtures/wire/", import.meta.url));

/** The files below a folder of the recordings ("" for all) whose name ends so, as paths relative to fixtures/wire, in order. */
export function recordingPaths(folder: string, ending: string): string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => (folder === "" ? path : `${folder}/${path}`))
    .sort();
}

/** The bytes of one file. */
export function recordingBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(root + path));
}

/** The text of one file. */
export function recordingText(path: string): string {
  return readFileSync(root + path, "utf8");
}

/** The body of a recorded request or an answer that is no stream. */
export function recordingBody(path: string): Uint8Array {
  const bytes = readFileSync(root + path);
  return new Uint8Array(bytes.subarray(bytes.indexOf("\r\n\r\n") + 4));
}

/** The events of a stream as they were decoded when it was recorded. */
export function recordingEvents(path: string): unknown[] {
  return recordingText(path)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** A recorded stream: what its records hold, and in which encoding. */
export interface RecordedStream {
  readonly path: string;
  readonly name: MessageName;
  readonly codec: WireCodec;
}

/** Every stream that was recorded. */
export function recordedStreams(): RecordedStream[] {
  return recordingPaths("", ".recordio").map((path) => ({
    path,
    name: path.includes("operator") ? "master.Event" : eventName(path),
    codec: /^[^/]*pb\//.test(path) ? protobufCodec : jsonCodec,
  }));
}

const eventName = (path: string): MessageName =>
  path.includes("/executor") ? "executor.Event" : "scheduler.Event";

/** What a stream must decode to. Of protobuf streams the recorder wrote 64-bit integers as strings. */
export function expectedEvents({ path, name, codec }: RecordedStream): readonly Decoded<unknown>[] {
  const lines = recordingEvents(path.replace(".recordio", ".events.jsonl"));
  const events = lines.map((line) => (line as { event: unknown }).event);
  if (codec === jsonCodec) return events.map((value) => ({ ok: true, value }));
  const text = (event: unknown) => new TextEncoder().encode(JSON.stringify(event));
  return events.map((event) => jsonCodec.decode(name, text(event)));
}

/** A copy of a value without unknown protobuf fields: what the recorder did not know either. */
export const withoutUnknown = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
