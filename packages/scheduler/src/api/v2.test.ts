/**
 * Owns the proof of the /v2 contract: shapes, statuses, problems, waiting, idempotency, the OpenAPI document.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { errorTable, type InstanceView } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import {
  documentOf,
  FakeControlPort,
  runningView,
  secretText,
  storeDown,
} from "../../test/fake-control-port.js";
import { createLog } from "../log.js";
import type { ApiLimits } from "./limits.js";
import * as schema from "./schema.js";
import { UpgradeSchema } from "./schema-upgrade.js";
import { createApiServer } from "./server.js";

function serve(limits: Partial<ApiLimits> = {}) {
  const port = new FakeControlPort();
  const clock = new VirtualClock();
  const { app } = createApiServer({
    port,
    clock,
    limits,
    corsOrigins: [],
    names: { bind: "127.0.0.1", advertise: "" },
    version: "9.9.9",
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
  const get = (url: string) => app.inject({ method: "GET", url });
  const create = (body: unknown, { query = "", key = "" } = {}) =>
    app.inject({
      method: "POST",
      url: `/v2/instances${query}`,
      headers: key === "" ? {} : { "idempotency-key": key },
      payload: typeof body === "string" ? body : JSON.stringify(body),
    });
  /** Lets requests run until `condition`; inject is asynchronous but needs no time. */
  const until = async (condition: () => boolean) => {
    for (let turn = 0; turn < 1_000 && !condition(); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(condition()).toBe(true);
  };
  return { port, clock, app, get, create, until };
}

const small = { name: "a", memory: 100, slaves: 0 };

const withStatus = (view: InstanceView, status: InstanceView["document"]["status"]) => ({
  ...view,
  document: { ...view.document, status },
});

const candidate = {
  processId: "ok::m",
  hostname: "h1",
  offset: 77,
  dataEpoch: 1,
  diverged: false,
};

const masterJson = {
  id: "ok::m",
  role: "master",
  state: "running",
  ip: "10.0.0.1",
  port: 6380,
  agentId: "agent-10.0.0.1",
  hostname: "host-10.0.0.1",
  ready: true,
  memoryUsedBytes: 1904432,
  uptimeSeconds: 1623,
  clients: 1,
  lastIoSeconds: 0,
  linkUp: null,
};

const replicaJson = {
  id: "ok::r",
  role: "replica",
  state: "running",
  ip: "10.0.0.2",
  port: 6381,
  agentId: "agent-10.0.0.2",
  hostname: "host-10.0.0.2",
  ready: true,
  memoryUsedBytes: 834904,
  uptimeSeconds: 1619,
  clients: 2,
  lastIoSeconds: 9,
  linkUp: true,
};

describe("GET /v2/instances/{name}", () => {
  it("shows everything that there is, but no secret", async () => {
    const { port, get } = serve();
    const view = runningView("ok", {
      status: "DEGRADED",
      reason: { code: "replica-missing", text: "1 of 2 replicas is missing" },
      failovers: [
        {
          epoch: 2,
          oldMaster: "ok::x",
          newMaster: "ok::m",
          because: { code: "master-exited", text: "exit code 1" },
          startedAtMs: Date.UTC(2026, 10, 22, 11),
          kind: "death",
          seen: [],
          steps: [{ name: "committed", atMs: Date.UTC(2026, 10, 22, 11) + 12 }],
          candidates: [candidate],
          bytesGivenUp: 5,
          writerlessMs: null,
        },
      ],
    });
    port.put({
      ...view,
      unplaced: {
        instance: "ok",
        missing: 1,
        because: { code: "too-few-agents", text: "needs 3 agents, 2 are known" },
        agents: [{ agentId: "g1", hostname: "h1", text: "holds 1 already" }],
      },
    });
    const response = await get("/v2/instances/ok");
    expect(response.statusCode).toBe(200);
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(response.json()).toEqual({
      name: "ok",
      type: "MS",
      status: "DEGRADED",
      reason: { code: "replica-missing", text: "1 of 2 replicas is missing" },
      memory: 200,
      slaves: 1,
      masters: 1,
      distribution: null,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
      auth: false,
      tls: false,
      constraints: [],
      epoch: 1,
      createdAt: "2026-11-22T10:00:00.000Z",
      master: masterJson,
      replicas: [replicaJson],
      processes: [masterJson, replicaJson],
      unplaced: {
        missing: 1,
        text: "needs 3 agents, 2 are known",
        agents: [{ agentId: "g1", hostname: "h1", text: "holds 1 already" }],
      },
      proxy: null,
      failovers: [
        {
          epoch: 2,
          oldMaster: "ok::x",
          newMaster: "ok::m",
          because: { code: "master-exited", text: "exit code 1" },
          startedAt: "2026-11-22T11:00:00.000Z",
          kind: "death",
          seen: [],
          steps: [{ name: "committed", atMs: 12 }],
          candidates: [candidate],
          bytesGivenUp: 5,
          writerlessMs: null,
        },
      ],
    });
    expect(response.body).not.toContain(secretText);
    expect(Value.Check(schema.InstanceSchema, response.json())).toBe(true);
  });

  it("says null where nothing is known", async () => {
    const { port, get } = serve();
    const view = runningView("ok", { masterId: null });
    port.put({
      ...view,
      processes: view.processes.map((process) => ({ ...process, report: null, ready: false })),
    });
    const json = (await get("/v2/instances/ok")).json();
    expect(json.master).toBe(null);
    expect(json.replicas[0]).toEqual({
      ...masterJson,
      ready: false,
      memoryUsedBytes: null,
      uptimeSeconds: null,
      clients: null,
      lastIoSeconds: null,
    });
    expect(Value.Check(schema.InstanceSchema, json)).toBe(true);
  });

  it("answers 404 as problem details", async () => {
    const response = await serve().get("/v2/instances/nobody");
    expect(response.statusCode).toBe(404);
    expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(response.json()).toEqual({
      type: "urn:mr-redis:error:instance-not-found",
      title: "Instance not found",
      status: 404,
      detail: "Instance nobody does not exist.",
      code: "instance-not-found",
      help: errorTable["instance-not-found"].help,
    });
  });
});

