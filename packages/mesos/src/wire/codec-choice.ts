/**
 * Owns the choice of an encoding by its name. Called by whoever reads it from a configuration or a header.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { WireCodec, WireContentType } from "./codec.js";
import { jsonCodec } from "./json-codec.js";
import { protobufCodec } from "./protobuf-codec.js";

/** The encodings by the names that configurations give them. */
export const wireContentTypes = {
  protobuf: "application/x-protobuf",
  json: "application/json",
} as const satisfies Readonly<Record<string, WireContentType>>;

/** The codec of an encoding, as clients use it (in JSON, unset fields are left out). */
export function createWireCodec(contentType: WireContentType): WireCodec {
  return contentType === "application/json" ? jsonCodec : protobufCodec;
}
