/**
 * Owns the tests of Accept and Content-Type; the table is the recordings wire/negotiation, as far as JSON is concerned.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { codecOf, streamCodec } from "./encoding.js";

test.each([
  [undefined, true],
  ["", true],
  ["*/*", true],
  ["application/*", true],
  ["application/json", true],
  ["application/x-protobuf, application/json", true],
  ["application/x-protobuf;q=1.0, application/json;q=0.1", true],
  ["application/json; charset=utf-8", true],
  ["application/json;q=0", false],
  ["text/html", false],
])("Accept: %s is answered in JSON: %s", (accept, expected) => {
  expect(streamCodec(accept)?.contentType === "application/json").toBe(expected);
});

test.each([
  ["application/json", true],
  ["application/json; charset=utf-8", false],
  ["Application/JSON", false],
  ["text/plain", false],
])("Content-Type: %s is taken: %s", (contentType, expected) => {
  expect(codecOf(contentType) !== undefined).toBe(expected);
});
