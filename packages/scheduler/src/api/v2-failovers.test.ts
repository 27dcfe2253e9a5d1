/**
 * Owns the proof of the routes of /v2 about failovers: what is shown of a record, and every answer to a request.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FailoverRecord } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import { describe, expect, it } from "vitest";
import { FakeControlPort, runningView, storeDown } from "../../test/fake-control-port.js";
import { createLog } from "../log.js";
import { createApiServer } from "./server.js";

function serve() {
  const port = new FakeControlPort();
  const { app } = createApiServer({
    port,
    clock: new VirtualClock(),
    limits: {},
    corsOrigins: [],
    names: { bind: "127.0.0.1", advertise: "" },
    version: "9.9.9",
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
  const ask = async (body?: string) => {
    const response = await app.inject({
      method: "POST",
      url: "/v2/instances/inst/failover",
      ...(body === undefined ? {} : { payload: body }),
    });
    return [response.statusCode, response.json()];
  };
  return { port, app, ask };
}

const startedAtMs = Date.UTC(2026, 10, 22, 10, 0, 0);

const record: FailoverRecord = {
  epoch: 2,
  kind: "unreachable",
  oldMaster: "inst::m",
  newMaster: "inst::r",
  because: { code: "agent-silent", text: "nothing was heard of its agent for 2,100 ms" },
  startedAtMs,
  seen: [{ by: "inst::r", what: "link down", atMs: startedAtMs + 5 }],
  steps: [{ name: "parked", atMs: startedAtMs + 12 }],
  candidates: [{ processId: "inst::r", hostname: "h", offset: 99, dataEpoch: 1, diverged: false }],
  bytesGivenUp: 3,
  writerlessMs: null,
};

describe("failovers", () => {
  it("shows the records with times since the first sign", async () => {
    const { port, app } = serve();
    port.put(runningView("inst", { failovers: [record] }));
    const response = await app.inject({ method: "GET", url: "/v2/instances/inst/failovers" });
    const { startedAtMs: _startedAtMs, ...same } = record;
    expect([response.statusCode, response.json()]).toEqual([
      200,
      {
        failovers: [
          {
            ...same,
            startedAt: "2026-11-22T10:00:00.000Z",
            seen: [{ by: "inst::r", what: "link down", atMs: 5 }],
            steps: [{ name: "parked", atMs: 12 }],
          },
        ],
      },
    ]);
    const none = await app.inject({ method: "GET", url: "/v2/instances/other/failovers" });
    expect(none.statusCode).toBe(404);
  });

  it("takes a request with a body, with an empty one and without", async () => {
    const { port, ask } = serve();
    port.put(runningView("inst"));
    const accepted = [202, { epoch: 2 }];
    expect(await ask()).toEqual(accepted);
    expect(await ask("{}")).toEqual(accepted);
    const to = "inst::0f8fad5b-d9cb-469f-a165-70867728950e";
    expect(await ask(JSON.stringify({ to, force: true }))).toEqual(accepted);
    expect(port.failovers).toEqual([
      { name: "inst", to: null, force: false },
      { name: "inst", to: null, force: false },
      { name: "inst", to, force: true },
    ]);
  });

  it("says why not: a body that is wrong, a name that is unknown, a refusal, a store that is down", async () => {
    const { port, ask } = serve();
    expect(await ask("{")).toMatchObject([400, { code: "invalid-request" }]);
    expect(await ask('{"to":"other::1","force":1}')).toMatchObject([
      400,
      { problems: [{ path: "force" }, { path: "to" }] },
    ]);
    expect(await ask()).toMatchObject([404, { code: "instance-not-found" }]);
    port.put(runningView("inst"));
    port.failoverOutcome = { type: "refused", code: "behind", text: "it lacks 12 bytes" };
    expect(await ask()).toMatchObject([
      409,
      { code: "failover-refused", detail: "it lacks 12 bytes" },
    ]);
    port.failoverOutcome = { type: "failed", error: storeDown() };
    expect(await ask()).toMatchObject([503, { code: "store-unavailable" }]);
  });
});
