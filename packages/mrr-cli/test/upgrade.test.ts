/**
 * Tests `mrr upgrade`: what is asked for, what is shown, the wait and its limit.
 * SPDX-License-Identifier: Apache-2.0
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FakeApi, problem, startFakeApi } from "./fake-api.js";
import { fastClock, runCli, useDirectory } from "./run-cli.js";

const directory = useDirectory();
let api: FakeApi;
beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const world = () => ({
  directory: directory(),
  env: { MRR_ENDPOINT: api.url },
  clock: fastClock(100),
});

const upgradeJson = (changes: Readonly<Record<string, unknown>> = {}) => ({
  state: "running",
  version: "mr-redis-0123",
  instances: 3,
  behind: 2,
  processesBehind: 4,
  current: "pair",
  left: [{ name: "single", reason: { code: "no-place", text: "there is no place" } }],
  ...changes,
});

describe("what is asked for", () => {
  test.each([
    ["upgrade", { action: "start" }],
    ["upgrade start", { action: "start" }],
    ["upgrade pause", { action: "pause" }],
    ["upgrade resume", { action: "resume" }],
  ])("mrr %s", async (line, body) => {
    api.reply("POST /v2/upgrade", { status: 202, body: upgradeJson() });
    const result = await runCli(world(), line);
    expect(result).toEqual({
      exitCode: 0,
      stderr: "",
      stdout:
        "Upgrade = running\nVersion = mr-redis-0123\nBehind = 2 of 3 instances (4 processes)\n" +
        "Moving = pair\nLeft = single: there is no place\n",
    });
    expect(api.seen).toEqual([{ method: "POST", path: "/v2/upgrade", body }]);
  });

  test("status changes nothing, and says how to start", async () => {
    const body = upgradeJson({ state: "off", instances: 1, behind: 1, current: null, left: [] });
    api.reply("GET /v2/upgrade", { body });
    const result = await runCli(world(), "upgrade status");
    expect([result.exitCode, result.stdout]).toEqual([
      0,
      "Upgrade = off\nVersion = mr-redis-0123\nBehind = 1 of 1 instance (4 processes)\n" +
        "Start it with: mrr upgrade\n",
    ]);
    expect(api.seen.map(({ method }) => method)).toEqual(["GET"]);
    const json = await runCli(world(), "upgrade status --output json");
    expect(JSON.parse(json.stdout)).toEqual(body);
  });

  test("nothing else", async () => {
    const result = await runCli(world(), "upgrade stop");
    expect([result.exitCode, result.stdout, api.seen]).toEqual([2, "", []]);
    expect(result.stderr).toContain("It takes status, start, pause, resume, not stop");
  });

  test("what the scheduler refuses is said", async () => {
    const body = problem("invalid-request", 400, "there is no upgrade to pause: start one first");
    api.reply("POST /v2/upgrade", { status: 400, body });
    const result = await runCli(world(), "upgrade pause");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("there is no upgrade to pause");
  });

  test("an older scheduler has no such path", async () => {
    const body = problem("unsupported-request", 404, "There is nothing at /v2/upgrade.");
    api.reply("POST /v2/upgrade", { status: 404, body });
    expect((await runCli(world(), "upgrade")).exitCode).not.toBe(0);
  });
});

describe("the wait", () => {
  const none = { behind: 0, processesBehind: 0, current: null, left: [] };

  test("until nothing is behind, over a scheduler that is away", async () => {
    api.reply("POST /v2/upgrade", { status: 202, body: upgradeJson() });
    api.reply(
      "GET /v2/upgrade",
      { body: upgradeJson({ current: null }) },
      { status: 503, body: problem("not-ready", 503, "no leader") },
      { body: upgradeJson(none) },
    );
    const result = await runCli(world(), "upgrade -w");
    expect([result.exitCode, result.stderr]).toEqual([
      0,
      "Upgrade: 2 instances behind, moving pair\n" +
        "Upgrade: 2 instances behind; single waits: there is no place\n" +
        "Upgrade: nothing is behind\n",
    ]);
    expect(result.stdout).toContain("Behind = 0 of 3 instances");
  });

  test("ends with the limit, and when somebody pauses it", async () => {
    api.reply("POST /v2/upgrade", { status: 202, body: upgradeJson() });
    api.reply("GET /v2/upgrade", { body: upgradeJson() });
    const late = await runCli(world(), "upgrade -w --timeout 3");
    expect([late.exitCode, late.stdout]).toEqual([10, ""]);
    expect(late.stderr).toContain("2 instances behind, moving pair after 3 s");
    api.reply("GET /v2/upgrade", { body: upgradeJson({ state: "paused" }) });
    const paused = await runCli(world(), "upgrade -w");
    expect(paused.exitCode).toBe(10);
    expect(paused.stderr).toContain("the upgrade is paused now");
  });
});
