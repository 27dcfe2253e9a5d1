/**
 * Owns the proof that the table of errors by route is true: everything that is provoked here is announced, and what is
 * announced is provoked here. SPDX-License-Identifier: Apache-2.0
 */
import { type ErrorCode, MrrError, roles } from "@mr-redis/core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FakeControlPort, runningView, storeDown } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { createLog } from "../log.js";
import { roleOf, routeRoles } from "./roles.js";
import { commonErrors, errorsOf, routeErrors } from "./route-errors.js";
import { type ApiServer, createApiServer } from "./server.js";
import { hashOf, Tokens } from "./tokens.js";

const tokenOf = (name: string): string => `mrr_${name.padEnd(43, "x")}`;
const tokens = new Tokens(
  roles.map((role) => ({ name: role, role, sha256: hashOf(tokenOf(role)).toString("hex") })),
);
const bytesMax = 200;

let port: FakeControlPort;
let server: ApiServer;

beforeEach(() => {
  port = new FakeControlPort();
  port.put(runningView("ok"));
  port.put(runningView("gone", { status: "DELETED" }));
  server = createApiServer({
    ...{ port, clock: machineClock, corsOrigins: [], version: "9.9.9", tokens },
    names: { bind: "127.0.0.1", advertise: "" },
    requestsPerSecond: 1,
    limits: { bodyBytesMax: bytesMax, waitersMax: 0 },
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
});
afterEach(() => server.close());

interface Try {
  readonly name?: string;
  readonly body?: unknown;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
}

/** The code of the answer; null: it was no error. */
async function codeOf(key: string, what: Try = {}): Promise<ErrorCode | null> {
  const [method = "", url = ""] = key.split(" ");
  const { name = "ok", body, query = "", headers, address = "127.0.0.1" } = what;
  const answer = await server.app.inject({
    ...{ method: method as "GET", remoteAddress: address },
    url: url.replace(":name", name) + query,
    headers: { host: "127.0.0.1", authorization: `Bearer ${tokenOf("admin")}`, ...headers },
    ...(body === undefined || method === "GET" ? {} : { payload: JSON.stringify(body) }),
  });
  const isProblem = String(answer.headers["content-type"]).startsWith("application/problem+json");
  if (isProblem) return answer.json().code;
  // Outside of /v2 an error is one line.
  const codes: Record<number, ErrorCode> = { 400: "invalid-request", 401: "unauthenticated" };
  const plain = { ...codes, 403: "forbidden", 429: "rate-limited", 500: "internal" } as const;
  return plain[answer.statusCode as keyof typeof plain] ?? null;
}

/** A body that the route takes, so that what comes behind it is reached. */
const goodBodies: Readonly<Record<string, unknown>> = {
  "POST /v2/instances": { name: "new", memory: 10, slaves: 0 },
  "POST /v2/upgrade": { action: "start" },
};

/** Everything that goes wrong at a route with what is tried here. */
async function provoke(key: string): Promise<Set<ErrorCode>> {
  const found = new Set<ErrorCode>();
  const note = async (what: Try = {}): Promise<void> => {
    const code = await codeOf(key, what);
    if (code !== null) found.add(code);
  };
  const body = goodBodies[key] ?? {};
  // A stream that begins would not end.
  const usual = key === "GET /v2/events" ? new MrrError("overloaded", "too many") : null;
  port.thrown = usual;
  await note({ headers: { authorization: "" }, body });
  if (roleOf(...(key.split(" ") as [string, string])) === "operate") {
    await note({ headers: { authorization: `Bearer ${tokenOf("read")}` }, body });
  }
  await note({ query: "?nonsense=1", body });
  await note({ body: [] });
  await note({ body: "x".repeat(bytesMax) });
  await note({ name: "nobody", body });
  await note({ name: "gone", body });
  if (key === "GET /v2/instances/:name") await note({ query: "?wait=5&until=DELETED" });
  if (key === "POST /v2/instances") {
    await note({ body: { name: "ok", memory: 10, slaves: 0 } });
    const headers = { "idempotency-key": "once" };
    await note({ headers, body: { name: "again", memory: 10, slaves: 0 } });
    port.drop("again");
    await note({ headers, body: { name: "again", memory: 10, slaves: 0 } });
    port.failure = new MrrError("secret-key-missing", "no key");
    await note({ body: { name: "sealed", memory: 10, slaves: 0 } });
  }
  if (key === "POST /v2/instances/:name/failover") {
    port.failoverOutcome = { type: "refused", code: "x", text: "not now" };
    await note({ body });
  }
  if (key === "POST /v2/instances/:name/rotate-secret") {
    port.rotationOutcome = { type: "refused", code: "no-users", text: "none" };
    await note({ body });
  }
  port.rotationOutcome = { type: "failed", error: storeDown() };
  port.failure = storeDown();
  port.failoverOutcome = { type: "failed", error: storeDown() };
  await note({ body });
  port.thrown = new TypeError("a defect");
  await note({ body });
  port.thrown = usual;
  port.standing = { type: "memory", stateAgeMs: 1, reason: "the store is away" };
  await note({ body });
  port.standing = { type: "leaderless", reason: "starting" };
  await note({ body });
  for (let count = 0; count < 15; count += 1) await note({ address: "192.0.2.1", body });
  return found;
}

it("has every route that answers in JSON", () => {
  const keys = Object.keys(routeRoles).filter((key) => !key.includes(" /v1/"));
  const how = "write the errors that callers have to expect into api/route-errors.ts";
  expect(Object.keys(routeErrors).sort(), how).toEqual(keys.sort());
});

it.each(Object.keys(routeErrors))(
  "%s: what is provoked is announced, and the other way round",
  async (key) => {
    const [method = "", url = ""] = key.split(" ");
    if (!server.app.hasRoute({ method: method as "GET", url })) await server.app.ready();
    const announced = errorsOf(key, roleOf(method, url)) ?? [];
    const found = await provoke(key);
    const how = "in api/route-errors.ts";
    expect(
      [...found].filter((code) => !announced.includes(code)),
      `missing ${how}`,
    ).toEqual([]);
    // A reader cannot lack a role, and a route that asks nobody has no defect to show.
    const never = new Set<ErrorCode>(["forbidden", ...commonErrors]);
    const own = announced.filter((code) => !never.has(code) && !found.has(code));
    expect(own, `too much ${how}, or not provoked in this test`).toEqual([]);
  },
);
