/**
 * Tests what a leader says about itself, and that nothing in the store can send a client astray.
 * SPDX-License-Identifier: Apache-2.0
 */
import { hostname } from "node:os";
import { parseConfig } from "@mr-redis/core";
import { holderBytesMax } from "@mr-redis/store";
import fc from "fast-check";
import { expect, test } from "vitest";
import { advertisedUrl, decodeHolder, encodeHolder, proxyHostOf } from "./leader-identity.js";

test("what is encoded is decoded, and fits into the store", () => {
  const holder = encodeHolder(`http://${"x".repeat(250)}:5656`, "run-1", 4_194_304);
  expect(Buffer.byteLength(holder)).toBeLessThanOrEqual(holderBytesMax);
  expect(decodeHolder(encodeHolder("http://[::1]:80", "run-1", 7))).toEqual({
    url: "http://[::1]:80",
    run: "run-1",
    text: `http://[::1]:80 (${hostname()}, process 7)`,
  });
});

test.each([
  "host-a:123",
  "",
  "null",
  "[]",
  '{"url":5,"run":"r"}',
  '{"url":"http://a:1"}',
  '{"url":"javascript:alert(1)","run":"r"}',
  '{"url":"http://a:1/path","run":"r"}',
  '{"url":"http://a:1?x","run":"r"}',
  '{"url":"http://user@a:1","run":"r"}',
  '{"url":"http://a:1\\r\\nx: y","run":"r"}',
  '{"url":"http://a:99999","run":"r"}',
  "\u0000\u001b[31m",
])("%j is no place to send a client to", (holder) => {
  const { url, run, text } = decodeHolder(holder);
  expect([url, run]).toEqual([null, null]);
  expect(text).toMatch(/^[\x20-\x7e]*$/);
});

test("never throws, and a URL is one of HTTP without a path", () => {
  const objects = fc.record({ url: fc.anything(), run: fc.anything(), host: fc.anything() });
  const holders = fc.oneof(
    fc.string(),
    objects.map((each) => JSON.stringify(each)),
  );
  fc.assert(
    fc.property(holders, (holder) => {
      const { url, text } = decodeHolder(holder ?? "");
      expect(text).toMatch(/^[\x20-\x7e]*$/);
      if (url !== null) expect(new URL(url).pathname).toBe("/");
    }),
  );
});

test.each([
  [{}, `http://${hostname()}:81`],
  [{ HTTPBind: "::" }, `http://${hostname()}:81`],
  [{ HTTPBind: "10.0.0.1" }, "http://10.0.0.1:81"],
  [{ HTTPBind: "::1" }, "http://[::1]:81"],
  [{ HTTPAdvertise: "https://redis.example" }, "https://redis.example:443"],
])("%j is advertised as %s", (raw, url) => {
  const parsed = parseConfig(raw, {});
  expect(parsed.ok && advertisedUrl(parsed.value.config, 81)).toBe(url);
});

test.each([
  [{ HTTPBind: "10.0.0.7" }, "10.0.0.7"],
  [{ HTTPBind: "::1" }, "::1"],
  [{ HTTPBind: "0.0.0.0" }, hostname()],
  [{ HTTPBind: "10.0.0.7", HTTPAdvertise: "https://api.example:8443" }, "api.example"],
  [{ HTTPAdvertise: "http://[fd00::7]:5656" }, "fd00::7"],
  [{ HTTPBind: "10.0.0.7", ProxyHost: "redis.example" }, "redis.example"],
])("of %j clients reach the proxies at %s", (raw, host) => {
  const parsed = parseConfig(raw, {});
  expect(parsed.ok && proxyHostOf(parsed.value.config)).toBe(host);
});
