/** Tests of `mrr create` against a server that speaks the contract. SPDX-License-Identifier: Apache-2.0 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorTable } from "@mr-redis/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { creatingJson, type FakeApi, instanceJson, problem, startFakeApi } from "./fake-api.js";
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

/** One second of the command is 10 ms here. */
const fast = (changes: Partial<World> = {}) => world({ clock: fastClock(100), ...changes });

const attempting = (name: string, memory: number, slaves: number) =>
  `Attempting to Create a Redis Instance (${name}) with mem=${memory} slaves=${slaves}\n`;
const accepted = (name: string) =>
  `Instance Creation accepted..\nCheck $mrr status -n ${name} for status\n`;

describe("without a wait", () => {
  test("the ancestor's lines, and a request with what was asked", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    const result = await runCli(world(), "create -n inst -m 200 -s 1");
    expect(result).toEqual({
      exitCode: 0,
      stdout: attempting("inst", 200, 1) + accepted("inst"),
      stderr: "",
    });
    expect(api.seen).toEqual([
      { method: "POST", path: "/v2/instances", body: { name: "inst", memory: 200, slaves: 1 } },
    ]);
  });

  test.each([
    ["create -n inst", 100, 0, ""],
    [
      "create -n inst -m 50 -s 2",
      100,
      2,
      "Note: memory 50 is raised to 100, the least there is.\n",
    ],
    ["create -n inst -m -5", 100, 0, "Note: memory -5 is raised to 100, the least there is.\n"],
    [
      "create -n inst -m 100 -s 101",
      100,
      0,
      "Note: slaves 101 is outside 0 to 100, so it becomes 0.\n",
    ],
    [
      "create -n inst -m 100 -s -1",
      100,
      0,
      "Note: slaves -1 is outside 0 to 100, so it becomes 0.\n",
    ],
    ["create -n inst -m 100 -s 100", 100, 100, ""],
  ])("%s is clamped aloud", async (line, memory, slaves, stderr) => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    const result = await runCli(world(), line);
    const stdout = attempting("inst", memory, slaves) + accepted("inst");
    expect(result).toEqual({ exitCode: 0, stdout, stderr });
    expect(api.seen[0]?.body).toEqual({ name: "inst", memory, slaves });
  });

  test("json is the API's own", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    const result = await runCli(world(), "create -n inst --output json");
    expect(result).toEqual({
      exitCode: 0,
      stdout: `${JSON.stringify(creatingJson())}\n`,
      stderr: "",
    });
  });

  test("a name with signs goes as it is: the scheduler judges it", async () => {
    const refusal = problem("invalid-request", 400, "name must match ...");
    api.reply("POST /v2/instances", { status: 400, body: refusal });
    const result = await runCli(world(), ["create", "-n", "a b/c"]);
    expect(result).toEqual({
      exitCode: 2,
      stdout: attempting("a b/c", 100, 0),
      stderr: "Error: name must match ...\n       Do this.\n",
    });
    expect(api.seen[0]?.body).toEqual({ name: "a b/c", memory: 100, slaves: 0 });
  });

  test.each(["create", "create -n .", "create -n ..", "create -n= -m 100", "create -n -w"])(
    "%s has no valid name: nothing is sent",
    async (line) => {
      const result = await runCli(world(), line);
      expect([result.exitCode, result.stdout]).toEqual([2, ""]);
      expect(result.stderr).toMatch(/^Error: Should have a valid name/);
      expect(api.seen).toEqual([]);
    },
  );
});

test.each(["rack", ":SPREAD", ""])("--constraint %s is refused", async (text) => {
  const result = await runCli(world(), `create -n inst --constraint=${text}`);
  expect([result.exitCode, result.stdout]).toEqual([2, ""]);
  expect(result.stderr).toContain("ATTRIBUTE:OPERATOR");
  expect(api.seen).toEqual([]);
});

