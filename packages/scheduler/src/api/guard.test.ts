/**
 * Owns the proof that every route asks for its role, that tokens can be withdrawn, and that too many requests are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Role, roles } from "@mr-redis/core";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeControlPort, runningView } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { createLog } from "../log.js";
import { routeRoles } from "./roles.js";
import { type ApiOptions, type ApiServer, createApiServer } from "./server.js";
import { hashOf, Tokens } from "./tokens.js";

const tokenOf = (name: string): string => `mrr_${name.padEnd(43, "x")}`;
const entry = (name: string, role: Role) => ({
  name,
  role,
  sha256: hashOf(tokenOf(name)).toString("hex"),
});
const everybody = new Tokens(roles.map((role) => entry(`my-${role}`, role)));
const bearer = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` });

let server: ApiServer;
let lines: string[];

const create = (options: Partial<ApiOptions> = {}): ApiServer => {
  const control = new FakeControlPort();
  control.put(runningView("ok"));
  lines = [];
  server = createApiServer({
    port: control,
    clock: machineClock,
    corsOrigins: [],
    names: { bind: "0.0.0.0", advertise: "" },
    version: "9.9.9",
    tokens: everybody,
    log: createLog({
      program: "test",
      level: "debug",
      destination: { write: (line) => lines.push(line) },
    }),
    ...options,
  });
  return server;
};

beforeEach(() => void create());
afterEach(() => server.close());

/** Every route that is registered, by method and path. */
const registered = (): string[] => {
  const found: string[] = [];
  for (const key of Object.keys(routeRoles)) {
    const [method = "", url = ""] = key.split(" ");
    if (server.app.hasRoute({ method: method as "GET", url })) found.push(key);
  }
  return found;
};

const call = (key: string, headers: Record<string, string> = {}) => {
  const [method = "", url = ""] = key.split(" ");
  return server.app.inject({ method: method as "GET", url: url.replaceAll(/:\w+/g, "x"), headers });
};

describe("roles", () => {
  it("are known for every route: one without cannot be registered", () => {
    expect(() => server.app.get("/v2/of-nobody", async () => "x")).toThrow(
      "GET /v2/of-nobody needs a role in api/roles.ts",
    );
  });

  it("are asked for by every route, and only a token of the role or a higher one passes", async () => {
    await server.app.ready();
    const keys = registered();
    expect(keys.length).toBeGreaterThan(15);
    for (const key of keys) {
      // An answer that never ends is for other tests.
      if (key === "GET /v2/events") continue;
      const needed = routeRoles[key];
      const seen: (number | string)[] = [];
      for (const headers of [{}, ...roles.map((role) => bearer(`my-${role}`))]) {
        const { statusCode } = await call(key, headers);
        seen.push(statusCode === 401 || statusCode === 403 ? statusCode : "passes");
      }
      const expected = {
        open: ["passes", "passes", "passes", "passes"],
        read: [401, "passes", "passes", "passes"],
        operate: [401, 403, "passes", "passes"],
        admin: [401, 403, 403, "passes"],
      }[needed ?? "admin"];
      // A delete of /v1 says 401 of what does not exist, as the ancestor did.
      const isOld = key === "DELETE /v1/DELETE/:name";
      expect([key, seen]).toEqual([key, isOld ? [401, 403, 401, 401] : expected]);
    }
  });

  it("read for HEAD, and for what no route takes", async () => {
    const head = await server.app.inject({ method: "HEAD", url: "/v2/instances" });
    const nowhere = await server.app.inject({ url: "/v2/nowhere" });
    const old = await server.app.inject({ url: "/nowhere" });
    const other = await server.app.inject({ method: "PUT", url: "/v2/instances" });
    expect([head, nowhere, old, other].map(({ statusCode }) => statusCode)).toEqual([
      401, 401, 401, 401,
    ]);
    const known = { url: "/v2/nowhere", headers: bearer("my-read") };
    expect((await server.app.inject(known)).statusCode).toBe(404);
  });
});

