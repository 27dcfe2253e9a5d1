/**
 * Owns the proof that every route keeps to who leads: redirects of a standby, refusals while nobody leads, reads from memory.
 * SPDX-License-Identifier: Apache-2.0
 */
import { VirtualClock } from "@mr-redis/testing";
import { expect, test } from "vitest";
import { FakeControlPort, runningView } from "../../test/fake-control-port.js";
import { createLog } from "../log.js";
import type { Stance } from "./port.js";
import { createApiServer } from "./server.js";

function serve(standing: Stance, bind = "127.0.0.1") {
  const port = new FakeControlPort();
  port.put(runningView("ok"));
  port.standing = standing;
  const { app } = createApiServer({
    port,
    corsOrigins: [],
    names: { bind, advertise: "" },
    version: "9.9.9",
    clock: new VirtualClock(),
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
  return { app, port };
}

const requests = [
  ["GET", "/v1/STATUS"],
  ["GET", "/v1/STATUS/ok"],
  ["POST", "/v1/CREATE/a/100/1/0"],
  ["DELETE", "/v1/DELETE/ok"],
  ["PUT", "/v1/UPDATE/ok/SLAVES/2"],
  ["GET", "/v2/instances?limit=1&after=a%20b"],
  ["POST", "/v2/instances?wait=5"],
  ["GET", "/v2/instances/ok?wait=5&until=RUNNING"],
  ["DELETE", "/v2/instances/ok"],
  ["GET", "/v2/instances/ok/connection"],
  ["GET", "/v2/endpoints?limit=1&after=a%20b"],
  ["GET", "/v2/agents"],
  ["GET", "/v2/version"],
  ["GET", "/v2/openapi.json"],
  ["GET", "/v2/nowhere"],
  ["GET", "/"],
] as const;

const isRead = (method: string): boolean => method === "GET";

test.each(requests)("a standby sends %s %s on to the leader", async (method, url) => {
  const { app, port } = serve({
    type: "standby",
    leaderUrl: "http://leader:5656",
    text: "http://leader:5656 (host-b, process 7)",
  });
  const answer = await app.inject({ method, url, payload: method === "POST" ? "{}" : "" });
  expect([answer.statusCode, answer.headers.location, answer.body]).toEqual([
    307,
    `http://leader:5656${url}`,
    "The scheduler at http://leader:5656 leads; ask there",
  ]);
  expect(answer.headers["mr-redis-state-age-ms"]).toBeUndefined();
  expect(port.requests).toEqual([]);
});

test("a standby says who it is, and is healthy", async () => {
  const { app, port } = serve({ type: "standby", leaderUrl: "http://leader:5656", text: "x" });
  port.reason = "standby: x leads";
  const ready = await app.inject({ url: "/readyz" });
  expect([ready.statusCode, ready.json()]).toEqual([
    503,
    {
      ready: false,
      reason: "standby: x leads",
      role: "standby",
      leader: "http://leader:5656",
      stateAgeMs: null,
    },
  ]);
  expect((await app.inject({ url: "/readyz/" })).statusCode).toBe(503);
  expect((await app.inject({ url: "/healthz" })).statusCode).toBe(200);
});

test.each(requests)("while nobody leads %s %s is 503 with the reason", async (method, url) => {
  const { app, port } = serve({ type: "leaderless", reason: "the store does not answer" });
  const answer = await app.inject({ method, url, payload: method === "POST" ? "{}" : "" });
  expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([503, "1"]);
  if (url.startsWith("/v2")) {
    expect(answer.json()).toMatchObject({
      code: "not-ready",
      detail: "the store does not answer",
    });
  } else expect(answer.body).toBe("the store does not answer");
  expect(port.requests).toEqual([]);
});

test.each(requests)("from memory: %s %s reads with its age, or is 503", async (method, url) => {
  const { app, port } = serve({ type: "memory", stateAgeMs: 4_321, reason: "the lease ran out" });
  const answer = await app.inject({ method, url, payload: method === "POST" ? "{}" : "" });
  if (isRead(method)) {
    expect(answer.statusCode).not.toBe(503);
    expect(answer.headers["mr-redis-state-age-ms"]).toBe("4321");
    return;
  }
  const text = "Nothing can be changed now: the lease ran out";
  expect(answer.statusCode).toBe(503);
  if (url.startsWith("/v2")) {
    expect(answer.json()).toMatchObject({ code: "store-unavailable", detail: text });
  } else expect(answer.body).toBe(text);
  expect(port.requests).toEqual([]);
});

test("a leader's reads say their age, its changes do not", async () => {
  const { app } = serve({ type: "leading", stateAgeMs: 12 });
  const read = await app.inject({ url: "/v2/instances/ok" });
  expect([read.statusCode, read.headers["mr-redis-state-age-ms"]]).toEqual([200, "12"]);
  const change = await app.inject({ method: "DELETE", url: "/v2/instances/ok" });
  expect([change.statusCode, change.headers["mr-redis-state-age-ms"]]).toEqual([202, undefined]);
});

test("a request line with a whole address is not sent there", async () => {
  const { app } = serve({ type: "standby", leaderUrl: "http://leader:5656", text: "x" });
  for (const url of ["//elsewhere.example/v1/STATUS", "/\\elsewhere.example/"]) {
    const { headers } = await app.inject({ url: { pathname: url } as never });
    expect(new URL(String(headers.location)).host).toBe("leader:5656");
  }
});

test.each(["/healthz", "/readyz", "/v1/STATUS", "/v2/version", "/v2/openapi.json", "/"])(
  "%s under a name that a page made point here is refused",
  async (url) => {
    const { app } = serve({ type: "leading", stateAgeMs: 0 });
    const answer = await app.inject({ url, headers: { host: "rebound.example:5656" } });
    expect([answer.statusCode, answer.body]).toEqual([403, expect.stringMatching(/localhost/)]);
    const preflight = await app.inject({
      method: "OPTIONS",
      url,
      headers: { host: "rebound.example", "access-control-request-method": "POST" },
    });
    expect(preflight.statusCode).toBe(403);
    const open = serve({ type: "leading", stateAgeMs: 0 }, "0.0.0.0").app;
    expect((await open.inject({ url, headers: { host: "any.example" } })).statusCode).not.toBe(403);
  },
);