describe("GET /v2/instances", () => {
  it("pages in the order of names and filters", async () => {
    const { port, get } = serve();
    for (const name of ["c", "a", "b"]) port.put(runningView(name));
    port.put({ document: documentOf("d"), processes: [], unplaced: null });
    const page = async (query: string) => {
      const json = (await get(`/v2/instances${query}`)).json();
      expect(Value.Check(schema.InstanceListSchema, json)).toBe(true);
      return [json.instances.map(({ name }: { name: string }) => name), json.next];
    };
    expect(await page("")).toEqual([["a", "b", "c", "d"], null]);
    expect(await page("?limit=2")).toEqual([["a", "b"], "b"]);
    expect(await page("?limit=2&after=b")).toEqual([["c", "d"], null]);
    expect(await page("?status=CREATING")).toEqual([["d"], null]);
  });

  it.each([
    ["?limit=0", "limit", "must be a whole number from 1 to 500"],
    ["?limit=501", "limit", "must be a whole number from 1 to 500"],
    ["?limit=many", "limit", "must be a whole number from 1 to 500"],
    ["?limit=1&limit=2", "limit", "must be a whole number from 1 to 500"],
    ["?limit=", "limit", "must be a whole number from 1 to 500"],
    ["?status=running", "status", `must be one of ${schema.statusWords.join(", ")}`],
    [`?after=${"x".repeat(256)}`, "after", "must be one text of at most 255 characters"],
    ["?page=2", "page", "is unknown; known are limit, after, status"],
    ["?__proto__=2", "__proto__", "is unknown; known are limit, after, status"],
  ])("refuses %s", async (query, path, rule) => {
    const response = await serve().get(`/v2/instances${query}`);
    expect(response.statusCode).toBe(400);
    expect(response.json().problems).toEqual([{ path, rule }]);
  });
});