describe("the file of -f", () => {
  const withFile = async (content: string, line: string) => {
    const path = join(directory(), "d.json");
    await writeFile(path, content);
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    return { path, result: await runCli(world(), `create -n inst -f ${path}${line}`) };
  };

  test.each([
    ['{"Distribution": 2}', "", { distribution: 2 }],
    ['{"distribution": 3}', "", { distribution: 3 }],
    ['{"Distribution": 2}', " --distribution 4", { distribution: 4 }],
    ['{"Distribution": "x"}', "", { distribution: "x" }],
    ['{"CONFIG": {"timeout": 5}}', "", { config: { timeout: 5 } }],
    ['\uFEFF{"Config": {}}', "", { config: {} }],
    ["{}", "", {}],
    ['{"fencing": "off"}', " --on-unreachable wait", { fencing: "off", onUnreachable: "wait" }],
    [
      '{"OnUnreachable": 1, "Fencing": "off"}',
      " --fencing on",
      { fencing: "on", onUnreachable: 1 },
    ],
    ['{"Constraints": [["rack", "SPREAD"], 7]}', "", { constraints: [["rack", "SPREAD"], 7] }],
    [
      '{"Constraints": [["rack", "SPREAD"]]}',
      " --constraint @zone:unique -constraint=host:IN:a,b:1",
      {
        constraints: [
          ["@zone", "unique"],
          ["host", "IN", "a,b:1"],
        ],
      },
    ],
  ])("%s%s", async (content, line, fields) => {
    const { result } = await withFile(content, line);
    expect([result.exitCode, result.stderr]).toEqual([0, ""]);
    expect(api.seen[0]?.body).toEqual({ name: "inst", memory: 100, slaves: 0, ...fields });
  });

  test("unknown fields are said and left out", async () => {
    const { path, result } = await withFile('{"Distribution": 2, "Colour": "red"}', "");
    const known = "known: Distribution, Config, Constraints, Fencing, OnUnreachable, Auth, Tls";
    expect([result.exitCode, result.stderr]).toEqual([
      0,
      `Note: "Colour" in ${path} is ignored; ${known}.\n`,
    ]);
    expect(api.seen[0]?.body).toEqual({ name: "inst", memory: 100, slaves: 0, distribution: 2 });
  });

  test.each(["{ not json", "", "[]", "null", "2"])("%s is refused", async (content) => {
    const { path, result } = await withFile(content, "");
    expect([result.exitCode, result.stdout]).toEqual([2, ""]);
    expect(result.stderr).toContain(path);
    expect(api.seen).toEqual([]);
  });

  test("a file that is not there, and one that is too large", async () => {
    const missing = await runCli(world(), "create -n inst -f /nowhere/d.json");
    expect([missing.exitCode, missing.stderr.split("\n")[0]]).toEqual([
      2,
      "Error: Unable to open file /nowhere/d.json (ENOENT)",
    ]);
    const { path, result } = await withFile(" ".repeat(300_000), "");
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([
      2,
      `Error: ${path} is larger than 262144 bytes`,
    ]);
  });
});

