/**
 * Owns the reading of application/x-protobuf: bytes to a message, by the schema, with the presence rules of proto2.
 * Not: the schema (protobuf-plan.ts), nor the wording for Mesos (codec.ts). Called by protobuf-codec.ts.
 * Source of the rule: protobuf.dev, encoding and proto2 guides. The last value of a single field wins, single messages
 * are merged, lists of numbers come packed or not, a field of another wire type is unknown, an enum value without a
 * name too. Unknown fields are kept (unknown-fields.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { BufferReader, type Reader } from "protobufjs/minimal.js";
import type { Decoded, WireProblem } from "./codec.js";
import { messageDepthMax } from "./json-decode.js";
import type { MessagePlan } from "./message-plan.js";
import { type JsonObject, missingFields } from "./missing-fields.js";
import { type WireField, type WirePlan, wirePlan } from "./protobuf-plan.js";
import { unknownFields } from "./unknown-fields.js";

/**
 * Most fields of one message, all levels together. Two bytes on the wire become an object of a hundred and more, so
 * 64 MiB could fill any memory; an OFFERS event needs about 60 for each offer: 30 000 offers at once.
 */
export const fieldsMax = 2_000_000;

type Draft = Record<string | symbol, unknown>;

/** What the reader gives for 64 bits; a number where the library `long` is not bundled. */
type Long64 = number | { readonly high: number; readonly low: number; readonly unsigned: boolean };

interface Walk {
  readonly reader: Reader;
  /** Where the unknown fields of each message stand: start, end, start, end, ... Made into bytes once, at the end. */
  readonly unknown: Map<Draft, number[]>;
  fieldsLeft: number;
  incomplete: boolean;
}

/** Thrown to leave the walk at the first value that does not fit; never leaves this file. */
class Misfit extends Error {
  readonly kind: WireProblem["kind"];
  constructor(kind: WireProblem["kind"], rule: string) {
    super(rule);
    this.kind = kind;
  }
}

/** The message in the bytes, or why there is none, or all missing required fields. Keeps no reference to `bytes`. */
export function decodeProtobufMessage(plan: MessagePlan, bytes: Uint8Array): Decoded<JsonObject> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new BufferReader(buffer);
  const walk: Walk = { reader, unknown: new Map(), fieldsLeft: fieldsMax, incomplete: false };
  const message: Draft = {};
  try {
    readMessage(wirePlan(plan), message, walk, bytes.length, 1);
  } catch (error) {
    return { ok: false, problems: [faultProblem(error, reader.pos)] };
  }
  const missing = walk.incomplete ? missingFields(plan, message) : [];
  if (missing.length > 0) {
    const problems = missing.map((problem) => ({ ...problem, encoding: "protobuf" }) as const);
    return { ok: false, problems };
  }
  for (const [draft, ranges] of walk.unknown) draft[unknownFields] = joinRanges(bytes, ranges);
  return { ok: true, value: message };
}

/** What the reader throws is a fault of the bytes; anything else is a defect of this program. */
function faultProblem(error: unknown, position: number): WireProblem {
  if (error instanceof Misfit) {
    return { kind: error.kind, path: "", rule: error.message, encoding: "protobuf" };
  }
  const isReaders =
    error instanceof RangeError || (error instanceof Error && error.constructor === Error);
  if (!isReaders) throw error;
  const rule = `${error.message} (at byte ${position})`;
  return { kind: "syntax", path: "", rule, encoding: "protobuf" };
}

function readMessage(plan: WirePlan, message: Draft, walk: Walk, end: number, depth: number): void {
  const { reader } = walk;
  if (depth > messageDepthMax) {
    throw new Misfit("convert", `Nested deeper than ${messageDepthMax} levels`);
  }
  let requiredBits = 0;
  while (reader.pos < end) {
    const start = reader.pos;
    const tag = reader.tag();
    const valueStart = reader.pos;
    countField(walk);
    const field = plan.byNumber[tag >>> 3];
    if (field !== undefined && readField(field, tag & 7, message, walk, depth)) {
      requiredBits |= field.requiredBit;
      continue;
    }
    reader.pos = valueStart;
    reader.skipType(tag & 7, depth, tag >>> 3);
    noteUnknown(walk, message, start, reader.pos);
  }
  // Perhaps an earlier part of the same message has it: the end of the walk looks.
  if (requiredBits !== plan.requiredBits) walk.incomplete = true;
}

/** Reads one value into the message; false when it is not one of this field. */
function readField(
  field: WireField,
  wireType: number,
  message: Draft,
  walk: Walk,
  depth: number,
): boolean {
  const { rule } = field.plan;
  if (rule === "map") return wireType === 2 && readEntry(field, message, walk, depth);
  if (wireType !== field.wireType) {
    return rule === "repeated" && wireType === 2 && readPacked(field, message, walk);
  }
  if (rule === "repeated") {
    const value = readValue(field, undefined, walk, depth);
    if (value !== undefined) listOf(field, message).push(value);
    return value !== undefined;
  }
  const present = field.plan.kind === "message" ? message[field.name] : undefined;
  const value = readValue(field, present, walk, depth);
  if (value !== undefined) message[field.name] = value;
  return value !== undefined;
}

