/**
 * Owns which encoding a request is in and which one its stream is answered in.
 * Source of the rules: reference section 2.1; recordings wire/negotiation and wire/errors (exact comparison of
 * Content-Type; JSON before protobuf when both are allowed, whatever their weights). Called by the endpoints.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createJsonCodec, protobufCodec, type WireCodec } from "@mr-redis/mesos";

/** The encodings that are built, in the order in which they are preferred. */
export const codecs: readonly WireCodec[] = [createJsonCodec({ defaults: true }), protobufCodec];

/** The codec of a request body; undefined means 415. */
export const codecOf = (contentType: string): WireCodec | undefined =>
  codecs.find((codec) => codec.contentType === contentType);

/** The codec of a stream by the Accept header; undefined means 406. */
export function streamCodec(accept: string | undefined): WireCodec | undefined {
  if (accept === undefined || accept.trim() === "") return codecs[0];
  const allowed = accept.split(",").map((entry) => {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    return { type, isRefused: weight !== undefined && Number(weight) === 0 };
  });
  return codecs.find((codec) => {
    const names = [codec.contentType, "application/*", "*/*"];
    const named = allowed.filter((entry) => names.includes(entry.type));
    return named.length > 0 && !named.some((entry) => entry.isRefused);
  });
}

/** Bodies of 415 and 406 as recorded. */
export const contentTypeText =
  "Expecting 'Content-Type' of application/json or application/x-protobuf";
export const acceptText =
  "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
