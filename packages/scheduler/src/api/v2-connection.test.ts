/**
 * Owns the proof of `/v2/instances/{name}/connection`: what is told with ports and without, and of whom nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
import { VirtualClock } from "@mr-redis/testing";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { documentOf, FakeControlPort, runningView } from "../../test/fake-control-port.js";
import { createLog } from "../log.js";
import { ConnectionSchema } from "./connection-schema.js";
import { InstanceSchema } from "./schema.js";
import { createApiServer } from "./server.js";

function serve(proxyHost?: string) {
  const port = new FakeControlPort();
  const { app } = createApiServer({
    port,
    clock: new VirtualClock(),
    limits: {},
    corsOrigins: [],
    names: { bind: "127.0.0.1", advertise: "" },
    ...(proxyHost === undefined ? {} : { proxyHost }),
    version: "9.9.9",
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
  const get = async (name: string) => {
    const response = await app.inject({ method: "GET", url: `/v2/instances/${name}/connection` });
    return { status: response.statusCode, json: response.json() };
  };
  return { port, app, get };
}

describe("GET /v2/instances/{name}/connection", () => {
  it("tells of an instance with replicas all that can be pasted", async () => {
    const { port, get } = serve("redis.example");
    port.put(runningView("ok"));
    const { status, json } = await get("ok");
    expect([status, json]).toEqual([
      200,
      {
        name: "ok",
        type: "MS",
        writer: "ready",
        host: "redis.example",
        port: 20_000,
        readPort: 20_001,
        user: null,
        password: null,
        readOnly: null,
        rotatedAt: null,
        previousUntil: null,
        tls: false,
        ca: null,
        url: "redis://redis.example:20000",
        readUrl: "redis://redis.example:20001",
        redisCli: "redis-cli -h redis.example -p 20000",
        ioredis: { host: "redis.example", port: 20_000 },
        problem: null,
        direct: { master: "10.0.0.1:6380", replicas: ["10.0.0.2:6381"] },
      },
    ]);
    expect(Value.Check(ConnectionSchema, json)).toBe(true);
  });

  it("brackets IPv6 where a port follows, and knows no reading at a single", async () => {
    const { port, get } = serve("fd00::7");
    port.put({ document: documentOf("one"), processes: [], unplaced: null });
    const { json } = await get("one");
    expect(json).toMatchObject({
      type: "S",
      writer: "none",
      host: "fd00::7",
      readPort: null,
      readUrl: null,
      url: "redis://[fd00::7]:20000",
      redisCli: "redis-cli -h fd00::7 -p 20000",
      ioredis: { host: "fd00::7", port: 20_000 },
      direct: { master: null, replicas: [] },
    });
    expect(Value.Check(ConnectionSchema, json)).toBe(true);
  });

  it("with TLS, tells whom to trust in each form, also where there is no address", async () => {
    const { port, get } = serve("redis.example");
    port.put(runningView("ok"));
    const ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    port.tls = { ca };
    const { json } = await get("ok");
    expect(json).toMatchObject({
      tls: true,
      ca,
      url: "rediss://redis.example:20000",
      readUrl: "rediss://redis.example:20001",
      redisCli: "redis-cli -h redis.example -p 20000 --tls --cacert ca.crt",
      ioredis: { host: "redis.example", port: 20_000, tls: { ca } },
    });
    expect(Value.Check(ConnectionSchema, json)).toBe(true);
    port.tls = { ca: null };
    const unknown = await get("ok");
    expect(unknown.json).toMatchObject({ tls: true, ca: null });
    expect(unknown.json.ioredis).toEqual({ host: "redis.example", port: 20_000, tls: {} });
    port.tls = { ca };
    port.proxyProblem = { code: "no-proxy-ports", text: "set ProxyPorts" };
    expect((await get("ok")).json).toMatchObject({ host: null, ioredis: null, tls: true, ca });
  });

  it("with users, tells their passwords to clients, and puts none on a command line", async () => {
    const { port, get } = serve("redis.example");
    port.put(runningView("ok"));
    port.users = {
      readWrite: { user: "app", password: "pass_word-1" },
      readOnly: { user: "app-readonly", password: "pass_word-2" },
      rotatedAtMs: 0,
      previousUntilMs: 3_600_000,
    };
    const { json } = await get("ok");
    expect(json).toMatchObject({
      user: "app",
      password: "pass_word-1",
      readOnly: { user: "app-readonly", password: "pass_word-2" },
      rotatedAt: "1970-01-01T00:00:00.000Z",
      previousUntil: "1970-01-01T01:00:00.000Z",
      url: "redis://app:pass_word-1@redis.example:20000",
      readUrl: "redis://app-readonly:pass_word-2@redis.example:20001",
      redisCli: "redis-cli -h redis.example -p 20000 --user app",
      ioredis: { host: "redis.example", port: 20_000, username: "app", password: "pass_word-1" },
    });
    expect(Value.Check(ConnectionSchema, json)).toBe(true);
    port.proxyProblem = { code: "no-proxy-ports", text: "set ProxyPorts" };
    expect((await get("ok")).json).toMatchObject({
      host: null,
      user: "app",
      password: "pass_word-1",
      readOnly: { user: "app-readonly", password: "pass_word-2" },
    });
  });

  it("says why there is no address, and still where the servers are", async () => {
    const { port, get } = serve();
    port.proxyProblem = { code: "proxy-ports-exhausted", text: "0 of the 2 ports are free" };
    port.put(runningView("ok"));
    const { status, json } = await get("ok");
    expect([status, json]).toEqual([
      200,
      {
        name: "ok",
        type: "MS",
        writer: "ready",
        host: null,
        port: null,
        readPort: null,
        user: null,
        password: null,
        readOnly: null,
        rotatedAt: null,
        previousUntil: null,
        tls: false,
        ca: null,
        url: null,
        readUrl: null,
        redisCli: null,
        ioredis: null,
        problem: { code: "proxy-ports-exhausted", text: "0 of the 2 ports are free" },
        direct: { master: "10.0.0.1:6380", replicas: ["10.0.0.2:6381"] },
      },
    ]);
    expect(Value.Check(ConnectionSchema, json)).toBe(true);
  });

  it("refuses unknown names, deleted instances, and parameters", async () => {
    const { port, app, get } = serve();
    port.put({
      document: documentOf("gone", { status: "DELETED" }),
      processes: [],
      unplaced: null,
    });
    expect((await get("nobody")).json).toMatchObject({ status: 404, code: "instance-not-found" });
    expect((await get("gone")).json).toMatchObject({ status: 409, code: "instance-deleted" });
    const wrong = await app.inject({ method: "GET", url: "/v2/instances/gone/connection?x=1" });
    expect(wrong.json()).toMatchObject({ status: 400, code: "invalid-request" });
  });
});

it("an instance shows its ports", async () => {
  const { port, app } = serve();
  port.put(runningView("ok", { proxy: { write: 21_000, read: 21_001 } }));
  const { json } = await app.inject({ method: "GET", url: "/v2/instances/ok" });
  expect(json().proxy).toEqual({ write: 21_000, read: 21_001 });
  expect(Value.Check(InstanceSchema, json())).toBe(true);
});
