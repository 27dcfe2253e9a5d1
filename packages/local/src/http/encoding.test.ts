/**
 * Owns the tests of Accept and Content-Type; the table is the recordings wire/negotiation.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { codecOf, streamCodec } from "./encoding.js";

const json = "application/json";
const protobuf = "application/x-protobuf";

test.each([
  [undefined, json],
  ["", json],
  ["*/*", json],
  ["application/*", json],
  [json, json],
  [protobuf, protobuf],
  [`${protobuf}, ${json}`, json],
  [`${protobuf};q=1.0, ${json};q=0.1`, json],
  [`${json};q=0, ${protobuf}`, protobuf],
  [`${json}; charset=utf-8`, json],
  [`${json};q=0`, undefined],
  ["text/html", undefined],
])("Accept: %s is answered in %s", (accept, expected) => {
  expect(streamCodec(accept)?.contentType).toBe(expected);
});

test.each([
  [json, true],
  [protobuf, true],
  [`${json}; charset=utf-8`, false],
  ["Application/JSON", false],
  ["text/plain", false],
])("Content-Type: %s is taken: %s", (contentType, expected) => {
  expect(codecOf(contentType) !== undefined).toBe(expected);
});
