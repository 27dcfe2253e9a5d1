/**
 * Owns the place where a message keeps the protobuf fields that the schema does not know, and how they compare.
 * Not: reading and writing them (protobuf-decode.ts, protobuf-encode.ts). Called by those and by the algebra of resources.
 * SPDX-License-Identifier: Apache-2.0
 */

/**
 * The key of the raw bytes (tags included) of all unknown fields of a protobuf message, enum values without a name
 * among them. It is a symbol, so nothing in a JSON body can claim to be it, and JSON output does not show it; it is
 * enumerable, so `{ ...message }` keeps it: a copied or split resource goes back to Mesos whole.
 */
export const unknownFields: unique symbol = Symbol("unknown protobuf fields");

/** The raw unknown fields of a message; undefined when it has none. */
export function unknownFieldsOf(message: object): Uint8Array | undefined {
  const bytes: unknown = Reflect.get(message, unknownFields);
  return bytes instanceof Uint8Array ? bytes : undefined;
}

/** True when both messages carry the same unknown fields, byte for byte. */
export function equalUnknownFields(a: object, b: object): boolean {
  const left = unknownFieldsOf(a);
  const right = unknownFieldsOf(b);
  if (left === undefined || right === undefined) return left === right;
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
