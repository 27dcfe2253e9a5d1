/**
 * Owns UUIDs as Mesos wants them: 16 raw bytes (base64 in JSON) that carry an RFC 4122 version 1 to 5.
 * Not: randomness, which is handed in. Called by the executor session and by servers of the same protocol.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, type Parsed, parsed, refused } from "@mr-redis/core";
import { base64ToBytes, bytesToBase64 } from "./base64.js";

/** A version 4 UUID of 16 random bytes, as base64 for a `uuid` field. */
export function uuidFromRandom(random: Uint8Array): string {
  assert(random.length === 16, "a UUID is made of 16 random bytes");
  const bytes = Uint8Array.from(random);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytesToBase64(bytes);
}

/** The 16 bytes of a `uuid` field; refused as Mesos does (`Not a valid UUID`) without a version of 1 to 5. */
export function parseUuid(base64: string): Parsed<Uint8Array> {
  const bytes = base64ToBytes(base64);
  if (!bytes.ok) return bytes;
  const version = (bytes.value[6] ?? 0) >> 4;
  if (bytes.value.length !== 16 || version < 1 || version > 5) {
    return refused("uuid", "Not a valid UUID");
  }
  return parsed(bytes.value);
}

/** The bytes in the usual form with dashes, for logs and ids. */
export function uuidText(bytes: Uint8Array): string {
  assert(bytes.length === 16, "a UUID has 16 bytes");
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
