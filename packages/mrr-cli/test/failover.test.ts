/** Tests of `mrr failover` and `mrr failovers`. SPDX-License-Identifier: Apache-2.0 */
import { errorTable } from "@mr-redis/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FakeApi, problem, startFakeApi } from "./fake-api.js";
import { fastClock, runCli, useDirectory, type World } from "./run-cli.js";

const directory = useDirectory();
let api: FakeApi;

beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const world = (changes: Partial<World> = {}): World => ({
  directory: directory(),
  env: { MRR_ENDPOINT: api.url },
  ...changes,
});

const record = (changes: Readonly<Record<string, unknown>> = {}) => ({
  epoch: 4,
  kind: "planned",
  oldMaster: "inst::a",
  newMaster: "inst::b",
  because: { code: "failover-requested", text: "asked for by the operator" },
  startedAt: "2026-01-02T03:04:05.000Z",
  seen: [{ by: "operator", what: "asked for", atMs: 0 }],
  steps: [
    { name: "writes-paused", atMs: 1.4 },
    { name: "master-verified", atMs: 9 },
  ],
  candidates: [
    { processId: "inst::b", hostname: "host-b", offset: 1200, dataEpoch: 3, diverged: false },
    { processId: "inst::c", hostname: "host-c", offset: -1, dataEpoch: 2, diverged: true },
  ],
  bytesGivenUp: 0,
  writerlessMs: 8,
  ...changes,
});

const shown = [
  "Failover 4 = planned at 2026-01-02T03:04:05.000Z",
  "\tBecause asked for by the operator",
  "\tOld master = inst::a",
  "\tNew master = inst::b",
  "\tSeen +0 ms by operator: asked for",
  "\tCandidate inst::b on host-b: offset 1200, data of reign 3",
  "\tCandidate inst::c on host-c: did not answer, diverged",
  "\tStep +1 ms writes-paused",
  "\tStep +9 ms master-verified",
  "\tGiven up = 0 bytes of the replication stream",
  "\tWithout a writer = 8 ms",
];

describe("mrr failover", () => {
  test("asks, waits for the end of that reign's failover, and shows it", async () => {
    api.reply("POST /v2/instances/inst/failover", { status: 202, body: { epoch: 4 } });
    api.reply(
      "GET /v2/instances/inst/failovers",
      { body: { failovers: [record({ epoch: 3 })] } },
      { status: 503, body: problem("not-ready", 503, "starting") },
      { body: { failovers: [record({ steps: [], writerlessMs: null })] } },
      { body: { failovers: [record({ epoch: 3 }), record()] } },
    );
    const outcome = await runCli(world({ clock: fastClock(100) }), "failover -n inst --to inst::b");
    expect(outcome).toEqual({
      exitCode: 0,
      stdout: ["Failover of inst accepted; it begins reign 4.", ...shown, ""].join("\n"),
      stderr: "",
    });
    expect(api.seen[0]).toEqual({
      method: "POST",
      path: "/v2/instances/inst/failover",
      body: { to: "inst::b", force: false },
    });
  });

  test("says why it was refused", async () => {
    const detail = "inst is a single: it has no replica that could take over.";
    api.reply("POST /v2/instances/inst/failover", {
      status: 409,
      body: problem("failover-refused", 409, detail),
    });
    const outcome = await runCli(world(), "failover -n inst --force");
    expect(outcome.exitCode).toBe(errorTable["failover-refused"].exitCode);
    expect(outcome.stderr).toContain(detail);
    expect(api.seen[0]?.body).toEqual({ to: null, force: true });
  });

  test("a cancelled one ends with the code of a refusal", async () => {
    const because = { code: "cancelled", text: "the replica did not catch up in time" };
    const steps = [{ name: "cancelled", atMs: 5_000 }];
    api.reply("POST /v2/instances/inst/failover", { status: 202, body: { epoch: 4 } });
    api.reply("GET /v2/instances/inst/failovers", {
      body: { failovers: [record({ because, steps })] },
    });
    const outcome = await runCli(world({ clock: fastClock(100) }), "failover -n inst");
    expect(outcome.exitCode).toBe(errorTable["failover-refused"].exitCode);
    expect(outcome.stderr).toContain("the replica did not catch up in time");
  });

  test("gives up after --timeout and says where to look", async () => {
    api.reply("POST /v2/instances/inst/failover", { status: 202, body: { epoch: 4 } });
    api.reply("GET /v2/instances/inst/failovers", { body: { failovers: [] } });
    const line = "failover -n inst --timeout 1";
    const outcome = await runCli(world(), line);
    expect(outcome.exitCode).toBe(errorTable.timeout.exitCode);
    expect(outcome.stderr).toContain("mrr status -n inst");
  });
});

describe("mrr failovers", () => {
  test("shows all of them, oldest first", async () => {
    const unknown = record({ epoch: 5, bytesGivenUp: null, writerlessMs: null, oldMaster: null });
    api.reply("GET /v2/instances/inst/failovers", { body: { failovers: [record(), unknown] } });
    const { exitCode, stdout } = await runCli(world(), "failovers -n inst");
    expect(exitCode).toBe(0);
    expect(stdout.startsWith(`${shown.join("\n")}\n\nFailover 5 = planned`)).toBe(true);
    expect(stdout).toContain("\tOld master = none\n");
    expect(stdout).toContain("\tGiven up = not known\n\tWithout a writer = not over\n");
  });

  test("says when there was none, and is silent about it in JSON", async () => {
    api.reply("GET /v2/instances/inst/failovers", { body: { failovers: [] } });
    const text = await runCli(world(), "failovers -n inst");
    expect([text.exitCode, text.stdout, text.stderr]).toEqual([
      0,
      "",
      "inst has had no failover.\n",
    ]);
    const json = await runCli(world(), "failovers -n inst --output json");
    expect(JSON.parse(json.stdout)).toEqual({ failovers: [] });
  });

  test("an answer that is none is refused", async () => {
    api.reply("GET /v2/instances/inst/failovers", { body: { failovers: 5 } });
    const outcome = await runCli(world(), "failovers -n inst");
    expect(outcome.exitCode).toBe(errorTable["unreachable-endpoint"].exitCode);
  });
});
