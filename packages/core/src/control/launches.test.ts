/**
 * Owns the tests of launches that do not go as they should: lost, dropped, silent, failed.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { controlLimits } from "./settings.js";
import { World } from "./world.test-support.js";

const started = (count: number, ports = 100): World => {
  const world = new World(
    Array.from({ length: count }, (_, index) => ({
      agentId: `S${index}`,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 6_999 + ports + 100 * index],
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  world.run();
  return world;
};

const ask = (world: World, name: string, slaves = 0, distribution: number | null = null) => {
  const choices = { fencing: "on", onUnreachable: "replace" } as const;
  const sizes = { memoryMib: 100, masters: 1 as const, slaves, distribution, config: {} };
  const spec = { ...sizes, ...choices };
  world.send({ type: "create-requested", requestId: name, name, spec });
};

const agentOf = (world: World, name: string) => world.document(name).processes[0]?.agentId;

const update = (taskId: string, agentId: string, state: string, source: string) => ({
  type: "task-updated" as const,
  update: { taskId, agentId, state, source, reason: null, message: null, uuid: null },
});

describe("a launch of which nothing is heard", () => {
  it("is ended and made anew elsewhere", () => {
    const world = started(2);
    world.cluster.silentStarts = 1;
    ask(world, "a");
    world.live(100_000);
    const first = agentOf(world, "a");
    expect(world.document("a").status).toBe("CREATING");
    world.live(100_000);
    expect(world.document("a").status).toBe("RUNNING");
    expect(agentOf(world, "a")).not.toBe(first);
    expect(world.of("a")).toHaveLength(1);
  });

  it("is not forgotten by the next scheduler", () => {
    const world = started(1);
    world.cluster.silentStarts = 1;
    ask(world, "a");
    world.live(10_000);
    world.restart(2);
    world.live(400_000);
    expect([world.document("a").status, world.of("a").length]).toEqual(["RUNNING", 1]);
  });
});

describe("a launch on an agent that cannot be reached", () => {
  it("is still one of which nothing was heard when the agent is back", () => {
    const world = started(1);
    world.cluster.silentStarts = 1;
    ask(world, "a");
    world.live(10_000);
    world.cluster.lose("S0");
    world.live(10_000);
    world.cluster.find("S0");
    world.live(400_000);
    expect([world.document("a").status, world.of("a").length]).toEqual(["RUNNING", 1]);
  });
});

describe("a process that was placed and not yet launched", () => {
  it("survives that Mesos does not know it when everything is asked about", () => {
    const world = started(1);
    world.pass(5_000);
    world.nowMs = 1_000 + controlLimits.reconcileEveryMs - 100;
    ask(world, "a");
    for (
      let step = 0;
      step < 20 && world.control.document("a")?.processes.length === 0;
      step += 1
    ) {
      if (!world.deliver()) {
        world.nowMs = world.control.wakeAtMs() ?? world.nowMs;
        world.send({ type: "woken" });
      }
    }
    const [planned] = world.document("a").processes;
    const commit = world.queue.findIndex(({ kind }) => kind === "commit");
    const [held] = world.queue.splice(commit, 1);
    world.nowMs = 1_001 + controlLimits.reconcileEveryMs;
    world.send({ type: "woken" });
    world.run();
    expect(world.document("a").processes).toEqual([planned]);
    if (held !== undefined) world.queue.push(held);
    world.pass(1_000);
    expect([world.document("a").status, world.document("a").processes[0]?.id]).toEqual([
      "RUNNING",
      planned?.id,
    ]);
  });
});

describe("a task that may be unknown to Mesos", () => {
  it("is asked about again although an old word of its life comes late", () => {
    const world = started(1);
    ask(world, "a");
    world.live(10_000);
    const process = world.of("a")[0];
    if (process === undefined) throw new Error("not launched");
    const { processId } = process.launch.order;
    world.log.length = 0;
    world.send(update(processId, process.agentId, "TASK_DROPPED", "SOURCE_MASTER"));
    const late = update(processId, process.agentId, "TASK_RUNNING", "SOURCE_EXECUTOR");
    world.send({ ...late, update: { ...late.update, uuid: "bGF0ZQ==" } });
    world.live(4 * controlLimits.reconcileRetryMs);
    const asked = world.log.flatMap((effect) =>
      effect.type === "reconcile-tasks" ? effect.tasks.map(({ taskId }) => taskId) : [],
    );
    // Asked once, and the answer without a uuid settles it.
    expect(asked).toEqual([processId]);
  });
});

describe("the next start", () => {
  it("waits for no back-off and avoids no agent when Mesos dropped the launch", () => {
    const world = started(3);
    ask(world, "a", 2, 1);
    while (world.of("a").length < 3) {
      if (!world.deliver()) {
        world.nowMs = world.control.wakeAtMs() ?? world.nowMs;
        world.send({ type: "woken" });
      }
    }
    const dropped = world.of("a").find(({ goal }) => goal.role === "replica");
    if (dropped === undefined) throw new Error("not launched");
    const { processId } = dropped.launch.order;
    world.queue.length = 0;
    dropped.alive = false;
    world.cluster.updates.delete(processId);
    world.send(update(processId, dropped.agentId, "TASK_DROPPED", "SOURCE_MASTER"));
    world.live(15_000);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("is slowed down also when the wall clock was set back", () => {
    const world = started(1);
    world.cluster.badStarts = 1_000;
    const { control } = world;
    const handle = control.handle.bind(control);
    control.handle = (event) => handle({ ...event, atMs: 1e12 - event.monotonicMs });
    ask(world, "a");
    world.live(60_000);
    const tries = world.log.filter(({ type }) => type === "accept-offers").length;
    expect(tries).toBeLessThan(12);
  });

  it("keeps its back-off when a launch was not sent", () => {
    const world = started(1);
    world.cluster.badStarts = 5;
    ask(world, "a");
    world.live(4_000);
    const cell = world.control.cells.get("a");
    const before = cell?.backoff;
    expect(before?.failures).toBeGreaterThan(2);
    world.acceptFault = "lost";
    world.control.launchDropped(cell as never, "a::none", { code: "accept-failed", text: "" });
    expect(cell?.backoff).toBe(before);
  });
});

describe("a port", () => {
  it("is not taken for a stranger's because its process was deleted before it served", () => {
    const world = started(1, 1);
    for (let count = 0; count < 3; count += 1) {
      world.cluster.silentStarts = 1;
      ask(world, "a");
      while (world.of("a").length === 0) {
        if (!world.deliver()) {
          world.nowMs = world.control.wakeAtMs() ?? world.nowMs;
          world.send({ type: "woken" });
        }
      }
      world.send({ type: "delete-requested", requestId: `d${count}`, name: "a" });
      world.live(2_000);
      expect(world.document("a").status).toBe("DELETED");
    }
    ask(world, "a");
    world.live(20_000);
    expect(world.document("a").status).toBe("RUNNING");
  });
});

describe("the words of an executor", () => {
  it("are cut to what a record can hold", () => {
    const world = started(1);
    ask(world, "a");
    world.live(1_000);
    const [process] = world.of("a");
    if (process === undefined) throw new Error("no process");
    world.cluster.words = "x".repeat(600_000);
    world.kill(process.launch.order.processId);
    world.deliver();
    expect(world.control.cells.get("a")?.lastFailure?.text).toHaveLength(500);
  });
});
