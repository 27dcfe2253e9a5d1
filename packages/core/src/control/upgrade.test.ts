/**
 * Tests the upgrade of executors in the decision core, with a world around it: turns, pause and resume, restarts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { InstanceSpec } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { upgradeLimits } from "../upgrade/turns.js";
import { World } from "./world.test-support.js";

const agentOf = (agentId: string, first: number, count = 20) => ({
  agentId,
  cpusMilli: 8_000,
  memMilliMib: 16_000_000,
  ports: [first, first + count - 1] as const,
});

const specOf = (slaves: number): InstanceSpec => ({
  memoryMib: 100,
  masters: 1,
  slaves,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "wait",
});

/** A world in which these instances run on the executor of the first scheduler. */
function begun(instances: Readonly<Record<string, number>>, ports = 20): World {
  const agents = ["a", "b", "c"].map((id, index) => agentOf(id, 7_000 + index * 100, ports));
  const world = new World(agents);
  world.connect();
  for (const [name, slaves] of Object.entries(instances)) {
    world.send({ type: "create-requested", requestId: name, name, spec: specOf(slaves) });
  }
  world.live(5_000);
  for (const name of Object.keys(instances)) expect(world.document(name).status).toBe("RUNNING");
  return world;
}

const executorsOf = (world: World, name: string): string =>
  world
    .document(name)
    .processes.map(({ executorId }) => (executorId === "executor" ? "o" : "n"))
    .sort()
    .join("");

/** One thing after the other happens, until `isThere`. */
function stepUntil(world: World, isThere: () => boolean): void {
  for (let steps = 0; !isThere(); steps += 1) {
    if (steps > 10_000) throw new Error("it does not get there");
    if (world.deliver()) continue;
    world.nowMs += 100;
    world.cluster.offerAll();
    world.cluster.reportAll();
    world.send({ type: "woken" });
  }
}

/** A new scheduler with another executor. */
function upgraded(world: World, term = 2): void {
  world.executorId = "next";
  world.restart(term);
  world.live(3_000);
}

test("nothing is moved until it is wished, then everything", () => {
  const world = begun({ single: 0, pair: 1, three: 2 });
  upgraded(world);
  expect(world.control.upgrades.view()).toEqual({
    state: "off",
    version: "next",
    instances: 3,
    behind: 3,
    processesBehind: 6,
    current: null,
    left: [],
  });
  world.live(60_000);
  expect(executorsOf(world, "three")).toBe("ooo");

  world.send({ type: "upgrade-set", state: "running" });
  expect(world.control.upgrades.view()).toMatchObject({ state: "running", current: "pair" });
  world.live(120_000);
  expect(world.control.upgrades.view()).toMatchObject({ behind: 0, current: null, left: [] });
  for (const [name, executors] of [
    ["single", "n"],
    ["pair", "nn"],
    ["three", "nnn"],
  ] as const) {
    expect([executorsOf(world, name), world.document(name).status]).toEqual([executors, "RUNNING"]);
    expect(world.document(name).epoch).toBe(2);
    // Paused and level: nothing is given up.
    expect(world.document(name).failovers).toMatchObject([{ kind: "planned", bytesGivenUp: 0 }]);
  }
});

test("a master that nobody catches up with is opened again, and its instance gives way", () => {
  const world = begun({ pair: 1 });
  upgraded(world);
  let processId = "";
  world.check = (effect) => {
    if (effect.type !== "send-goals") return;
    const goal = effect.batch.goals.find(
      ({ role, writeQuorum }) => role === "master" && writeQuorum === writeQuorumMax,
    );
    const master = world.cluster.processes.get(goal?.processId ?? "");
    if (master === undefined || processId !== "") return;
    // Its last writes reach nobody.
    master.offset += 100;
    processId = master.launch.order.processId;
  };
  world.send({ type: "upgrade-set", state: "running" });
  stepUntil(world, () => processId !== "");
  for (let tenths = 0; tenths < 150; tenths += 1) {
    world.pass(100);
    world.cluster.report(processId);
  }
  expect(world.of("pair").map(({ goal }) => [goal.role, goal.writeQuorum])).toContainEqual([
    "master",
    0,
  ]);
  expect(world.control.upgrades.view().left).toMatchObject([
    { name: "pair", because: { code: "hand-over-late" } },
  ]);
  expect(world.document("pair").epoch).toBe(1);
});

