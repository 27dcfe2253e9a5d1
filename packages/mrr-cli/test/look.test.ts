/** Tests of `mrr status`, `list` and `delete`: every state, every form. SPDX-License-Identifier: Apache-2.0 */
import { errorTable } from "@mr-redis/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  creatingJson,
  type FakeApi,
  instanceJson,
  problem,
  processJson,
  startFakeApi,
} from "./fake-api.js";
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

const replica = (index: number, changes: Readonly<Record<string, unknown>> = {}) =>
  processJson({ id: `inst::r${index}`, role: "replica", port: 6380 + index, ...changes });

const failed = { code: "process-exited", text: "exit code 1" };

describe("status of one", () => {
  const rows: readonly (readonly [what: string, json: unknown, lines: readonly string[]])[] = [
    [
      "a single that runs",
      instanceJson(),
      ["Status = RUNNING", "Type = S", "Capacity = 200", "Master = 127.0.0.1:6380"],
    ],
    [
      "a master with slaves that run",
      instanceJson({ type: "MS", slaves: 2, replicas: [replica(1), replica(2)] }),
      [
        "Status = RUNNING",
        "Type = MS",
        "Capacity = 200",
        "Master = 127.0.0.1:6380",
        "\tSlave0 = 127.0.0.1:6381",
        "\tSlave1 = 127.0.0.1:6382",
      ],
    ],
    [
      "CREATING, not placed",
      creatingJson(),
      [
        "Status = CREATING",
        "Type = MS",
        "Capacity = 200",
        "Reason = needs 6 agents for distribution 1, 3 are known",
        "Not placed = 6 (needs 6 agents for distribution 1, 3 are known)",
        "\t127.0.0.2 (agent-1): would have one, of 1 allowed",
        "Distribution = 1",
      ],
    ],
    [
      "DEGRADED, a replica that is not ready",
      instanceJson({
        type: "MS",
        status: "DEGRADED",
        slaves: 1,
        reason: { code: "replica-missing", text: "1 of 1 replicas is not ready" },
        replicas: [replica(1, { ready: false, state: "launched" })],
        processes: [processJson(), replica(1, { ready: false, state: "launched" })],
        config: { "maxmemory-policy": "allkeys-lru" },
        constraints: [
          ["rack", "SPREAD"],
          ["zone", "IN", "z1,z2"],
        ],
      }),
      [
        "Status = DEGRADED",
        "Type = MS",
        "Capacity = 200",
        "Master = 127.0.0.1:6380",
        "\tSlave0 = 127.0.0.1:6381",
        "Reason = 1 of 1 replicas is not ready",
        "Not ready = replica 127.0.0.1:6381 on 127.0.0.2 (launched)",
        "Constraint = rack:SPREAD",
        "Constraint = zone:IN:z1,z2",
        "Config maxmemory-policy = allkeys-lru",
      ],
    ],
    [
      "FAILED without any process",
      instanceJson({ status: "FAILED", reason: failed, master: null, processes: [] }),
      ["Status = FAILED", "Type = S", "Capacity = 200", "Reason = exit code 1"],
    ],
    [
      "DELETING",
      instanceJson({
        status: "DELETING",
        master: null,
        processes: [processJson({ ready: false, state: "killing" })],
      }),
      ["Status = DELETING", "Type = S", "Capacity = 200"],
    ],
    [
      "DELETED",
      instanceJson({ status: "DELETED", master: null, processes: [] }),
      ["Status = DELETED", "Type = S", "Capacity = 200"],
    ],
    [
      "a state that a newer scheduler knows, and IPv6",
      instanceJson({ status: "MOVING", master: processJson({ ip: "::1" }) }),
      ["Status = MOVING", "Type = S", "Capacity = 200", "Master = [::1]:6380"],
    ],
    [
      "as little as can be",
      { name: "inst", status: "RUNNING" },
      ["Status = RUNNING", "Type = S", "Capacity = 0"],
    ],
    [
      "control characters in a reason",
      instanceJson({ reason: { code: "x", text: "a\u001b[31mb\nStatus = RUNNING" } }),
      [
        "Status = RUNNING",
        "Type = S",
        "Capacity = 200",
        "Master = 127.0.0.1:6380",
        "Reason = a [31mb Status = RUNNING",
      ],
    ],
  ];

  test.each(rows)("%s", async (_what, json, lines) => {
    api.reply("GET /v2/instances/inst", { body: json });
    const stdout = lines.map((line) => `${line}\n`).join("");
    expect(await runCli(world(), "status -n inst")).toEqual({ exitCode: 0, stdout, stderr: "" });
    expect(api.seen.map(({ path }) => path)).toEqual(["/v2/instances/inst"]);
  });

  test("json is the API's own, to the letter", async () => {
    const body = '{"name":"inst", "status":"RUNNING","more":[1, 2]}';
    api.reply("GET /v2/instances/inst", { body });
    const result = await runCli(world(), "s -n inst -o json");
    expect(result).toEqual({ exitCode: 0, stdout: `${body}\n`, stderr: "" });
  });

  test("unknown: the server's reason and help, exit code 3", async () => {
    expect(await runCli(world(), "status -n inst")).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: "Error: Instance inst does not exist.\n       Do this.\n",
    });
  });

  test("a name is one segment of the path", async () => {
    await runCli(world(), ["status", "-n", "a/../b c?d"]);
    expect(api.seen[0]?.path).toBe("/v2/instances/a%2F..%2Fb%20c%3Fd");
  });

  test.each(["status -n .", "status -n= ", "status -n .."])("%s is refused", async (line) => {
    expect((await runCli(world(), line.trim())).exitCode).toBe(2);
    expect(api.seen).toEqual([]);
  });

  test.each([
    [[]],
    [{ status: "RUNNING" }],
    [{ name: 1, status: "RUNNING" }],
    ["<html>"],
    ["null"],
  ])("an answer that is no instance: %j", async (body) => {
    api.reply("GET /v2/instances/inst", { body });
    const result = await runCli(world(), "status -n inst");
    expect([result.exitCode, result.stdout]).toEqual([5, ""]);
    expect(result.stderr).toContain("does not speak this version's API");
  });
});