describe("POST /v2/instances", () => {
  it("answers 201 with the instance and its place", async () => {
    const { port, create } = serve();
    const response = await create({
      ...small,
      slaves: 2,
      distribution: 2,
      config: { "maxmemory-policy": "allkeys-lru" },
      constraints: [
        ["rack", "spread"],
        ["zone", "IN", "z1, z2"],
      ],
    });
    expect(response.statusCode).toBe(201);
    expect(response.headers.location).toBe("/v2/instances/a");
    expect(response.json()).toMatchObject({
      name: "a",
      type: "MS",
      status: "CREATING",
      memory: 100,
      slaves: 2,
      distribution: 2,
      config: { "maxmemory-policy": "allkeys-lru" },
      constraints: [
        ["rack", "SPREAD"],
        ["zone", "IN", "z1,z2"],
      ],
      master: null,
    });
    expect(port.requests).toHaveLength(1);
  });

  it("reports every problem at once", async () => {
    const response = await serve().create({ name: "-", memory: -1, slaves: "x" });
    expect(response.statusCode).toBe(400);
    const paths = response.json().problems.map(({ path }: { path: string }) => path);
    expect(paths.sort()).toEqual(["memory", "name", "slaves"]);
  });

  it.each(["", "{", "null", "[]", "7", '"a"'])("refuses the body %s", async (body) => {
    const response = await serve().create(body);
    expect([response.statusCode, response.json().code]).toEqual([400, "invalid-request"]);
  });

  it("answers 409 when the name is taken, and one 201 of ten at the same time", async () => {
    const { create } = serve();
    const responses = await Promise.all(Array.from({ length: 10 }, () => create(small)));
    const statuses = responses.map((response) => response.statusCode).sort();
    expect(statuses).toEqual([201, ...Array<number>(9).fill(409)]);
    const response = await create(small);
    expect([response.statusCode, response.json().code]).toEqual([409, "instance-exists"]);
  });

  it("answers 503, to be tried again, while the store is down", async () => {
    const { port, create } = serve();
    port.failure = storeDown();
    const response = await create(small);
    expect([response.statusCode, response.json().code]).toEqual([503, "store-unavailable"]);
    expect(response.headers["retry-after"]).toBe("1");
  });
});

describe("Idempotency-Key", () => {
  it("makes a repeated create answer 201 again, with the present state", async () => {
    const { port, create } = serve();
    expect((await create(small, { key: "k" })).statusCode).toBe(201);
    const view = port.view("a");
    if (view !== null) port.put(withStatus(view, "RUNNING"));
    const again = await create({ slaves: 0, name: "a", memory: 100 }, { key: "k" });
    expect([again.statusCode, again.json().status]).toEqual([201, "RUNNING"]);
    expect(port.requests).toHaveLength(1);
  });

  it("joins concurrent creates", async () => {
    const { port, create } = serve();
    const responses = await Promise.all([create(small, { key: "k" }), create(small, { key: "k" })]);
    expect(responses.map(({ statusCode }) => statusCode)).toEqual([201, 201]);
    expect(port.requests).toHaveLength(1);
  });

  it("refuses the key for another create", async () => {
    const { create } = serve();
    await create(small, { key: "k" });
    const response = await create({ ...small, memory: 200 }, { key: "k" });
    expect([response.statusCode, response.json().problems[0].path]).toEqual([
      400,
      "Idempotency-Key",
    ]);
  });

  it("forgets a create that failed, and does not create again what was deleted", async () => {
    const { port, create } = serve();
    port.failure = storeDown();
    expect((await create(small, { key: "k" })).statusCode).toBe(503);
    port.failure = null;
    expect((await create(small, { key: "k" })).statusCode).toBe(201);
    port.drop("a");
    const response = await create(small, { key: "k" });
    expect([response.statusCode, response.json().code]).toEqual([409, "instance-deleted"]);
    expect(port.views.size).toBe(0);
  });

  it.each(["x".repeat(256), "with blank", "ä"])("refuses the key %s", async (key) => {
    expect((await serve().create(small, { key })).statusCode).toBe(400);
  });

  it("keeps a bounded number of keys for a bounded time", async () => {
    const { clock, create } = serve({ idempotencyKeysMax: 2, idempotencyKeyMs: 1_000 });
    for (const name of ["a", "b", "c"]) await create({ ...small, name }, { key: name });
    const again = async (name: string) =>
      (await create({ ...small, name }, { key: name })).statusCode;
    expect(await again("c")).toBe(201);
    expect(await again("a")).toBe(409);
    clock.advanceBy(1_001);
    expect(await again("c")).toBe(409);
  });
});

