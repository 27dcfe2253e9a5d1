/**
 * Owns the writing of application/x-protobuf: a checked message to bytes, fields in the order of their numbers.
 * Not: the check of the value (json-decode.ts). Called by protobuf-codec.ts.
 * Presence is proto2's: what is set is written, zero, false and "" too; what is unset is not.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import { Writer } from "protobufjs/minimal.js";
import type { MessagePlan } from "./message-plan.js";
import { isJsonObject, type JsonObject } from "./missing-fields.js";
import { type WireField, type WirePlan, wirePlan } from "./protobuf-plan.js";
import { unknownFieldsOf } from "./unknown-fields.js";

/** The bytes of a message that fits its schema. Fields that only JSON had are not written; protobuf's own unknown ones are. */
export function encodeProtobufMessage(plan: MessagePlan, message: JsonObject): Uint8Array {
  const writer = Writer.create();
  writeMessage(wirePlan(plan), message, writer);
  const bytes = writer.finish();
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeMessage(plan: WirePlan, message: JsonObject, writer: Writer): void {
  for (const field of plan.ordered) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.plan.rule === "map") writeMap(field, value, writer);
    else if (field.plan.rule === "repeated") writeList(field, value, writer);
    else writeValue(field, value, writer.uint32(field.tag));
  }
  const unknown = unknownFieldsOf(message);
  if (unknown !== undefined) writer.raw(unknown);
}

function writeList(field: WireField, list: unknown, writer: Writer): void {
  assert(Array.isArray(list), `${field.name} is a list`);
  for (const value of list) writeValue(field, value, writer.uint32(field.tag));
}

function writeMap(field: WireField, map: unknown, writer: Writer): void {
  assert(isJsonObject(map), `${field.name} is a map`);
  for (const [key, value] of Object.entries(map)) {
    writer.uint32(field.tag).fork().uint32(10).string(key);
    writeValue(field, value, writer.uint32(16 + field.wireType));
    writer.ldelim();
  }
}

function writeValue(field: WireField, value: unknown, writer: Writer): void {
  switch (typeof value) {
    case "string":
      writeText(field, value, writer);
      return;
    case "number":
      writeNumber(field, value, writer);
      return;
    case "boolean":
      writer.bool(value);
      return;
    default:
      assert(isJsonObject(value), `${field.name} is a message`);
      writeMessage(field.message(), value, writer.fork());
      writer.ldelim();
  }
}

function writeText(field: WireField, value: string, writer: Writer): void {
  if (field.plan.kind === "string") writer.string(value);
  else if (field.plan.kind === "bytes") writer.bytes(Buffer.from(value, "base64"));
  else {
    const number = field.plan.names.get(value);
    assert(number !== undefined, `${field.name} has no value ${value}`);
    writer.int32(number);
  }
}

/** The largest 64-bit integers: as numbers they are rounded up to a power of two that does not fit. */
const int64Max = "9223372036854775807";
const uint64Max = "18446744073709551615";

function writeNumber(field: WireField, value: number, writer: Writer): void {
  switch (field.plan.type) {
    case "double":
      writer.double(value);
      return;
    case "int32":
      writer.int32(value);
      return;
    case "uint32":
      writer.uint32(value);
      return;
    case "int64":
      writer.int64(value >= 2 ** 63 ? int64Max : value);
      return;
    default:
      writer.uint64(value >= 2 ** 64 ? uint64Max : value);
  }
}
