/**
 * Owns application/json: bytes to checked messages and back.
 * Not: the walk over the schema (json-decode.ts, json-encode.ts). Called by the sessions and by servers of the same protocol.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import { type Decoded, type WireCodec, type WireProblem, wireProblemsText } from "./codec.js";
import { decodeJsonMessage, messageDepthMax } from "./json-decode.js";
import { encodeJsonMessage } from "./json-encode.js";
import { messagePlan } from "./message-plan.js";
import type { MessageType } from "./message-types.js";
import type { JsonObject } from "./missing-fields.js";
import type { MessageName } from "./schema.js";

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
    const rule = `Failed to parse body into JSON: ${syntaxText(text, String(error))}`;
    const problem: WireProblem = { kind: "syntax", path: "", rule };
    return { ok: false, problems: [problem] };
  }
}

/** The fault in the words of Mesos, as far as the position is known. Shortened: the text is hostile. */
function syntaxText(text: string, error: string): string {
  const position = faultPosition(text, error);
  const rest = text.slice(position, position + 80);
  if (error.includes("after JSON")) {
    return `Parsed JSON included non-whitespace trailing characters: ${rest}`;
  }
  const line = text.slice(0, position).split("\n").length;
  const near = (rest.split("\n")[0] ?? "").replace(/\p{Cc}/gu, "");
  return `syntax error at line ${line} near: ${near}`;
}

/** Where the JSON breaks; V8 does not always say. Then it is the first character, if that begins no value, or the end. */
function faultPosition(text: string, error: string): number {
  const said = /position (\d+)/.exec(error)?.[1];
  if (said !== undefined) return Number(said);
  const first = text.search(/[^ \t\r\n]/);
  return first !== -1 && !/[[{"\-0-9tfn]/.test(text.charAt(first)) ? first : text.length;
}
