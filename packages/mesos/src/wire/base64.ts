/**
 * Owns base64 as Mesos reads and writes it in JSON: alphabet `+/`, white space ignored, `=` ends the text.
 * Not: which fields hold bytes (schema.ts). Called by the JSON codec, uuid.ts and whoever fills a `data` field.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";

/** Of a text whose length is a multiple of four: without groups, which cost four times as much. */
const canonical = /^[A-Za-z0-9+/]*={0,2}$/;

/** Bytes as padded base64, the form of every `bytes` field in JSON. */
export function bytesToBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** The bytes of a base64 text; white space is ignored, anything behind `=` too; other alphabets are refused. */
export function base64ToBytes(text: string): Parsed<Uint8Array> {
  const normal = normalizeBase64(text);
  if (!normal.ok) return normal;
  return parsed(new Uint8Array(Buffer.from(normal.value, "base64")));
}

/** The same bytes as padded base64 without white space. The rule of a refusal is Mesos' own text. */
export function normalizeBase64(text: string): Parsed<string> {
  if (text.length % 4 === 0 && canonical.test(text)) return parsed(text);
  const end = text.indexOf("=");
  const digits = (end === -1 ? text : text.slice(0, end)).replace(/[ \t\n\v\f\r]+/g, "");
  const wrong = /[^A-Za-z0-9+/]/u.exec(digits);
  if (wrong !== null) return refused("", `Invalid character '${wrong[0]}'`);
  return parsed(Buffer.from(digits, "base64").toString("base64"));
}

/** Text as base64 of its UTF-8 bytes (for `data` fields that hold JSON). */
export function textToBase64(text: string): string {
  return bytesToBase64(new TextEncoder().encode(text));
}
