/**
 * Owns the table of conditional and range requests. Source: RFC 9110, sections 13 and 14.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { select } from "./conditional.js";

const etag = '"abc"';
const modifiedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const file = { bytes: 10, etag, modifiedAtMs };
const date = new Date(modifiedAtMs).toUTCString();
const earlier = new Date(modifiedAtMs - 1_000).toUTCString();

const whole = { type: "whole" };
const part = (first: number, last: number) => ({ type: "part", range: { first, last } });
const same = { type: "not-modified" };
const none = { type: "unsatisfiable" };

it.each([
  [{}, whole],
  [{ range: "bytes=0-0" }, part(0, 0)],
  [{ range: "bytes=3-" }, part(3, 9)],
  [{ range: "bytes=3-99" }, part(3, 9)],
  [{ range: "bytes=-4" }, part(6, 9)],
  [{ range: "bytes=-99" }, part(0, 9)],
  [{ range: "bytes=10-" }, none],
  [{ range: "bytes=-0" }, none],
  [{ range: "bytes=5-4" }, whole],
  [{ range: "bytes=-" }, whole],
  [{ range: "bytes=0-1,3-4" }, whole],
  [{ range: "lines=0-1" }, whole],
  [{ range: "bytes=1e1-" }, whole],
  [{ range: "bytes=0-1", "if-range": etag }, part(0, 1)],
  [{ range: "bytes=0-1", "if-range": '"old"' }, whole],
  [{ range: "bytes=0-1", "if-range": 'W/"abc"' }, whole],
  [{ range: "bytes=0-1", "if-range": date }, part(0, 1)],
  [{ range: "bytes=0-1", "if-range": earlier }, whole],
  [{ "if-none-match": etag }, same],
  [{ "if-none-match": `"x", W/${etag}` }, same],
  [{ "if-none-match": "*" }, same],
  [{ "if-none-match": '"x"', "if-modified-since": date }, whole],
  [{ "if-modified-since": date }, same],
  [{ "if-modified-since": earlier }, whole],
  [{ "if-modified-since": "yesterday" }, whole],
  [{ "if-match": '"x"' }, { type: "precondition-failed" }],
  [{ "if-match": etag }, whole],
])("%j -> %j", (headers, selection) => {
  expect(select(headers, file)).toEqual(selection);
});

it("of an empty file there is no part", () => {
  for (const range of ["bytes=0-", "bytes=-5", "bytes=0-0"]) {
    expect(select({ range }, { ...file, bytes: 0 })).toEqual(none);
  }
});

it("never leaves the file, whatever is asked for", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), fc.nat(1_000), (text, from, to, bytes) => {
      for (const range of [text, `bytes=${from}-${to}`, `bytes=-${to}`, `bytes=${text}`]) {
        const selection = select({ range }, { ...file, bytes });
        if (selection.type !== "part") continue;
        const { first, last } = selection.range;
        expect(first >= 0 && first <= last && last < bytes).toBe(true);
      }
    }),
  );
});
