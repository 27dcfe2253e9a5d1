/**
 * Owns application/json: bytes to checked messages and back.
 * Not: the walk over the schema (json-decode.ts, json-encode.ts). Called by the sessions and by servers of the same protocol.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import { type Decoded, type WireCodec, type WireProblem, wireProblemsText } from "./codec.js";
import { decodeJsonMessage, excerpt, messageDepthMax } from "./json-decode.js";
import { encodeJsonMessage } from "./json-encode.js";
import { messagePlan } from "./message-plan.js";
import type { MessageType } from "./message-types.js";
import type { JsonObject } from "./missing-fields.js";
import type { MessageName } from "./schema.js";

/**
 * Most values in a body (`,`, `:`, `[` and `{` are counted). Three bytes become an object of fifty and more, so 64 MiB
 * could fill any memory; an OFFERS event needs 100 to 200 for each offer: 30 000 offers at once.
 */
export const jsonValuesMax = 6_000_000;

/** How JSON is written. */
export interface JsonCodecOptions {
  /** Writes unset fields with their proto2 default, as a real master and agent do. Default false. */
  readonly defaults?: boolean;
}

/** The JSON codec of clients: unset fields are left out. */
export const jsonCodec: WireCodec = createJsonCodec();

/** A JSON codec. Its problems carry the texts of Mesos, see `wireProblemsText`. */
export function createJsonCodec(options: JsonCodecOptions = {}): WireCodec {
  const defaults = options.defaults ?? false;
  return {
    contentType: "application/json",
    encode(name, value) {
      const plan = messagePlan(name);
      // A message that was read may be nested deeper when it is sent on inside another one.
      const checked = decodeJsonMessage(plan, value, 2 * messageDepthMax);
      assert(
        checked.ok,
        `cannot encode ${name}: ${checked.ok ? "" : wireProblemsText(checked.problems)}`,
      );
      return new TextEncoder().encode(
        JSON.stringify(encodeJsonMessage(plan, checked.value, defaults)),
      );
    },
    decode<Name extends MessageName>(name: Name, bytes: Uint8Array): Decoded<MessageType<Name>> {
      if (hasTooManyValues(bytes))
        return refusedJson("convert", `More than ${jsonValuesMax} values`);
      const json = parseJson(new TextDecoder().decode(bytes));
      if (!json.ok) return json;
      // The walk has checked the value against the schema that the type is generated from.
      return decodeJsonMessage(messagePlan(name), json.value) as Decoded<JsonObject> as Decoded<
        MessageType<Name>
      >;
    },
  };
}

function parseJson(text: string): Decoded<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    const fault = syntaxText(text, String(error));
    return refusedJson("syntax", `Failed to parse body into JSON: ${fault}`);
  }
}

const refusedJson = (kind: WireProblem["kind"], rule: string): Decoded<never> => ({
  ok: false,
  problems: [{ kind, path: "", rule }],
});

/** Counts what opens or separates values, in strings too: a bound, found before any value takes memory. */
function hasTooManyValues(bytes: Uint8Array): boolean {
  if (bytes.length <= jsonValuesMax) return false;
  let count = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    const isMark = byte === 0x2c || byte === 0x3a || byte === 0x5b || byte === 0x7b;
    if (isMark) count += 1;
  }
  return count > jsonValuesMax;
}

/** The fault in the words of Mesos, as far as the position is known. Shortened: the text is hostile. */
function syntaxText(text: string, error: string): string {
  const position = faultPosition(text, error);
  const rest = excerpt(text, position);
  if (error.includes("after JSON")) {
    return `Parsed JSON included non-whitespace trailing characters: ${rest}`;
  }
  let line = 1;
  for (let at = 0; at < position; at += 1) {
    if (text.charCodeAt(at) === lineFeed) line += 1;
  }
  const near = (rest.split("\n")[0] ?? "").replace(/\p{Cc}/gu, "");
  return `syntax error at line ${line} near: ${near}`;
}

/** Where the JSON breaks; V8 does not always say. Then it is the first character, if that begins no value, or the end. */
function faultPosition(text: string, error: string): number {
  const said = /position (\d+)/.exec(error)?.[1];
  if (said !== undefined) return Number(said);
  // Without a regular expression: the engine keeps the text of the last match, and this one is large.
  let first = 0;
  while (first < text.length && isSpace(text.charCodeAt(first))) first += 1;
  return /[[{"\-0-9tfn]/.test(text.charAt(first)) ? text.length : first;
}

const lineFeed = 0x0a;
const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x09 || code === 0x0d || code === lineFeed;
