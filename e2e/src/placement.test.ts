/**
 * Tests of placement on real agents: the ancestor's two examples, what cannot be placed, and 1 + 50 on 4 agents.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type RunningUp, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { create, createRunning, masterOf, remove, show, spreadOf } from "./look.js";

describe("3 agents", () => {
  let up: RunningUp;
  let directory = "";

  beforeAll(async () => {
    up = await startUp({ agents: 3 });
    directory = await mkdtemp(join(tmpdir(), "mrr-placement-"));
  });

  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
    expect(await up.stop()).toEqual([]);
  });

  test("a master and 2 slaves: one each", async () => {
    const instance = await createRunning(up, { name: "one-each", slaves: 2 });
    expect(spreadOf(instance)).toEqual([1, 1, 1]);
  });

  test("a master and 5 slaves with -f d.json of distribution 2: two each", async () => {
    const file = join(directory, "d.json");
    await writeFile(file, '{"Distribution": 2}');
    const created = await up.mrr(
      "create",
      "-n",
      "two-each",
      "-m",
      "100",
      "-s",
      "5",
      "-f",
      file,
      "-w",
    );
    // `-w` tells there what it waits for, where that takes a while.
    const said = created.stderr.replace(/^Waiting: .*\n/gm, "");
    expect([created.exitCode, said]).toEqual([0, ""]);
    expect(spreadOf(await show(up, "two-each"))).toEqual([2, 2, 2]);
  });

  test("distribution 1 with 5 slaves stays CREATING, with a reason for each agent", async () => {
    await create(up, { name: "too-wide", slaves: 5, distribution: 1 });
    const shown = await eventually(async () => {
      const instance = await show(up, "too-wide");
      expect(instance.reason?.text).toContain("needs 6 agents for distribution 1, 3 are known");
      return instance;
    });
    expect([shown.status, shown.processes]).toEqual(["CREATING", []]);
    expect(shown.unplaced?.agents).toHaveLength(3);
    for (const agent of shown.unplaced?.agents ?? []) expect(agent.text).not.toBe("");

    const status = await up.mrr("status", "-n", "too-wide");
    expect(status.exitCode).toBe(0);
    expect(status.stdout).toContain("Status = CREATING");
    const said = status.stdout + status.stderr;
    expect(said).toContain("needs 6 agents for distribution 1, 3 are known");
    for (const agent of shown.unplaced?.agents ?? []) expect(said).toContain(agent.text);

    await remove(up, "too-wide");
  });

  test("a master and its only slave are on different agents", async () => {
    const instance = await createRunning(up, { name: "pair", slaves: 1 });
    expect(spreadOf(instance)).toEqual([1, 1]);
    expect(masterOf(instance).ready).toBe(true);
  });
});

describe("4 agents", () => {
  let up: RunningUp;

  beforeAll(async () => {
    up = await startUp({ agents: 4 });
  });

  afterAll(async () => {
    expect(await up.stop()).toEqual([]);
  });

  test("1 + 50 without a distribution is spread evenly", async () => {
    const instance = await createRunning(up, { name: "hello50", slaves: 50 }, 20_000);
    expect(spreadOf(instance)).toEqual([12, 13, 13, 13]);
  });
});
