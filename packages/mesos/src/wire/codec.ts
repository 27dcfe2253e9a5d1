/**
 * Owns the interface of an encoding of the Mesos v1 messages, and how a refused message is worded.
 * Not: an encoding (json-codec.ts, protobuf-codec.ts). Called by the sessions and by servers of the same protocol.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Problem } from "@mr-redis/core";
import type { MessageType } from "./message-types.js";
import type { MessageName } from "./schema.js";

/** What a message can fail at. `syntax`: the bytes; `convert`: a value does not fit; `missing`: a required field is unset. */
export interface WireProblem extends Problem {
  readonly kind: "syntax" | "convert" | "missing";
  /** Set by the protobuf codec: Mesos words its refusals without details. */
  readonly encoding?: "protobuf";
}

/** A decoded message or what is wrong with it; fits `Parsed` of core. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly WireProblem[] };

/** The names of the two encodings, as Content-Type and Accept have them. */
export type WireContentType = "application/json" | "application/x-protobuf";

/** One encoding of the messages. Decoding never throws; encoding throws for a value that the schema forbids (a defect). */
export interface WireCodec {
  /** The exact value of Content-Type and Accept; Mesos compares it as a string. */
  readonly contentType: WireContentType;
  encode<Name extends MessageName>(name: Name, value: MessageType<Name>): Uint8Array;
  decode<Name extends MessageName>(name: Name, bytes: Uint8Array): Decoded<MessageType<Name>>;
}

/** The problems in the words of Mesos, as in the body of its 400 (`title` is "Call" there). */
export function wireProblemsText(problems: readonly WireProblem[], title = "Call"): string {
  const missing = problems.filter((problem) => problem.kind === "missing");
  const first = problems[0];
  if (first === undefined) return "";
  if (first.encoding === "protobuf") return `Failed to parse body into ${title} protobuf`;
  if (first.kind === "syntax") return first.rule;
  const paths = missing.map((problem) => problem.path).join(", ");
  const text = missing.length > 0 ? `Missing required fields: ${paths}` : first.rule;
  return `Failed to convert JSON into ${title} protobuf: ${text}`;
}
