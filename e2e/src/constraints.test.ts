/**
 * Tests constraints on real agents with attributes: where processes go, where a replacement goes, and what is said
 * of each agent that may not hold one.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type RunningUp, signalProcess, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { create, replicasOf, type ShownInstance, show, waitStatus } from "./look.js";

const deadlineMs = 40_000;

let up: RunningUp;
let directory = "";
/** Rack of each agent, by its id. */
const racks = new Map<string, string>();

interface ShownAgent {
  readonly agentId: string;
  readonly attributes: readonly { readonly name: string; readonly value: string }[] | null;
  readonly offered: { readonly cpus: number } | null;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-constraints-"));
  up = await startUp({ agents: 4, args: ["--attributes", "rack:r{agent};zone:z1;gen:2.5"] });
  // Agents are known once they have offered something, and that is when something is wanted.
  await create(up, { name: "first" });
  await waitStatus(up, "first", "RUNNING", deadlineMs);
  await eventually(
    async () => {
      const { agents } = (await up.api("GET", "/v2/agents")).json as {
        agents: readonly ShownAgent[];
      };
      for (const { agentId, attributes } of agents) {
        const rack = attributes?.find(({ name }) => name === "rack")?.value;
        if (rack !== undefined) racks.set(agentId, rack);
      }
      if (racks.size < 4) throw new Error(`${racks.size} agents are known`);
    },
    { deadlineMs, what: "all agents show their racks" },
  );
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  expect(await up?.stop()).toEqual([]);
});

const racksOf = (instance: ShownInstance): string[] =>
  instance.processes.map(({ agentId }) => racks.get(agentId) ?? "?").sort();

/** Without what a busy machine lets it say while it waits. */
const problemsIn = (stderr: string): string => stderr.replace(/^Waiting: .*\n/gm, "");

test("the command line: three racks, and a replacement in one that has none", async () => {
  const made = await up.mrr(
    ...["create", "-n", "unique", "-s", "2", "-w"],
    ...["--constraint", "rack:UNIQUE", "--constraint", "gen:IN:2.50"],
  );
  expect([made.exitCode, problemsIn(made.stderr)]).toEqual([0, ""]);
  const before = await show(up, "unique");
  expect(new Set(racksOf(before)).size).toBe(3);
  const shown = await up.mrr("status", "-n", "unique");
  expect(shown.stdout).toContain("Constraint = rack:UNIQUE\nConstraint = gen:IN:2.50\n");

  const [replica] = replicasOf(before);
  signalProcess(up.redisPid(replica?.port ?? 0), "SIGKILL");
  const after = await eventually(
    async () => {
      const instance = await show(up, "unique");
      const isSame = instance.processes.some(({ id }) => id === replica?.id);
      if (isSame || instance.status !== "RUNNING") throw new Error(instance.status);
      return instance;
    },
    { deadlineMs, what: "the replica is replaced" },
  );
  expect(new Set(racksOf(after)).size).toBe(3);
});

test("a file: only the racks that are listed, evenly", async () => {
  const file = join(directory, "in.json");
  const constraints = [
    ["rack", "IN", "r2,r4"],
    ["rack", "SPREAD"],
  ];
  await writeFile(file, JSON.stringify({ Constraints: constraints }));
  // SPREAD looks at what is offered: by then all is, in one answer, and no agent's rest alone.
  await eventually(
    async () => {
      const { agents } = (await up.api("GET", "/v2/agents")).json as {
        agents: readonly ShownAgent[];
      };
      const held = agents.filter(({ offered }) => offered !== null);
      if (held.length > 0) throw new Error(`${held.length} agents are offered`);
    },
    { deadlineMs, what: "offers are given back" },
  );
  const made = await up.mrr("create", "-n", "listed", "-s", "3", "-f", file, "-w");
  expect([made.exitCode, problemsIn(made.stderr)]).toEqual([0, ""]);
  expect(racksOf(await show(up, "listed"))).toEqual(["r2", "r2", "r4", "r4"]);
  const answer = await up.api("GET", "/v2/instances/listed");
  expect(answer.json).toMatchObject({ constraints });
});

test("what cannot be is accepted, and says why for each agent", async () => {
  const body = { Constraints: [["rack", "UNIQUE"]] };
  expect((await up.api("POST", "/v1/CREATE/wide/100/1/4", body)).status).toBe(201);
  const none = { name: "none", memory: 100, slaves: 0, constraints: [["@zone", "IN", "z1"]] };
  expect((await up.api("POST", "/v2/instances", none)).status).toBe(201);
  const reasonOf = (name: string, text: string) =>
    eventually(
      async () => {
        const instance = await show(up, name);
        expect(instance.unplaced?.text).toBe(text);
        return instance;
      },
      { deadlineMs, what: `${name} says why` },
    );
  await reasonOf("wide", "rack UNIQUE leaves room for 4 of 5 processes: 4 values are known");
  const shown = await reasonOf("none", "no known agent satisfies the constraints (@zone IN z1)");
  expect(shown.unplaced?.agents.map(({ text }) => text)).toEqual(
    Array(4).fill("has no fault domain (@zone IN z1)"),
  );
  expect([shown.status, shown.processes]).toEqual(["CREATING", []]);
});

test("what is no constraint is refused, with all that is wrong", async () => {
  const refused = await up.mrr("create", "-n", "bad", "--constraint", "rack:GROUP_BY");
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain("constraints[0][1] must be one of UNIQUE");
  expect(refused.stderr).toContain("(what it says is SPREAD)");
});
