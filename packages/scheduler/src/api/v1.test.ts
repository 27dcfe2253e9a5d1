/**
 * Owns the proof that /v1 answers as the ancestor did, letter by letter, but for v1-deviations.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { VirtualClock } from "@mr-redis/testing";
import { describe, expect, it } from "vitest";
import {
  documentOf,
  FakeControlPort,
  runningView,
  secretText,
  storeDown,
} from "../../test/fake-control-port.js";
import { createLog } from "../log.js";
import { createApiServer } from "./server.js";
import { renderDeviations, type V1Deviation, v1Deviations } from "./v1-deviations.js";

type Method = "GET" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "HEAD" | "PATCH";

interface Row {
  readonly what: string;
  readonly method: Method;
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  readonly answer: string | RegExp;
  /** Id of the wanted deviation that this row shows; none: exactly as the ancestor. */
  readonly deviation?: (typeof v1Deviations)[number]["id"];
}

const serve = (port: FakeControlPort, corsOrigins: readonly string[] = []) =>
  createApiServer({
    port,
    corsOrigins,
    names: { bind: "127.0.0.1", advertise: "" },
    version: "9.9.9",
    clock: new VirtualClock(),
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  }).app;

/** Instances in every state. */
function inhabited(): FakeControlPort {
  const port = new FakeControlPort();
  port.put(runningView("ok"));
  port.put({ document: documentOf("young"), processes: [], unplaced: null });
  port.put({
    document: documentOf("one", {
      status: "DELETED",
      spec: {
        memoryMib: 150,
        masters: 1,
        slaves: 0,
        distribution: null,
        config: {},
        fencing: "on",
        onUnreachable: "replace",
      },
    }),
    processes: [],
    unplaced: null,
  });
  port.put(runningView("poor", { status: "DEGRADED" }));
  port.put(runningView("dead", { status: "FAILED" }));
  port.put(runningView("going", { status: "DELETING" }));
  const fresh = runningView("fresh");
  port.put({
    ...fresh,
    processes: fresh.processes.map((process) => ({ ...process, report: null })),
  });
  return port;
}

const master =
  '{"IP":"10.0.0.1","Port":"6380","MemoryCapacity":200,"MemoryUsed":1904432,"Uptime":1623,"ClientsConnected":1,"LastSyncedToMaster":0}';
const slave =
  '{"IP":"10.0.0.2","Port":"6381","MemoryCapacity":200,"MemoryUsed":834904,"Uptime":1619,"ClientsConnected":2,"LastSyncedToMaster":9}';
const runs = (name: string) =>
  `{"Name":"${name}","Type":"MS","Status":"RUNNING","Capacity":200,"Master":${master},"Slaves":[${slave}]}`;
const fresh =
  '{"Name":"fresh","Type":"MS","Status":"RUNNING","Capacity":200,"Master":{"IP":"10.0.0.1","Port":"6380","MemoryCapacity":200,"MemoryUsed":0,"Uptime":0,"ClientsConnected":0,"LastSyncedToMaster":0},"Slaves":[{"IP":"10.0.0.2","Port":"6381","MemoryCapacity":200,"MemoryUsed":0,"Uptime":0,"ClientsConnected":0,"LastSyncedToMaster":-1}]}';
const accepted = "Request Accepted, Instance will be created.";
const notFound = /^404 page not found/;
const updated = "Changing the memory or the slaves of an instance is not supported yet";
const list = `[${runs("ok")},${runs("poor")},${runs("going")},${fresh}]`;