test("one process of one instance at a time; never fewer than were asked for", () => {
  const world = begun({ one: 2, two: 2 });
  upgraded(world);
  const asked = new Map([
    ["one", 3],
    ["two", 3],
  ]);
  world.check = () => {
    const moving = [...asked].filter(([name, count]) => world.of(name).length !== count);
    expect(moving.length).toBeLessThanOrEqual(1);
    for (const [name, count] of asked) {
      const alive = world.of(name).length;
      // A master that hands over has a replica more than was asked for.
      expect(alive).toBeGreaterThanOrEqual(count);
      expect(alive).toBeLessThanOrEqual(count + 1);
    }
  };
  world.send({ type: "upgrade-set", state: "running" });
  world.live(200_000);
  expect(world.control.upgrades.view()).toMatchObject({ behind: 0, left: [] });
});

test("pause stops the moves, resume goes on, and a new scheduler goes on by itself", () => {
  const world = begun({ one: 2, two: 2 });
  upgraded(world);
  world.send({ type: "upgrade-set", state: "running" });
  stepUntil(world, () => executorsOf(world, "one") === "noo");
  world.send({ type: "upgrade-set", state: "paused" });
  world.live(10_000);
  const paused = [executorsOf(world, "one"), executorsOf(world, "two")];
  world.live(200_000);
  expect([executorsOf(world, "one"), executorsOf(world, "two")]).toEqual(paused);
  expect(paused[1]).toBe("ooo");
  expect(world.document("one").status).toBe("RUNNING");

  world.upgrade = "running";
  world.restart(3);
  world.live(200_000);
  expect([executorsOf(world, "one"), executorsOf(world, "two")]).toEqual(["nnn", "nnn"]);
});

test("where there is no place for one more, replicas are replaced in their places, and a single is left", () => {
  // Two ports on each of three agents, all of them taken.
  const world = begun({ single: 0, rest: 4 }, 2);
  upgraded(world);
  world.send({ type: "upgrade-set", state: "running" });
  world.live(upgradeLimits.crowdedMs * 3 + 30_000);
  expect(executorsOf(world, "rest")).toBe("nnnnn");
  const { left, behind } = world.control.upgrades.view();
  expect([behind, executorsOf(world, "single")]).toEqual([1, "o"]);
  expect(left).toEqual([
    {
      name: "single",
      because: {
        code: "no-place",
        text: "a single moves with a temporary replica, for which there is no place",
      },
    },
  ]);
  // It is tried again, and there is a place once another one is gone.
  world.send({ type: "delete-requested", requestId: "d", name: "rest" });
  world.live(upgradeLimits.againMs + upgradeLimits.crowdedMs);
  expect(executorsOf(world, "single")).toBe("n");
});

test("a temporary replica of a wish that is no more goes", () => {
  const other = begun({ inst: 1 });
  upgraded(other);
  other.send({ type: "upgrade-set", state: "running" });
  stepUntil(other, () => other.of("inst").length === 3);
  other.upgrade = "off";
  const killed = new Set<string>();
  other.check = (effect) => {
    if (effect.type === "kill-task" && effect.because.code === "surplus") killed.add(effect.taskId);
  };
  other.restart(3);
  other.live(30_000);
  expect(other.document("inst").processes.length).toBe(2);
  expect(killed.size).toBe(1);
  expect(other.document("inst").status).toBe("RUNNING");
});
