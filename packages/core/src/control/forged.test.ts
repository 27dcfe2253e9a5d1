/**
 * Owns the proof that an executor speaks for the processes of its own agent only: what another one says of them, whoever
 * sent it, changes nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { ProcessReport } from "../goal/types.js";
import { World } from "./world.test-support.js";

function started(): World {
  const world = new World(
    ["S0", "S1", "S2"].map((agentId, index) => ({
      agentId,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_099 + 100 * index],
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  world.run();
  const choices = { fencing: "on", onUnreachable: "replace" } as const;
  const spec = { memoryMib: 100, masters: 1 as const, slaves: 1, distribution: 1, config: {} };
  world.send({
    type: "create-requested",
    requestId: "r",
    name: "a",
    spec: { ...spec, ...choices },
  });
  world.live(5_000);
  return world;
}

/** What an executor may say of a process at worst: that it died, or that it is a master of a later reign. */
const lie = (processId: string, change: Partial<ProcessReport>): ProcessReport => ({
  processId,
  startId: `start-${processId}`,
  pid: 1,
  phase: "serving",
  exit: null,
  stamp: { term: 9, counter: 9 },
  epoch: 9,
  role: "master",
  writeQuorum: 0,
  closed: null,
  lagSecondsMax: 3,
  goodReplicas: 0,
  following: null,
  linkUp: false,
  loading: false,
  synced: true,
  dataEpoch: 9,
  diverged: false,
  offset: 1_000_000,
  replicationId: "f".repeat(40),
  stats: null,
  ...change,
});

const died = {
  phase: "exited",
  exit: { code: 1, signal: null, text: "exit code 1", log: [] },
} as const;

function forge(world: World, agentId: string, full: boolean, reports: readonly ProcessReport[]) {
  return world.send({
    type: "reports-received",
    agentId,
    executorId: "executor",
    batch: {
      version: 1,
      type: "reports",
      number: 1_000_000,
      runId: "forged",
      full,
      processes: reports,
    },
  });
}

test("reports of an executor about the processes of others change nothing", () => {
  const world = started();
  const before = world.document("a");
  expect(before.status).toBe("RUNNING");
  const agents = new Set(before.processes.map(({ agentId }) => agentId));
  const stranger = ["S0", "S1", "S2"].find((each) => !agents.has(each)) ?? "";
  const ids = before.processes.map(({ id }) => id);
  world.log.length = 0;
  for (const change of [died, {}, { role: "replica" as const, following: "10.9.9.9:1" }]) {
    for (const full of [false, true]) {
      forge(
        world,
        stranger,
        full,
        ids.map((id) => lie(id, change)),
      );
    }
  }
  world.run();
  expect(world.document("a")).toEqual(before);
  const done = world.log.filter(({ type }) => ["kill-task", "commit-document"].includes(type));
  expect(done).toEqual([]);
  world.live(10_000);
  expect(world.document("a")).toEqual(before);
});

test("the same said by its own executor is believed: the test above could fail", () => {
  const world = started();
  const before = world.document("a");
  const master = before.processes.find(({ id }) => id === before.masterId);
  forge(world, master?.agentId ?? "", false, [lie(master?.id ?? "", died)]);
  world.run();
  expect(world.document("a")).not.toEqual(before);
});