describe("with a wait", () => {
  test("at once: the ancestor's lines, and how it was asked", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply("GET /v2/instances/inst", { body: instanceJson() });
    const result = await runCli(world(), "create -n inst -m 200 -w true");
    expect(result).toEqual({
      exitCode: 0,
      stdout: `${attempting("inst", 200, 0)}Instance Creation accepted..\nInstance Created.\n`,
      stderr: "",
    });
    expect(api.seen.map(({ path }) => path)).toEqual([
      "/v2/instances",
      "/v2/instances/inst?wait=3&until=RUNNING",
    ]);
  });

  test("-w false does not wait", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    const result = await runCli(world(), "create -n inst -w false");
    expect(result.stdout).toBe(attempting("inst", 100, 0) + accepted("inst"));
    expect(api.seen).toHaveLength(1);
  });

  test("a long one: a dot for each second, the reason once, new reasons as they come", async () => {
    const other = { code: "x", text: "replica 2 is syncing" };
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply(
      "GET /v2/instances/inst",
      { body: creatingJson(), holdMs: 30 },
      { body: creatingJson(), holdMs: 30 },
      { body: creatingJson({ reason: other, unplaced: null }), holdMs: 30 },
      { body: instanceJson(), holdMs: 30 },
    );
    const result = await runCli(fast(), "create -n inst -w");
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toMatch(/\nInstance Creation accepted\.\.\.{2,}\nInstance Created\.\n$/);
    expect(result.stderr).toBe(
      "Waiting: needs 6 agents for distribution 1, 3 are known\nWaiting: replica 2 is syncing\n",
    );
  });

  test("on a terminal a reason begins on a line of its own", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply(
      "GET /v2/instances/inst",
      { body: creatingJson(), holdMs: 30 },
      { body: instanceJson() },
    );
    const result = await runCli(fast({ isTerminal: true }), "create -n inst -w");
    expect(result.stderr).toBe("\nWaiting: needs 6 agents for distribution 1, 3 are known\n");
  });

  test("a scheduler that goes away and comes back is waited for", async () => {
    const starting = problem("not-ready", 503, "no leader yet");
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply(
      "GET /v2/instances/inst",
      { cut: true },
      { status: 503, body: starting },
      { body: instanceJson() },
    );
    const result = await runCli(fast(), "create -n inst -w");
    expect([result.exitCode, result.stdout.endsWith("\nInstance Created.\n")]).toEqual([0, true]);
    expect(api.seen).toHaveLength(4);
  });

  test("a server that does not hold the call is not asked without pause", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply("GET /v2/instances/inst", { body: creatingJson() });
    const result = await runCli(world({ clock: fastClock(5) }), "create -n inst -w --timeout 1");
    expect(result.exitCode).toBe(10);
    expect(api.seen.length).toBeLessThanOrEqual(12);
  });

  test("the limit: exit code of time-out, the reasons of the agents, and that it goes on", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply("GET /v2/instances/inst", { body: creatingJson(), holdMs: 15 });
    const result = await runCli(fast(), "create -n inst -w --timeout 3");
    expect([result.exitCode, result.stdout.endsWith("\n")]).toEqual([10, true]);
    expect(result.stderr).toBe(
      [
        "Waiting: needs 6 agents for distribution 1, 3 are known",
        "\t127.0.0.2 (agent-1): would have one, of 1 allowed",
        "Error: inst is still CREATING after 3 s: needs 6 agents for distribution 1, 3 are known. " +
          "It goes on: mrr status -n inst shows it, mrr delete -n inst ends it",
        `       ${errorTable.timeout.help}`,
        "",
      ].join("\n"),
    );
    expect(result.stdout).not.toContain("Created");
  });

  test.each([
    ["FAILED", 11, "inst is FAILED: exit code 1"],
    ["DELETED", 4, "inst was deleted while it was created"],
    ["DELETING", 4, "inst was deleted while it was created"],
  ])("%s ends the wait", async (status, exitCode, text) => {
    const reason = { code: "process-exited", text: "exit code 1" };
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply("GET /v2/instances/inst", { body: instanceJson({ status, reason }) });
    const result = await runCli(world(), "create -n inst -w");
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([exitCode, `Error: ${text}`]);
  });

  test("an instance that is gone", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    const result = await runCli(world(), "create -n inst -w");
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([
      3,
      "Error: inst was deleted while it was created",
    ]);
  });

  test("json: only the running instance, no dots", async () => {
    api.reply("POST /v2/instances", { status: 201, body: creatingJson() });
    api.reply(
      "GET /v2/instances/inst",
      { body: creatingJson(), holdMs: 30 },
      { body: instanceJson() },
    );
    const result = await runCli(fast(), "create -n inst -w -o json");
    expect([result.exitCode, result.stdout]).toEqual([0, `${JSON.stringify(instanceJson())}\n`]);
  });
});