const rows: readonly Row[] = [
  // CREATE
  { what: "new", method: "POST", url: "/v1/CREATE/a/200/1/1", status: 201, answer: accepted },
  {
    what: "new, slash",
    method: "POST",
    url: "/v1/CREATE/a/100/1/0/",
    status: 201,
    answer: accepted,
  },
  {
    what: "new, query ignored",
    method: "POST",
    url: "/v1/CREATE/a/100/1/0?x=1",
    status: 201,
    answer: accepted,
  },
  {
    what: "exists",
    method: "POST",
    url: "/v1/CREATE/ok/200/1/1",
    status: 200,
    answer: "Instance ok already exist, cannot be created",
  },
  {
    what: "exists while CREATING",
    method: "POST",
    url: "/v1/CREATE/young/200/1/1",
    status: 200,
    answer: "Instance young already exist, cannot be created",
  },
  {
    what: "over a deleted one",
    method: "POST",
    url: "/v1/CREATE/one/200/1/1",
    status: 201,
    answer: `Instance one already exist, but in deleted state re-creating it${accepted}`,
  },
  {
    what: "with Distribution",
    method: "POST",
    url: "/v1/CREATE/a/100/1/5",
    headers: { "content-type": "application/json" },
    body: '{"Distribution":2}',
    status: 201,
    answer: accepted,
  },
  {
    what: "GET",
    method: "GET",
    url: "/v1/CREATE/a/200/1/1",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "too few parts",
    method: "POST",
    url: "/v1/CREATE/a/200/1",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "no name",
    method: "POST",
    url: "/v1/CREATE//200/1/0",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "encoded slash",
    method: "POST",
    url: "/v1/CREATE/a%2Fb/200/1/0",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "memory is no number",
    method: "POST",
    url: "/v1/CREATE/a/abc/1/0",
    status: 400,
    answer: /memory must be/i,
    deviation: "input-checked",
  },
  {
    what: "slaves negative",
    method: "POST",
    url: "/v1/CREATE/a/100/1/-3",
    status: 400,
    answer: /slaves must be/i,
    deviation: "input-checked",
  },
  {
    what: "name with a blank",
    method: "POST",
    url: "/v1/CREATE/sp%20ace/100/1/0",
    status: 400,
    answer: /name must be/i,
    deviation: "input-checked",
  },
  {
    what: "name of 2,000 characters",
    method: "POST",
    url: `/v1/CREATE/${"x".repeat(2_000)}/100/1/0`,
    status: 400,
    answer: /name must be/i,
    deviation: "input-checked",
  },
  {
    what: "Distribution 0",
    method: "POST",
    url: "/v1/CREATE/a/100/1/5",
    body: '{"Distribution":0}',
    status: 400,
    answer: /distribution must be/i,
    deviation: "input-checked",
  },
  {
    what: "two masters",
    method: "POST",
    url: "/v1/CREATE/a/100/2/0",
    status: 400,
    answer: /masters must be/i,
    deviation: "masters-one",
  },
  {
    what: "broken JSON",
    method: "POST",
    url: "/v1/CREATE/a/100/1/5",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: '{"Distribution":',
    status: 400,
    answer: /JSON/,
    deviation: "body-any-type",
  },
  {
    what: "setting that is not allowed",
    method: "POST",
    url: "/v1/CREATE/a/100/1/0",
    body: '{"Config":{"requirepass":"x"}}',
    status: 400,
    answer: /requirepass/,
    deviation: "config-in-body",
  },
  {
    what: "constraint that is none",
    method: "POST",
    url: "/v1/CREATE/a/100/1/0",
    body: '{"Constraints":[["rack","NEAR"]]}',
    status: 400,
    answer: /Constraints\[0\]\[1\] must be one of UNIQUE/,
    deviation: "constraints-in-body",
  },
  // DELETE
  {
    what: "known",
    method: "DELETE",
    url: "/v1/DELETE/ok",
    status: 200,
    answer: "Request Placed for destroying",
  },
  {
    what: "known, slash",
    method: "DELETE",
    url: "/v1/DELETE/ok/",
    status: 200,
    answer: "Request Placed for destroying",
  },
  {
    what: "once more",
    method: "DELETE",
    url: "/v1/DELETE/going",
    status: 200,
    answer: "Request Placed for destroying",
  },
  {
    what: "CREATING",
    method: "DELETE",
    url: "/v1/DELETE/young",
    status: 200,
    answer: "Request Placed for destroying",
    deviation: "delete-creating",
  },
  {
    what: "DELETED",
    method: "DELETE",
    url: "/v1/DELETE/one",
    status: 401,
    answer: "Instance one is already deleted",
  },
  {
    what: "unknown",
    method: "DELETE",
    url: "/v1/DELETE/nobody",
    status: 401,
    answer: "Instance nobody does not exist, cannot be deleted",
  },
  {
    what: "decoded",
    method: "DELETE",
    url: "/v1/DELETE/sp%20a%3A%3Ace",
    status: 401,
    answer: "Instance sp a::ce does not exist, cannot be deleted",
  },
  {
    what: "without a name",
    method: "DELETE",
    url: "/v1/DELETE/",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "POST",
    method: "POST",
    url: "/v1/DELETE/ok",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  // STATUS of one
  { what: "RUNNING", method: "GET", url: "/v1/STATUS/ok", status: 200, answer: runs("ok") },
  {
    what: "RUNNING, query",
    method: "GET",
    url: "/v1/STATUS/ok?x",
    status: 200,
    answer: runs("ok"),
  },
  {
    what: "CREATING",
    method: "GET",
    url: "/v1/STATUS/young",
    status: 200,
    answer:
      '{"Name":"young","Type":"S","Status":"CREATING","Capacity":200,"Master":null,"Slaves":null}',
  },
  {
    what: "DELETED",
    method: "GET",
    url: "/v1/STATUS/one",
    status: 200,
    answer:
      '{"Name":"one","Type":"S","Status":"DELETED","Capacity":150,"Master":null,"Slaves":null}',
  },
  {
    what: "DEGRADED",
    method: "GET",
    url: "/v1/STATUS/poor",
    status: 200,
    answer: runs("poor"),
    deviation: "status-words",
  },
  {
    what: "DELETING",
    method: "GET",
    url: "/v1/STATUS/going",
    status: 200,
    answer: runs("going"),
    deviation: "status-words",
  },
  {
    what: "FAILED",
    method: "GET",
    url: "/v1/STATUS/dead",
    status: 200,
    answer:
      '{"Name":"dead","Type":"MS","Status":"CREATING","Capacity":200,"Master":null,"Slaves":null}',
    deviation: "status-words",
  },
  {
    what: "no figures yet",
    method: "GET",
    url: "/v1/STATUS/fresh",
    status: 200,
    answer: fresh,
    deviation: "no-stats",
  },
  {
    what: "unknown",
    method: "GET",
    url: "/v1/STATUS/nobody",
    status: 501,
    answer: "Instance nobody does not exist, error",
  },
  {
    what: "suffix is part of the name",
    method: "GET",
    url: "/v1/STATUS/ok.json",
    status: 501,
    answer: "Instance ok.json does not exist, error",
  },
  {
    what: "empty name",
    method: "GET",
    url: "/v1/STATUS//",
    status: 404,
    answer: notFound,
    deviation: "empty-name",
  },
  {
    what: "HEAD",
    method: "HEAD",
    url: "/v1/STATUS/ok",
    status: 404,
    answer: "",
    deviation: "not-found",
  },
  // STATUS of all
  { what: "all", method: "GET", url: "/v1/STATUS", status: 200, answer: list },
  { what: "all, slash", method: "GET", url: "/v1/STATUS/", status: 200, answer: list },
  {
    what: "wrong case",
    method: "GET",
    url: "/v1/status",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "two slashes",
    method: "GET",
    url: "//v1/STATUS",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "HEAD",
    method: "HEAD",
    url: "/v1/STATUS",
    status: 404,
    answer: "",
    deviation: "not-found",
  },
  // UPDATE
  {
    what: "memory",
    method: "PUT",
    url: "/v1/UPDATE/ok/Memory/300",
    status: 501,
    answer: updated,
    deviation: "update",
  },
  {
    what: "memory, unknown",
    method: "PUT",
    url: "/v1/UPDATE/x/Memory/300",
    status: 501,
    answer: updated,
    deviation: "update",
  },
  {
    what: "slaves",
    method: "PUT",
    url: "/v1/UPDATE/ok/SLAVES/3",
    status: 501,
    answer: updated,
    deviation: "update",
  },
  {
    what: "wrong case",
    method: "PUT",
    url: "/v1/UPDATE/ok/MEMORY/300",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  // Everything else
  { what: "root", method: "GET", url: "/", status: 404, answer: notFound, deviation: "not-found" },
  {
    what: "unknown",
    method: "GET",
    url: "/v1/NODES",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "OPTIONS alone",
    method: "OPTIONS",
    url: "/v1/STATUS",
    status: 404,
    answer: notFound,
    deviation: "not-found",
  },
  {
    what: "preflight",
    method: "OPTIONS",
    url: "/v1/CREATE/a/1/1/1",
    headers: { origin: "http://x.example", "access-control-request-method": "POST" },
    status: 200,
    answer: "",
    deviation: "cors",
  },
  {
    what: "page of another origin",
    method: "POST",
    url: "/v1/CREATE/a/100/1/0",
    headers: { origin: "http://x.example", host: "127.0.0.1:5656" },
    status: 403,
    answer: /CorsOrigins/,
    deviation: "foreign-page",
  },
  {
    what: "name that a page made point here",
    method: "GET",
    url: "/v1/STATUS",
    headers: { host: "rebound.example:5656" },
    status: 403,
    answer: /localhost/,
    deviation: "host-name",
  },
  {
    what: "malformed path",
    method: "GET",
    url: "/v1/STATUS/%zz",
    status: 400,
    answer: "The path is malformed.",
    deviation: "input-checked",
  },
  {
    what: "body too large",
    method: "POST",
    url: "/v1/CREATE/a/100/1/0",
    body: "x".repeat(65_537),
    status: 413,
    answer: "The body is larger than 65536 bytes.",
    deviation: "limits",
  },
];

describe("every answer of /v1", () => {
  it.each(rows)("$method $url: $what -> $status", async (row) => {
    const response = await serve(inhabited()).inject({
      method: row.method,
      url: row.url,
      ...(row.headers === undefined ? {} : { headers: row.headers }),
      ...(row.body === undefined ? {} : { payload: row.body }),
    });
    if (typeof row.answer === "string") expect(response.body).toBe(row.answer);
    else if (row.method !== "HEAD") expect(response.body).toMatch(row.answer);
    expect(response.statusCode).toBe(row.status);
    if (row.answer !== "") {
      expect(response.headers["content-type"]).toBe("text/plain; charset=utf-8");
      expect(response.headers["content-length"]).toBe(String(Buffer.byteLength(response.body)));
    }
    expect(response.body).not.toContain(secretText);
    expect(response.body).not.toContain("\n");
  });

  it("shows every deviation that is listed, here or in the tests below", () => {
    const elsewhere = [
      "distribution-default",
      "store-down",
      "list-array",
      "internal",
      "server-header",
      "several-schedulers",
    ];
    const shown = new Set([...rows.map((row) => row.deviation), ...elsewhere]);
    expect(v1Deviations.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([]);
  });
});

describe("CREATE hands over what was asked", () => {
  it.each([
    ["no body", undefined, null],
    ["form type, as curl -d sends it", '{"Distribution":2}', 2],
    ["key case ignored", '{"DISTRIBUTION":3}', 3],
  ])("%s", async (_what, body, distribution) => {
    const port = new FakeControlPort();
    const response = await serve(port).inject({
      method: "POST",
      url: "/v1/CREATE/a/100/1/5",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      ...(body === undefined ? {} : { payload: body }),
    });
    expect(response.body).toBe(accepted);
    expect(port.requests).toEqual([
      {
        name: "a",
        spec: {
          memoryMib: 100,
          masters: 1,
          slaves: 5,
          distribution,
          config: {},
          fencing: "on",
          onUnreachable: "replace",
        },
      },
    ]);
  });

  it("whatever the content type says", async () => {
    for (const type of [
      "application/json",
      "text/plain",
      "multipart/form-data",
      "no type at all",
      ";",
    ]) {
      const port = new FakeControlPort();
      const response = await serve(port).inject({
        method: "POST",
        url: "/v1/CREATE/a/100/1/5",
        headers: { "content-type": type },
        payload: '{"Distribution":2}',
      });
      expect([type, response.statusCode, port.requests[0]?.spec.distribution]).toEqual([
        type,
        201,
        2,
      ]);
    }
  });

  it("of two at the same time exactly one is 201", async () => {
    const port = new FakeControlPort();
    const app = serve(port);
    const responses = await Promise.all(
      Array.from({ length: 10 }, () => app.inject({ method: "POST", url: "/v1/CREATE/a/100/1/0" })),
    );
    const statuses = responses.map((response) => response.statusCode).sort();
    expect(statuses).toEqual([...Array<number>(9).fill(200), 201]);
  });
});

describe("what goes wrong behind /v1", () => {
  it("answers 503 with the reason while the store is down", async () => {
    const port = inhabited();
    port.failure = storeDown();
    const app = serve(port);
    for (const request of [
      { method: "POST" as const, url: "/v1/CREATE/a/100/1/0" },
      { method: "DELETE" as const, url: "/v1/DELETE/ok" },
    ]) {
      const response = await app.inject(request);
      expect([response.statusCode, response.body]).toEqual([503, "The store does not answer."]);
    }
  });

  it("answers 500 without a stack trace", async () => {
    const port = inhabited();
    port.thrown = new TypeError(`cannot read ${secretText}`);
    const response = await serve(port).inject({ method: "GET", url: "/v1/STATUS/ok" });
    expect(response.statusCode).toBe(500);
    expect(response.body).toMatch(/^Internal error; the log has it under request \S+\.$/);
  });

  it("lists [] when nothing runs, and everything when much runs", async () => {
    const port = new FakeControlPort();
    port.put({ document: documentOf("young"), processes: [], unplaced: null });
    const app = serve(port);
    expect((await app.inject({ method: "GET", url: "/v1/STATUS" })).body).toBe("[]");
    for (let index = 0; index < 1_000; index++) port.put(runningView(`i${index}`));
    const names = (await app.inject({ method: "GET", url: "/v1/STATUS" }))
      .json<{ Name: string }[]>()
      .map(({ Name }) => Name);
    expect(names).toEqual(Array.from({ length: 1_000 }, (_, index) => `i${index}`));
  });
});

describe("headers", () => {
  it("has no CORS header and no Server by default", async () => {
    const response = await serve(inhabited()).inject({
      method: "GET",
      url: "/v1/STATUS/ok",
      headers: { origin: "http://x.example" },
    });
    const names = Object.keys(response.headers).sort();
    expect(names).toEqual([
      "cache-control",
      "connection",
      "content-length",
      "content-security-policy",
      "content-type",
      "date",
      "mr-redis-state-age-ms",
      "referrer-policy",
      "x-content-type-options",
      "x-frame-options",
    ]);
  });

  it("gives the ancestor's CORS lists to a configured origin, and to it alone", async () => {
    const app = serve(inhabited(), ["http://ui.example"]);
    const get = (origin: string) =>
      app.inject({ method: "GET", url: "/v1/STATUS", headers: { origin } });
    const { headers } = await get("http://ui.example");
    expect(headers).toMatchObject({
      "access-control-allow-credentials": "true",
      "access-control-allow-headers":
        "Origin,Authorization,Access-Control-Allow-Origin,Content-Type",
      "access-control-allow-methods": "GET,POST,PUT,DELETE,OPTIONS",
      "access-control-allow-origin": "http://ui.example",
      "access-control-expose-headers": "Content-Length,Access-Control-Allow-Origin,Content-Type",
      vary: "Origin",
    });
    const other = await get("http://x.example");
    expect(Object.keys(other.headers).filter((name) => name.startsWith("access"))).toEqual([]);
    expect(other.headers.vary).toBe("Origin");
  });

  it("answers a preflight of a configured origin as the ancestor did", async () => {
    const app = serve(inhabited(), ["http://ui.example"]);
    const preflight = async (headers: Record<string, string>) => {
      const response = await app.inject({
        method: "OPTIONS",
        url: "/v1/DELETE/x",
        headers: { origin: "http://ui.example", ...headers },
      });
      expect([response.statusCode, response.body]).toEqual([200, ""]);
      const { "access-control-allow-methods": methods, "access-control-allow-headers": names } =
        response.headers;
      return [methods, names];
    };
    expect(await preflight({ "access-control-request-method": "DELETE" })).toEqual([
      "GET,POST,PUT,DELETE,OPTIONS",
      undefined,
    ]);
    expect(
      await preflight({
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "content-type, X-Mine, origin",
      }),
    ).toEqual([undefined, "content-type,origin"]);
  });
});

it("docs/reference/api.md has the list of deviations as it is here", async () => {
  const page = await readFile(
    new URL("../../../../docs/reference/api.md", import.meta.url),
    "utf8",
  );
  const list: readonly V1Deviation[] = v1Deviations;
  expect(page).toContain(`<!-- deviations -->\n${renderDeviations(list)}\n<!-- /deviations -->`);
});