describe("?wait", () => {
  it("answers a create once it is RUNNING", async () => {
    const { port, create, until, clock } = serve();
    const pending = create(small, { query: "?wait=600" });
    await until(() => port.listenerCount === 1);
    const view = port.view("a");
    if (view !== null) port.put(withStatus(view, "RUNNING"));
    const response = await pending;
    expect([response.statusCode, response.json().status]).toEqual([201, "RUNNING"]);
    expect([port.listenerCount, clock.pendingCount]).toEqual([0, 0]);
  });

  it("answers at the limit with the present state", async () => {
    const { port, get, until, clock } = serve();
    port.put({ document: documentOf("a"), processes: [], unplaced: null });
    const pending = get("/v2/instances/a?wait=2");
    await until(() => port.listenerCount === 1);
    clock.advanceBy(2_000);
    const response = await pending;
    expect([response.statusCode, response.json().status]).toEqual([200, "CREATING"]);
    expect(port.listenerCount).toBe(0);
  });

  it("until=DELETED ends with DELETED, with the record, or with a newer instance", async () => {
    const { port, get, until } = serve();
    const ends: [(view: InstanceView) => void, number][] = [
      [(view) => port.put(withStatus(view, "DELETED")), 200],
      [() => port.drop("a"), 404],
      [() => port.put(runningView("a", { incarnation: "newer" })), 200],
    ];
    for (const [end, status] of ends) {
      port.put(runningView("a", { status: "DELETING" }));
      const pending = get("/v2/instances/a?wait=60&until=DELETED");
      await until(() => port.listenerCount === 1);
      const view = port.view("a");
      if (view !== null) end(view);
      expect((await pending).statusCode).toBe(status);
    }
  });

  it("does not wait for what is already so, nor for what does not exist", async () => {
    const { port, get } = serve();
    port.put(runningView("a"));
    expect((await get("/v2/instances/a?wait=600")).json().status).toBe("RUNNING");
    expect((await get("/v2/instances/b?wait=600&until=DELETED")).statusCode).toBe(404);
  });

  it("bounds those who wait: a read is told to come back, a create is answered at once", async () => {
    const { port, get, create, until, clock } = serve({ waitersMax: 1 });
    const first = create(small, { query: "?wait=60" });
    await until(() => port.listenerCount === 1);
    const second = await get("/v2/instances/a?wait=60");
    expect([second.statusCode, second.json().code]).toEqual([503, "overloaded"]);
    expect((await create({ ...small, name: "b" }, { query: "?wait=60" })).statusCode).toBe(201);
    clock.advanceBy(60_000);
    expect((await first).statusCode).toBe(201);
  });

  it.each(["?wait=601", "?wait=-1", "?wait=x", "?wait=1&until=HAPPY"])(
    "refuses %s",
    async (query) => {
      expect((await serve().get(`/v2/instances/a${query}`)).statusCode).toBe(400);
    },
  );
});

describe("DELETE /v2/instances/{name}", () => {
  it("answers 202, 404, 409 and 503", async () => {
    const { port, app } = serve();
    port.put(runningView("a"));
    const gone = runningView("gone", { status: "DELETED" });
    port.put(gone);
    const remove = async (name: string) => {
      const response = await app.inject({ method: "DELETE", url: `/v2/instances/${name}` });
      return [response.statusCode, response.json().status, response.json().code];
    };
    expect(await remove("a")).toEqual([202, "DELETING", undefined]);
    expect(await remove("nobody")).toEqual([404, 404, "instance-not-found"]);
    expect(await remove("gone")).toEqual([409, 409, "instance-deleted"]);
    port.failure = storeDown();
    expect(await remove("a")).toEqual([503, 503, "store-unavailable"]);
  });
});

describe("/v2/upgrade", () => {
  it("shows how far it is, and takes start, pause and resume", async () => {
    const { port, app, get } = serve();
    const left = [{ name: "a", because: { code: "no-place", text: "no room" } }];
    port.upgradeView = { ...port.upgradeView, current: "b", left };
    const json = {
      state: "off",
      version: "mr-redis-1",
      instances: 3,
      behind: 2,
      processesBehind: 4,
      current: "b",
      left: [{ name: "a", reason: { code: "no-place", text: "no room" } }],
    };
    expect((await get("/v2/upgrade")).json()).toEqual(json);
    expect(Value.Check(UpgradeSchema, json)).toBe(true);
    const post = (payload: string) => app.inject({ method: "POST", url: "/v2/upgrade", payload });
    for (const [action, state] of [
      ["start", "running"],
      ["pause", "paused"],
      ["resume", "running"],
    ]) {
      const answer = await post(JSON.stringify({ action }));
      expect([answer.statusCode, answer.json()]).toEqual([202, { ...json, state }]);
    }
    port.failure = storeDown();
    expect((await post('{"action":"start"}')).statusCode).toBe(503);
  });

  it.each(["", "{}", "[]", "7", '{"action":"stop"}', '{"action":"start","x":1}'])(
    "refuses the body %s",
    async (payload) => {
      const answer = await serve().app.inject({ method: "POST", url: "/v2/upgrade", payload });
      expect([answer.statusCode, answer.json().code]).toEqual([400, "invalid-request"]);
    },
  );
});

