/**
 * Owns the tests of who counts as a web page.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { pageRefusal } from "./page-guard.js";

test.each([
  ["localhost", true],
  ["LOCALHOST:5050", true],
  ["127.0.0.1", true],
  ["127.0.0.7:1", true],
  ["[::1]:5050", true],
  [undefined, true],
  ["", false],
  ["evil.example", false],
  ["evil.example:5050", false],
  ["127.0.0.1.evil.example", false],
  ["localhost.evil.example", false],
  ["localhost.:5050", false],
  ["127.0.0.1:5050@evil.example", false],
  ["192.168.1.2:5050", false],
  ["0.0.0.0:5050", false],
])("on loopback, Host: %s passes: %s", (host, passes) => {
  const refusal = pageRefusal(host === undefined ? {} : { host }, "127.0.0.1");
  expect(refusal === undefined).toBe(passes);
});

test("on another address any Host passes; a request with an Origin never does", () => {
  expect(pageRefusal({ host: "mesos.example:5050" }, "192.168.1.2")).toBeUndefined();
  expect(pageRefusal({ host: "mesos.example:5050" }, "0.0.0.0")).toBeUndefined();
  const origin = "http://127.0.0.1:5050";
  expect(pageRefusal({ host: "127.0.0.1:5050", origin }, "127.0.0.1")).toEqual({
    status: 403,
    text: "Web pages may not use this API: the request has an Origin header",
  });
  expect(pageRefusal({ origin: "null" }, "0.0.0.0")?.status).toBe(403);
});