function listOf(field: WireField, message: Draft): unknown[] {
  const list = message[field.name];
  if (Array.isArray(list)) return list;
  const begun: unknown[] = [];
  message[field.name] = begun;
  return begun;
}

function readPacked(field: WireField, message: Draft, walk: Walk): boolean {
  const list = listOf(field, message);
  const outerEnd = enter(walk);
  const end = walk.reader.len;
  while (walk.reader.pos < end) {
    countField(walk);
    const value = readValue(field, undefined, walk, 0);
    if (value !== undefined) list.push(value);
  }
  walk.reader.len = outerEnd;
  return true;
}

/** Reads one entry of a map; a later entry of the same key wins, what is not set counts as empty. */
function readEntry(field: WireField, message: Draft, walk: Walk, depth: number): boolean {
  const { reader } = walk;
  const outerEnd = enter(walk);
  const end = reader.len;
  let key = "";
  let value: unknown;
  while (reader.pos < end) {
    const tag = reader.tag();
    countField(walk);
    if (tag === 10) key = reader.string();
    else if (tag === 16 + field.wireType) value = readValue(field, value, walk, depth);
    else reader.skipType(tag & 7, depth, tag >>> 3);
  }
  reader.len = outerEnd;
  if (value === undefined) {
    // An entry without a value holds an empty message, which may miss something.
    if (field.plan.kind !== "message") return false;
    value = {};
    walk.incomplete = true;
  }
  message[field.name] ??= {};
  const map = message[field.name] as object;
  // Defined, not assigned: the key may be __proto__.
  const property = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(map, key, property);
  return true;
}

/** One value; undefined for an enum value without a name. `present` is what a message is merged into. */
function readValue(field: WireField, present: unknown, walk: Walk, depth: number): unknown {
  const { reader } = walk;
  switch (field.plan.type) {
    case "string":
      return reader.string();
    case "bytes":
      return base64Of(reader.bytes());
    case "bool":
      return reader.bool();
    case "int32":
      return reader.int32();
    case "uint32":
      return reader.uint32();
    case "int64":
      return numberOf(reader.int64());
    case "uint64":
      return numberOf(reader.uint64());
    case "double":
      return readDouble(field, reader);
    default:
      if (field.plan.kind === "enum") return field.enumNames.get(reader.int32());
      return readInner(field, (present ?? {}) as Draft, walk, depth);
  }
}

function readInner(field: WireField, message: Draft, walk: Walk, depth: number): Draft {
  const outerEnd = enter(walk);
  readMessage(field.message(), message, walk, walk.reader.len, depth + 1);
  walk.reader.len = outerEnd;
  return message;
}

/** Reads a length and lets the reader end there; answers where it ended before. */
function enter(walk: Walk): number {
  const { reader } = walk;
  const length = reader.size();
  const outerEnd = reader.len;
  if (length > outerEnd - reader.pos) {
    throw new Misfit("syntax", `a length of ${length} bytes, ${outerEnd - reader.pos} are left`);
  }
  reader.len = reader.pos + length;
  return outerEnd;
}

/** JSON cannot say NaN, and no amount, time or limit can be one. */
function readDouble(field: WireField, reader: Reader): number {
  const value = reader.double();
  if (!Number.isNaN(value)) return value;
  throw new Misfit("convert", `The number for field '${field.name}' is not a number`);
}

/** The nearest number: like in JSON, 64-bit integers beyond 2^53 lose digits. */
function numberOf(value: Long64): number {
  if (typeof value === "number") return value;
  const high = value.unsigned ? value.high >>> 0 : value.high;
  return high * 2 ** 32 + (value.low >>> 0);
}

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

function countField(walk: Walk): void {
  walk.fieldsLeft -= 1;
  if (walk.fieldsLeft < 0) throw new Misfit("convert", `More than ${fieldsMax} fields`);
}

function noteUnknown(walk: Walk, message: Draft, start: number, end: number): void {
  const ranges = walk.unknown.get(message);
  if (ranges === undefined) walk.unknown.set(message, [start, end]);
  else if (ranges.at(-1) === start) ranges[ranges.length - 1] = end;
  else ranges.push(start, end);
}

/** A copy of the ranges, one behind the other. */
function joinRanges(bytes: Uint8Array, ranges: readonly number[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let index = 0; index + 1 < ranges.length; index += 2) {
    parts.push(bytes.subarray(ranges[index], ranges[index + 1]));
  }
  return new Uint8Array(Buffer.concat(parts));
}
