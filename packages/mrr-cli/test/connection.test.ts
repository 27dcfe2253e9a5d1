/** Tests of `mrr connection`, and of the address in `mrr status`. SPDX-License-Identifier: Apache-2.0 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FakeApi, instanceJson, problem, startFakeApi } from "./fake-api.js";
import { runCli, useDirectory, type World } from "./run-cli.js";

const directory = useDirectory();
let api: FakeApi;

beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const world = (): World => ({ directory: directory(), env: { MRR_ENDPOINT: api.url } });

const path = "GET /v2/instances/inst/connection";

const full = {
  name: "inst",
  type: "MS",
  writer: "ready",
  host: "box",
  port: 21_733,
  readPort: 21_734,
  user: null,
  tls: false,
  ca: null,
  url: "redis://box:21733",
  readUrl: "redis://box:21734",
  redisCli: "redis-cli -h box -p 21733",
  ioredis: { host: "box", port: 21_733 },
  problem: null,
  direct: { master: "10.0.0.1:6380", replicas: ["10.0.0.2:6380", "10.0.0.3:6380"] },
};

const exhausted = {
  code: "proxy-ports-exhausted",
  text: "0 of the 2 ports 20000-20001 (ProxyPorts) are free and it needs 1",
};

const none = {
  ...{ name: "inst", type: "S", writer: "unheard", host: null, port: null, readPort: null },
  ...{ user: null, url: null, readUrl: null, redisCli: null, ioredis: null, problem: exhausted },
  direct: { master: "[fd00::1]:6380", replicas: [] },
};

describe("mrr connection", () => {
  test("with TLS says whom to trust, and prints it alone for a file", async () => {
    const ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    api.reply(path, { body: { ...full, tls: true, ca, url: "rediss://box:21733" } });
    const shown = await runCli(world(), ["connection", "-n", "inst"]);
    expect(shown.stdout).toContain("TLS = yes (trust `mrr connection --ca`)\nURL = rediss://box");
    expect((await runCli(world(), ["connection", "-n", "inst", "--ca"])).stdout).toBe(ca);
    api.reply(path, { body: full });
    const plain = await runCli(world(), ["connection", "-n", "inst", "--ca"]);
    expect([plain.stdout, plain.stderr.includes("inst does not speak TLS")]).toEqual(["", true]);
  });

  test.each<readonly [what: string, body: unknown, lines: readonly string[]]>([
    [
      "with replicas",
      full,
      [
        "Address = box:21733",
        "Read address = box:21734",
        "Writer = ready (the master accepts writes)",
        "URL = redis://box:21733",
        "Read URL = redis://box:21734",
        "Command = redis-cli -h box -p 21733",
        'ioredis = {"host":"box","port":21733}',
        "Master now = 10.0.0.1:6380",
        "Replica now = 10.0.0.2:6380",
        "Replica now = 10.0.0.3:6380",
      ],
    ],
    [
      "no ports are free",
      none,
      [
        "Address = none (0 of the 2 ports 20000-20001 (ProxyPorts) are free and it needs 1)",
        "Writer = unheard (nothing was heard of the master lately; clients are led to it)",
        "Master now = [fd00::1]:6380",
      ],
    ],
    [
      "no ports are given",
      { ...none, problem: { code: "no-proxy-ports", text: "set ProxyPorts" } },
      [
        "Address = none (set ProxyPorts)",
        "Writer = unheard (nothing was heard of the master lately; clients are led to it)",
        "Master now = [fd00::1]:6380",
      ],
    ],
    [
      "a writer that a newer scheduler knows, IPv6, control characters",
      { name: "inst", writer: "paused", host: "fd00::7", port: 20_000, url: "redis://\u001b[31m" },
      ["Address = [fd00::7]:20000", "Writer = paused (see the status)", "URL = redis:// [31m"],
    ],
  ])("%s", async (_what, body, lines) => {
    api.reply(path, { body });
    const stdout = lines.map((line) => `${line}\n`).join("");
    expect(await runCli(world(), "connection -n inst")).toEqual({
      exitCode: 0,
      stdout,
      stderr: "",
    });
  });

  test.each(["connection -n inst --json", "connection -n inst -o json"])(
    "%s is the API's own, to the letter",
    async (line) => {
      const body = '{"name":"inst", "more":[1, 2]}';
      api.reply(path, { body });
      expect(await runCli(world(), line)).toEqual({ exitCode: 0, stdout: `${body}\n`, stderr: "" });
    },
  );

  test("unknown, and without a name", async () => {
    expect((await runCli(world(), "connection -n inst")).exitCode).toBe(3);
    expect((await runCli(world(), "connection")).exitCode).toBe(2);
  });

  test("an answer that is none", async () => {
    api.reply(path, { body: [] });
    const result = await runCli(world(), "connection -n inst");
    expect([result.exitCode, result.stdout]).toEqual([5, ""]);
  });

  test("its help teaches", async () => {
    const { stdout } = await runCli(world(), "help connection");
    expect(stdout).toContain("follows the master by itself");
    expect(stdout).toContain("$ mrr connection -n inst\n");
  });
});

describe("the address in mrr status", () => {
  const first = ["Status = RUNNING", "Type = S", "Capacity = 200", "Master = 127.0.0.1:6380"];

  const statusLines = async (proxy: unknown, connection: unknown, status = "RUNNING") => {
    api.reply("GET /v2/instances/inst", { body: instanceJson({ proxy, status }) });
    if (connection !== undefined) api.reply(path, { body: connection });
    const { stdout, stderr, exitCode } = await runCli(world(), "status -n inst");
    expect([exitCode, stderr]).toEqual([0, ""]);
    return stdout.trimEnd().split("\n");
  };

  test("comes behind the lines of old", async () => {
    const lines = await statusLines({ write: 21_733, read: 21_734 }, full);
    expect(lines).toEqual([...first, "Address = box:21733", "Read address = box:21734"]);
  });

  test("says why there is none", async () => {
    expect((await statusLines(null, none)).slice(4)).toEqual([
      "Address = none (0 of the 2 ports 20000-20001 (ProxyPorts) are free and it needs 1)",
    ]);
  });

  test("is not spoken of where none are given, nor where it cannot be told", async () => {
    const noPorts = { ...none, problem: { code: "no-proxy-ports", text: "x" } };
    expect(await statusLines(null, noPorts)).toEqual(first);
    api.reply(path, { status: 503, body: problem("not-ready", 503, "Not now.") });
    expect(await statusLines({ write: 1, read: null }, undefined)).toEqual(first);
  });

  test("of a deleted instance it is not asked", async () => {
    expect((await statusLines(null, undefined, "DELETED"))[0]).toBe("Status = DELETED");
    expect(api.seen.map((each) => each.path)).toEqual(["/v2/instances/inst"]);
  });

  test("json is one answer, that of the instance", async () => {
    const body = JSON.stringify(instanceJson({ proxy: { write: 21_733, read: null } }));
    api.reply("GET /v2/instances/inst", { body });
    const result = await runCli(world(), "status -n inst -o json");
    expect([result.stdout, api.seen.length]).toEqual([`${body}\n`, 1]);
  });
});
