/**
 * Tests of the command line against a real scheduler: old command lines, exit codes, texts, endpoints.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  eventually,
  type RunningUp,
  repositoryRoot,
  run,
  runMrr,
  startUp,
} from "@mr-redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { remove, show, showV1, waitStatus } from "./look.js";

let up: RunningUp;
let directory = "";

beforeAll(async () => {
  up = await startUp();
  directory = await mkdtemp(join(tmpdir(), "mrr-cli-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  expect(await up.stop()).toEqual([]);
});

describe("old command lines", () => {
  test("mrr create -n hello50 -m 100 -s 50 -w true", async () => {
    const result = await up.mrr(
      ...["create", "-n", "hello50", "-m", "100", "-s", "50", "-w", "true"],
    );
    // A busy machine may take longer than the time after which progress is said.
    expect([result.exitCode, result.stderr]).toEqual([
      0,
      expect.stringMatching(/^(Waiting: .*\n)*$/),
    ]);
    expect(result.stdout).toMatch(
      /^Attempting to Create a Redis Instance \(hello50\) with mem=100 slaves=50\nInstance Creation accepted\.\.\.*\nInstance Created\.\n$/,
    );
    const shown = await showV1(up, "hello50");
    expect([shown.Status, shown.Slaves?.length]).toEqual(["RUNNING", 50]);
    await remove(up, "hello50");
  });

  test("mrr create -name foo -memory=200", async () => {
    const result = await up.mrr("create", "-name", "foo", "-memory=200");
    expect([result.exitCode, result.stdout, result.stderr]).toEqual([
      0,
      "Attempting to Create a Redis Instance (foo) with mem=200 slaves=0\nInstance Creation accepted..\nCheck $mrr status -n foo for status\n",
      "",
    ]);
    await waitStatus(up, "foo", "RUNNING");
    expect(await showV1(up, "foo")).toMatchObject({ Name: "foo", Type: "S", Capacity: 200 });
  });

  test("the aliases: c, s, d", async () => {
    expect((await up.mrr("c", "--name", "alias", "--wait")).exitCode).toBe(0);
    expect((await up.mrr("s", "-n", "alias")).stdout).toMatch(/^Status = RUNNING\nType = S\n/);
    const deleted = await up.mrr("d", "-n", "alias");
    expect([deleted.exitCode, deleted.stdout]).toEqual([0, "Instance Deletion initated..\n"]);
  });
});

describe("what went wrong is on stderr, and the exit code says so", () => {
  test("clamped values are said", async () => {
    const result = await up.mrr("create", "-n", "clamped", "-m", "10", "-s", "101");
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(/memory 10 .*100/);
    expect(result.stderr).toMatch(/slaves 101 .*0/);
    expect(await show(up, "clamped")).toMatchObject({ memory: 100, slaves: 0 });
  });

  test.each<[number, readonly string[], RegExp]>([
    [4, ["create", "-n", "foo"], /foo exists already/],
    [2, ["create"], /valid name/],
    [2, ["create", "-n", "a::b"], /name/],
    [2, ["create", "-n", "x", "-m", "much"], /memory/],
    [2, ["create", "-n", "x", "--distribution", "0"], /distribution/i],
    [2, ["create", "-n", "x", "-f", "/nowhere/d.json"], /nowhere\/d\.json/],
    [3, ["status", "-n", "unknown"], /unknown/],
    [3, ["delete", "-n", "unknown"], /does not exist|unknown/],
    [2, ["crate", "-n", "x"], /crate|create/],
    [2, ["create", "--nonsense"], /nonsense/],
  ])("exit code %i: mrr %j", async (exitCode, args, says) => {
    const result = await up.mrr(...args);
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringMatching(says)]);
    expect(result.stderr).not.toMatch(/\bat .*\.js:\d+/);
  });

  test("no scheduler: exit code 5 and where it was looked for", async () => {
    const result = await runMrr(["status"], { endpoint: "http://127.0.0.1:1" });
    expect([result.exitCode, result.stdout]).toEqual([5, ""]);
    expect(result.stderr).toContain("http://127.0.0.1:1");
  });

  test("a wait has a limit: exit code 10 with the reason, a line for each agent", async () => {
    const result = await up.mrr(
      ...["create", "-n", "wide", "-s", "7", "--distribution", "1", "-w", "--timeout", "1"],
    );
    expect(result.exitCode).toBe(10);
    expect(result.stderr).toContain("needs 8 agents for distribution 1, 3 are known");
    await remove(up, "wide");
  });

  test("a file that is no JSON is refused before anything is created", async () => {
    const file = join(directory, "broken.json");
    await writeFile(file, "{");
    const result = await up.mrr("create", "-n", "broken", "-f", file);
    expect([result.exitCode, result.stderr]).toEqual([2, expect.stringContaining("broken.json")]);
    expect((await up.api("GET", "/v2/instances/broken")).status).toBe(404);
  });
});

describe("looking", () => {
  test("list and status without a name show every instance", async () => {
    for (const command of ["list", "status"]) {
      const result = await up.mrr(command);
      expect(result.exitCode).toBe(0);
      expect(result.stdout).toMatch(/^NAME +STATUS/);
      expect(result.stdout).toMatch(/^foo +RUNNING +S +200/m);
    }
  });

  test("--output json is what the API says", async () => {
    const result = await up.mrr("status", "-n", "foo", "--output", "json");
    expect(result.exitCode).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ name: "foo", status: "RUNNING" });
    const list = await up.mrr("list", "--output", "json");
    const { instances } = JSON.parse(list.stdout) as { instances: { name: string }[] };
    expect(instances.map(({ name }) => name)).toContain("foo");
  });

  test("status of an instance that is CREATING and of one that is DELETED", async () => {
    expect((await up.mrr("create", "-n", "late", "-s", "3", "--distribution", "1")).exitCode).toBe(
      0,
    );
    await eventually(async () => {
      const result = await up.mrr("status", "-n", "late");
      expect([result.exitCode, result.stdout]).toEqual([
        0,
        expect.stringMatching(/^Status = CREATING\n[\s\S]*needs 4 agents/),
      ]);
    });
    expect((await up.mrr("delete", "-n", "late", "-w")).exitCode).toBe(0);
    const gone = await up.mrr("status", "-n", "late");
    expect([gone.exitCode, gone.stdout]).toEqual([0, expect.stringMatching(/^Status = DELETED\n/)]);
  });

  test("help names every command", async () => {
    const { exitCode, stdout } = await up.mrr("help");
    expect(exitCode).toBe(0);
    for (const command of ["init", "create", "status", "list", "delete", "up"]) {
      expect(stdout).toMatch(new RegExp(`^ +${command}\\b`, "m"));
    }
  });
});

describe("the endpoint", () => {
  test("init remembers it for this user, and a stranger's address is not remembered", async () => {
    const env = { XDG_CONFIG_HOME: directory, MRR_ANCESTOR_FILE: join(directory, ".MrRedis") };
    const init = await runMrr(["init", up.endpoint], { env });
    expect([init.exitCode, init.stdout]).toEqual([0, ""]);
    expect((await runMrr(["status", "-n", "foo"], { env })).stdout).toMatch(/^Status = RUNNING/);
    expect(await readFile(env.MRR_ANCESTOR_FILE, "utf8")).toBe(up.endpoint);

    const wrong = await runMrr(["init", "http://127.0.0.1:1"], { env });
    expect(wrong.exitCode).not.toBe(0);
    expect((await runMrr(["status", "-n", "foo"], { env })).exitCode).toBe(0);
  });

  test("a file of the ancestor is still read", async () => {
    const file = join(directory, "old");
    await writeFile(file, `${up.endpoint}\n`);
    const env = { XDG_CONFIG_HOME: join(directory, "none"), MRR_ANCESTOR_FILE: file };
    expect((await runMrr(["status", "-n", "foo"], { env })).stdout).toMatch(/^Status = RUNNING/);
  });
});

test("npx mrr in the repository is this program, not a stranger's", async () => {
  const help = await run({ command: "npx", args: ["mrr", "help"], cwd: repositoryRoot() });
  expect([help.exitCode, help.stdout]).toEqual([0, (await up.mrr("help")).stdout]);
});