describe("refusals", () => {
  it.each([
    [{}, 'Bearer realm="mr-redis"', "This needs a token: send `Authorization: Bearer TOKEN`."],
    [
      { authorization: "Basic eDp5" },
      'Bearer realm="mr-redis"',
      "This needs a token: send `Authorization: Bearer TOKEN`; the Authorization that came is another.",
    ],
    [
      { authorization: `Bearer ${tokenOf("nobody")}` },
      'Bearer realm="mr-redis", error="invalid_token"',
      "This token is not known here; it may have been withdrawn.",
    ],
  ])("of %j", async (headers, challenge, detail) => {
    const answer = await server.app.inject({ url: "/v2/instances", headers: { ...headers } });
    expect([
      answer.statusCode,
      answer.headers["www-authenticate"],
      answer.headers["content-type"],
      answer.json(),
    ]).toEqual([
      401,
      challenge,
      "application/problem+json; charset=utf-8",
      expect.objectContaining({ status: 401, code: "unauthenticated", detail }),
    ]);
    const old = await server.app.inject({ url: "/v1/STATUS", headers: { ...headers } });
    expect([old.statusCode, old.headers["www-authenticate"], old.body]).toEqual([
      401,
      challenge,
      detail,
    ]);
  });

  it("of a role name the one that is missing", async () => {
    const answer = await call("DELETE /v2/instances/ok", bearer("my-read"));
    const detail = "This needs the role operate, and the token of my-read has read.";
    expect([answer.statusCode, answer.headers["www-authenticate"], answer.json()]).toEqual([
      403,
      'Bearer realm="mr-redis", error="insufficient_scope", scope="operate"',
      expect.objectContaining({ status: 403, code: "forbidden", detail }),
    ]);
    const old = await call("DELETE /v1/DELETE/ok", bearer("my-read"));
    expect([old.statusCode, old.body]).toEqual([403, detail]);
  });

  it.each([
    ["of a token that begins as a good one", tokenOf("my-admin").slice(0, -1)],
    ["of a good one with more behind it", `${tokenOf("my-admin")}x`],
    ["of its hash", hashOf(tokenOf("my-admin")).toString("hex")],
    ["of a short one", "x"],
    ["of a long one", "x".repeat(2_000)],
    ["of two", `${tokenOf("my-admin")} ${tokenOf("my-read")}`],
  ])("%s", async (_what, token) => {
    const answer = await call("GET /v2/instances", { authorization: `Bearer ${token}` });
    expect(answer.statusCode).toBe(401);
  });

  it("take a token from the header alone, whatever the case of Bearer", async () => {
    const asQuery = `GET /v2/instances?access_token=${tokenOf("my-admin")}`;
    expect((await call(asQuery)).statusCode).toBe(401);
    const loud = { authorization: `BEARER  ${tokenOf("my-admin")}` };
    expect((await call("GET /v2/instances", loud)).statusCode).toBe(200);
  });

  it("never repeat a token, in no answer and no line of the log", async () => {
    for (const name of ["my-read", "my-operate", "nobody"]) {
      const answer = await call("DELETE /v2/instances/ok", bearer(name));
      expect(JSON.stringify([answer.headers, answer.body])).not.toContain(tokenOf(name));
      expect(lines.join("")).not.toContain(tokenOf(name));
    }
    expect(lines.join("")).toContain('"by":"my-operate"');
  });
});

it("other tokens are in force at once, and what a withdrawn one has open is cut", async () => {
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string, name: string): Promise<number> =>
    (await fetch(url + path, { headers: bearer(name) })).status;
  const waiting = ask("/v2/instances/ok?wait=60&until=DELETED", "my-read").catch(() => "cut");
  const staying = ask("/v2/instances/ok?wait=60&until=DELETED", "my-admin").catch(() => "cut");
  await eventually(() => expect(server.connections.busyCount).toBe(2));
  server.replaceTokens(new Tokens([entry("my-admin", "admin"), entry("new", "read")]));
  expect(await waiting).toBe("cut");
  expect(await Promise.all([ask("/v2/instances", "my-read"), ask("/v2/instances", "new")])).toEqual(
    [401, 200],
  );
  await server.close();
  expect(await staying).toBe(200);
});

describe("too many requests", () => {
  const from = (remoteAddress: string, headers: Record<string, string> = {}) =>
    server.app.inject({ url: "/v2/version", remoteAddress, headers });

  it("of one address are refused, those of others are not, and loopback is not counted", async () => {
    await server.close();
    create({ tokens: null, requestsPerSecond: 1 });
    const codes: number[] = [];
    for (let count = 0; count < 40; count += 1) codes.push((await from("10.0.0.1")).statusCode);
    expect(codes.slice(0, 10)).toEqual(new Array(10).fill(200));
    const refused = await from("10.0.0.1");
    expect([refused.statusCode, refused.headers["retry-after"], refused.json()]).toEqual([
      429,
      "1",
      expect.objectContaining({ code: "rate-limited" }),
    ]);
    expect((await from("10.0.0.2")).statusCode).toBe(200);
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      for (let count = 0; count < 30; count += 1) {
        expect((await from(address)).statusCode).toBe(200);
      }
    }
  });

  it("are counted by token, and by address for those without one", async () => {
    await server.close();
    create({ requestsPerSecond: 1 });
    for (let count = 0; count < 15; count += 1) await from("10.0.0.1");
    expect((await from("10.0.0.1")).statusCode).toBe(429);
    expect((await from("10.0.0.1", bearer("my-read"))).statusCode).toBe(200);
    for (let count = 0; count < 15; count += 1) await from("10.0.0.3", bearer("my-read"));
    expect((await from("10.0.0.4", bearer("my-read"))).statusCode).toBe(429);
  });
});
