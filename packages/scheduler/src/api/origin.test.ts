/**
 * Owns the table of which web pages may change something, and of CORS on /v2. The lists on /v1 are in v1.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { hostRefusal, judgeOrigin } from "./origin.js";

const host = "10.0.0.5:5656";
const ours = `http://${host}`;
const foreign = "https://evil.example";

it.each([
  ["no browser", "POST", {}, [], "pass"],
  ["our own page", "POST", { origin: ours }, [], "pass"],
  [
    "our own page behind a proxy",
    "DELETE",
    { origin: "https://p.example", "sec-fetch-site": "same-origin" },
    [],
    "pass",
  ],
  ["a foreign page", "POST", { origin: foreign }, [], "refuse"],
  [
    "a foreign page, by the browser's word",
    "POST",
    { origin: ours, "sec-fetch-site": "cross-site" },
    [],
    "refuse",
  ],
  ["a sibling site", "PUT", { origin: foreign, "sec-fetch-site": "same-site" }, [], "refuse"],
  ["a file or sandbox", "DELETE", { origin: "null" }, [], "refuse"],
  ["another port of our host", "POST", { origin: "http://10.0.0.5:80" }, [], "refuse"],
  ["no URL at all", "POST", { origin: "evil" }, [], "refuse"],
  ["a foreign page that reads", "GET", { origin: foreign }, [], "pass"],
  ["a listed page", "POST", { origin: foreign, "sec-fetch-site": "cross-site" }, [foreign], "pass"],
  ["a page that resembles a listed one", "POST", { origin: `${foreign}.org` }, [foreign], "refuse"],
  ["every page", "POST", { origin: foreign }, ["*"], "pass"],
  [
    "a preflight of a foreign page",
    "OPTIONS",
    { origin: foreign, "access-control-request-method": "PUT" },
    [],
    "preflight",
  ],
] as const)("%s: %s", (_what, method, headers, origins, type) => {
  const request = { method, path: "/v2/instances", headers: { host, ...headers } };
  const verdict = judgeOrigin(origins, request);
  expect(verdict.type).toBe(type);
  const listed = origins.length > 0 && type === "pass";
  expect(verdict.headers["Access-Control-Allow-Origin"]).toBe(listed ? foreign : undefined);
});

it("lets listed pages use what only /v2 has", () => {
  const verdict = judgeOrigin([foreign], {
    method: "OPTIONS",
    path: "/v2/instances",
    headers: {
      origin: foreign,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,idempotency-key",
    },
  });
  expect(verdict).toEqual({
    type: "preflight",
    headers: {
      "Access-Control-Allow-Credentials": "true",
      "Access-Control-Allow-Headers": "content-type,idempotency-key",
      "Access-Control-Allow-Methods": "GET,POST,PUT,DELETE,OPTIONS",
      "Access-Control-Allow-Origin": foreign,
      "Access-Control-Expose-Headers":
        "Content-Length,Access-Control-Allow-Origin,Content-Type,Location,Mr-Redis-State-Age-Ms",
      Vary: "Origin",
    },
  });
});

describe("names of the API (DNS rebinding)", () => {
  const accepted = (bind: string, host: string | undefined, advertise = "") =>
    hostRefusal({ bind, advertise }, host) === null;

  it.each(["127.0.0.1", "127.3.2.1", "localhost", "::1"])("on %s: loopback alone", (bind) => {
    for (const host of ["localhost", "LocalHost:5656", "127.0.0.1:1", "127.9.9.9", "[::1]:5656"]) {
      expect([host, accepted(bind, host)]).toEqual([host, true]);
    }
    const foreign = [
      "rebound.example",
      "rebound.example:5656",
      "localhost.rebound.example:5656",
      "127.0.0.1.rebound.example",
      "10.0.0.1",
      "[::2]:1",
      "",
      "localhost:5656@rebound.example",
    ];
    for (const host of foreign) expect([host, accepted(bind, host)]).toEqual([host, false]);
    // No browser leaves it out.
    expect(accepted(bind, undefined)).toBe(true);
  });

  it("accepts the name that is advertised, too", () => {
    expect(accepted("127.0.0.1", "redis.example:80", "http://redis.example:5656")).toBe(true);
    expect(accepted("127.0.0.1", "other.example", "http://redis.example:5656")).toBe(false);
  });

  it("does not care on other addresses", () => {
    expect(accepted("0.0.0.0", "anything")).toBe(true);
    expect(accepted("10.0.0.1", "anything:1")).toBe(true);
  });

  it("says why", () => {
    expect(hostRefusal({ bind: "127.0.0.1", advertise: "" }, "a.example")).toBe(
      "this API listens on 127.0.0.1 alone, so only localhost, 127.0.0.1 and [::1] are accepted as its name; " +
        "HTTPAdvertise can add one, or HTTPBind open it to others",
    );
  });
});
