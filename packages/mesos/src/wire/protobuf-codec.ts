/**
 * Owns application/x-protobuf: bytes to checked messages and back, with the same values as the JSON codec.
 * Not: the walks over the schema (protobuf-decode.ts, protobuf-encode.ts). Called by the sessions and by servers of the
 * same protocol.
 * protobufjs reads and writes the bytes; which field is what comes from schema.ts at run time, message by message as they
 * are met. Its own reflection (Root, Type) makes a program start 20 to 30 ms later, so it is only the oracle in the tests; it
 * would read a large event in two thirds of the time (bench/codec.md), which small events never earn back.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, problemsText } from "@mr-redis/core";
import type { Decoded, WireCodec } from "./codec.js";
import { decodeJsonMessage, messageDepthMax } from "./json-decode.js";
import { messagePlan } from "./message-plan.js";
import type { MessageType } from "./message-types.js";
import type { JsonObject } from "./missing-fields.js";
import { decodeProtobufMessage } from "./protobuf-decode.js";
import { encodeProtobufMessage } from "./protobuf-encode.js";
import type { MessageName } from "./schema.js";

/**
 * The protobuf codec. 64-bit integers are numbers and lose digits beyond 2^53 (times in nanoseconds do), NaN is
 * refused, strings are repaired to valid UTF-8, and an enum value without a name in an optional field is unset. What the
 * schema does not know is kept under {@link unknownFields} and written again.
 */
export const protobufCodec: WireCodec = {
  contentType: "application/x-protobuf",
  encode(name, value) {
    const plan = messagePlan(name);
    // A message that was read may be nested deeper when it is sent on inside another one.
    const checked = decodeJsonMessage(plan, value, 2 * messageDepthMax);
    assert(
      checked.ok,
      `cannot encode ${name}: ${checked.ok ? "" : problemsText(checked.problems)}`,
    );
    return encodeProtobufMessage(plan, checked.value);
  },
  decode<Name extends MessageName>(name: Name, bytes: Uint8Array): Decoded<MessageType<Name>> {
    // The walk has checked the value against the schema that the type is generated from.
    return decodeProtobufMessage(messagePlan(name), bytes) as Decoded<JsonObject> as Decoded<
      MessageType<Name>
    >;
  },
};