describe("all", () => {
  const two = [
    instanceJson({
      name: "a-long-name",
      type: "MS",
      slaves: 2,
      replicas: [replica(1), replica(2, { ready: false })],
    }),
    creatingJson({ name: "b" }),
  ];
  const table = [
    "NAME         STATUS    TYPE  MEMORY  MASTER          SLAVES  REASON",
    "a-long-name  RUNNING   MS    200     127.0.0.1:6380  1/2     -",
    "b            CREATING  MS    200     -               0/5     " +
      "needs 6 agents for distribution 1, 3 are known",
    "",
  ].join("\n");

  test.each(["status", "s", "list", "l", "ls"])("mrr %s is a table", async (line) => {
    api.reply("GET /v2/instances", { body: { instances: two, next: null } });
    expect(await runCli(world(), line)).toEqual({ exitCode: 0, stdout: table, stderr: "" });
  });

  test("pages are read to the end, and json has them all", async () => {
    const [first, second] = two;
    api.reply(
      "GET /v2/instances",
      { body: { instances: [first], next: "a-long-name" } },
      { body: { instances: [second], next: null } },
    );
    const result = await runCli(world(), "list -o json");
    const stdout = `${JSON.stringify({ instances: two, next: null })}\n`;
    expect(result).toEqual({ exitCode: 0, stdout, stderr: "" });
    expect(api.seen.map(({ path }) => path)).toEqual([
      "/v2/instances?limit=100",
      "/v2/instances?limit=100&after=a-long-name",
    ]);
  });

  test("a server that gives the same page for ever is not followed", async () => {
    api.reply("GET /v2/instances", { body: { instances: two, next: "b" } });
    expect((await runCli(world(), "list")).exitCode).toBe(0);
    expect(api.seen).toHaveLength(2);
  });

  test("none: said on stderr, nothing on stdout", async () => {
    api.reply("GET /v2/instances", { body: { instances: [], next: null } });
    expect(await runCli(world(), "list --status degraded")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr:
        "There is no instance with the status degraded. " +
        "Create one: mrr create -n inst -m 200 -s 1 -w\n",
    });
    expect(api.seen.map(({ path }) => path)).toEqual(["/v2/instances?limit=100&status=DEGRADED"]);
  });
});

describe("delete", () => {
  const deleting = instanceJson({ status: "DELETING" });
  const deleted = instanceJson({ status: "DELETED" });

  test("the ancestor's line", async () => {
    api.reply("DELETE /v2/instances/inst", { status: 202, body: deleting });
    expect(await runCli(world(), "delete -n inst")).toEqual({
      exitCode: 0,
      stdout: "Instance Deletion initated..\n",
      stderr: "",
    });
    expect(api.seen).toEqual([{ method: "DELETE", path: "/v2/instances/inst", body: undefined }]);
  });

  test("with a wait", async () => {
    api.reply("DELETE /v2/instances/inst", { status: 202, body: deleting });
    api.reply("GET /v2/instances/inst", { body: deleting, holdMs: 25 }, { body: deleted });
    const result = await runCli(world({ clock: fastClock(100) }), "d -n inst -w");
    expect([result.exitCode, result.stderr]).toEqual([0, ""]);
    expect(result.stdout).toMatch(/^Instance Deletion initated\.\.\.{1,}\nInstance Deleted\.\n$/);
    expect(api.seen[1]?.path).toBe("/v2/instances/inst?wait=3&until=DELETED");
  });

  test("a record that is gone meanwhile counts as deleted", async () => {
    api.reply("DELETE /v2/instances/inst", { status: 202, body: deleting });
    expect(await runCli(world(), "delete -n inst -w -o json")).toEqual({
      exitCode: 0,
      stdout: `${JSON.stringify(deleting)}\n`,
      stderr: "",
    });
  });

  test("a wait that is too long", async () => {
    const reason = { code: "killing", text: "1 process is being ended" };
    api.reply("DELETE /v2/instances/inst", { status: 202, body: deleting });
    const body = instanceJson({ status: "DELETING", reason });
    api.reply("GET /v2/instances/inst", { body, holdMs: 15 });
    const clock = fastClock(100);
    const result = await runCli(world({ clock }), "delete -n inst -w --timeout 1");
    // A slow machine may need so long for one look that the reason is said before.
    expect([result.exitCode, result.stderr.replace(/^Waiting: .*\n/, "")]).toEqual([
      10,
      "Error: inst is still DELETING after 1 s: 1 process is being ended. Its end goes on\n" +
        `       ${errorTable.timeout.help}\n`,
    ]);
  });

  test("one that is deleted already", async () => {
    const refusal = problem("instance-deleted", 409, "Instance inst is already deleted.");
    api.reply("DELETE /v2/instances/inst", { status: 409, body: refusal });
    const result = await runCli(world(), "delete -n inst");
    expect(result).toEqual({
      exitCode: 4,
      stdout: "",
      stderr: "Error: Instance inst is already deleted.\n       Do this.\n",
    });
  });

  test("without a name nothing is sent", async () => {
    expect((await runCli(world(), "delete")).exitCode).toBe(2);
    expect(api.seen).toEqual([]);
  });
});
