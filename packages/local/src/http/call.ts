/**
 * Owns the first steps that both endpoints share: body, Content-Type, decoding. Called by the endpoints.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage } from "node:http";
import {
  type MessageName,
  type MessageType,
  type WireCodec,
  wireProblemsText,
} from "@mr-redis/mesos";
import type { Refusal } from "./answer.js";
import { readBody } from "./body.js";
import { codecOf, contentTypeText } from "./encoding.js";

/** A decoded call with the encoding it came in, or why it is not taken. */
export type ReadCall<Name extends MessageName> =
  | { readonly ok: true; readonly call: MessageType<Name>; readonly codec: WireCodec }
  | { readonly ok: false; readonly refusal: Refusal };

/** A refused step. */
export const refuse = (
  status: number,
  text: string,
): { readonly ok: false; readonly refusal: Refusal } => ({ ok: false, refusal: { status, text } });

/** Reads a POST's call. The body is read first, whatever is wrong, so that the connection can go on. */
export async function readCall<Name extends MessageName>(
  request: IncomingMessage,
  name: Name,
): Promise<ReadCall<Name>> {
  const body = await readBody(request);
  if (request.method !== "POST") {
    const text = `405 Method Not Allowed. Expecting one of { 'POST' }, but received '${request.method}'.`;
    return refuse(405, text);
  }
  if (!body.ok) return refuse(body.status, body.text);
  const contentType = request.headers["content-type"];
  if (contentType === undefined) return refuse(400, "Expecting 'Content-Type' to be present");
  const codec = codecOf(contentType);
  if (codec === undefined) return refuse(415, contentTypeText);
  const decoded = codec.decode(name, body.bytes);
  return decoded.ok
    ? { ok: true, call: decoded.value, codec }
    : refuse(400, wireProblemsText(decoded.problems));
}