describe("the rest", () => {
  it("lists processes and agents, tells version, health and readiness", async () => {
    const { port, get } = serve();
    port.put(runningView("ok"));
    port.agentViews = [
      {
        agentId: "g",
        hostname: "h",
        processes: 2,
        lastOfferAtMs: 0,
        offered: { cpus: 1, memMib: 2, ports: 3 },
        traits: {
          hostname: "h",
          attributes: [
            { name: "rack", type: "text", value: "r1" },
            { name: "gen", type: "scalar", milli: 2_500 },
          ],
          faultDomain: { region: "eu", zone: "z1" },
        },
      },
      { agentId: "g2", hostname: "h2", processes: 0, lastOfferAtMs: null, offered: null },
    ];
    const json = async (url: string) => (await get(url)).json();
    expect(await json("/v2/instances/ok/processes")).toEqual({
      processes: [masterJson, replicaJson],
    });
    expect(await json("/v2/agents")).toEqual({
      agents: [
        {
          agentId: "g",
          hostname: "h",
          processes: 2,
          lastOfferAt: "1970-01-01T00:00:00.000Z",
          offered: { cpus: 1, memMib: 2, ports: 3 },
          attributes: [
            { name: "rack", value: "r1" },
            { name: "gen", value: "2.5" },
          ],
          region: "eu",
          zone: "z1",
        },
        {
          agentId: "g2",
          hostname: "h2",
          processes: 0,
          lastOfferAt: null,
          offered: null,
          attributes: null,
          region: null,
          zone: null,
        },
      ],
    });
    expect(await json("/v2/version")).toEqual({ version: "9.9.9", apis: ["v1", "v2"] });
    expect(await json("/healthz")).toEqual({ status: "ok" });
    expect(await json("/readyz")).toEqual({
      ready: true,
      reason: null,
      role: "leader",
      leader: null,
      stateAgeMs: 7,
    });
    port.reason = "not subscribed to Mesos";
    const response = await get("/readyz");
    expect([response.statusCode, response.json()]).toEqual([
      503,
      {
        ready: false,
        reason: "not subscribed to Mesos",
        role: "leader",
        leader: null,
        stateAgeMs: 7,
      },
    ]);
  });

  it("answers 405 with what is allowed, 404 otherwise, and HEAD like GET", async () => {
    const { app } = serve();
    const wrong = await app.inject({ method: "PUT", url: "/v2/instances/a" });
    expect([wrong.statusCode, wrong.headers.allow]).toEqual([405, "DELETE, GET, HEAD"]);
    expect((await app.inject({ method: "GET", url: "/v2/nothing" })).statusCode).toBe(404);
    const head = await app.inject({ method: "HEAD", url: "/healthz" });
    expect([head.statusCode, head.body]).toEqual([200, ""]);
  });

  it("answers defects with 500, the request's name and nothing else", async () => {
    const { port, get } = serve();
    port.thrown = new TypeError(`cannot read ${secretText}`);
    const response = await get("/v2/instances");
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ code: "internal", title: "Internal" });
    expect(response.body).not.toContain(secretText);
  });

  it("has every path in docs/reference/api.md", async () => {
    const page = await readFile(
      new URL("../../../../docs/reference/api.md", import.meta.url),
      "utf8",
    );
    const { paths } = (await serve().get("/v2/openapi.json")).json();
    for (const [path, methods] of Object.entries<object>(paths)) {
      for (const method of Object.keys(methods)) {
        expect(page).toContain(`| \`${method.toUpperCase()} ${path}\` |`);
      }
    }
  });

  it("describes itself: every route, every reference resolved", async () => {
    const response = await serve().get("/v2/openapi.json");
    const document = response.json();
    expect(Object.keys(document.paths).sort()).toEqual([
      "/healthz",
      "/metrics",
      "/readyz",
      "/v2/agents",
      "/v2/endpoints",
      "/v2/events",
      "/v2/instances",
      "/v2/instances/{name}",
      "/v2/instances/{name}/connection",
      "/v2/instances/{name}/failover",
      "/v2/instances/{name}/failovers",
      "/v2/instances/{name}/processes",
      "/v2/instances/{name}/rotate-secret",
      "/v2/upgrade",
      "/v2/version",
    ]);
    expect(Object.keys(document.paths["/v2/instances/{name}"])).toEqual(["get", "delete"]);
    const references = [...response.body.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    const known = document.components.schemas as Record<string, TSchema>;
    expect(references.length).toBeGreaterThan(5);
    for (const [, name = ""] of references) expect(known).toHaveProperty(name);
    expect(document.paths["/v2/instances"].get.parameters).toContainEqual({
      name: "limit",
      in: "query",
      required: false,
      schema: { type: "integer", minimum: 1, maximum: 500, default: 100 },
    });
  });
});
