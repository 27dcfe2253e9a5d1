/**
 * Owns the tests of what is said of an instance while it is not as asked.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { leftoverReport } from "../supervise/report.js";
import { World } from "./world.test-support.js";

const started = (count: number): World => {
  const world = new World(
    Array.from({ length: count }, (_, index) => ({
      agentId: `S${index}`,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_099 + 100 * index],
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  world.run();
  return world;
};

const create = (world: World, name: string, slaves: number): void => {
  const choices = { fencing: "on", onUnreachable: "replace" } as const;
  const spec = { memoryMib: 100, masters: 1 as const, slaves, distribution: 1, config: {} };
  world.send({ type: "create-requested", requestId: name, name, spec: { ...spec, ...choices } });
  world.live(2_000);
};

const agentOf = (world: World, of: (id: string) => boolean): string =>
  world.document("a").processes.find(({ id }) => of(id))?.agentId ?? "";

const shown = (world: World) => {
  const { status, reason } = world.document("a");
  return [status, reason?.code ?? null, reason?.text ?? null];
};

describe("the status of an instance", () => {
  it("stays as it was stored until there was a session for some time", () => {
    const world = started(2);
    create(world, "a", 1);
    world.start(2);
    world.pass(60_000);
    expect(shown(world)).toEqual(["RUNNING", null, null]);
    world.connect();
    world.live(4_000);
    expect(shown(world)).toEqual(["RUNNING", null, null]);
    world.start(3);
    world.connect();
    world.pass(10_000);
    expect(world.document("a").status).toBe("FAILED");
  });

  it("says what a start waits for on its agent, and waits for as long as that is told", () => {
    const world = started(1);
    world.cluster.silentStarts = 1;
    const choices = { fencing: "on", onUnreachable: "replace", distribution: null } as const;
    const spec = { memoryMib: 100, masters: 1 as const, slaves: 0, config: {}, ...choices };
    world.send({ type: "create-requested", requestId: "a", name: "a", spec });
    world.pass(1_000);
    const [process] = world.document("a").processes;
    if (process === undefined) throw new Error("no process");
    const exit = { code: 0, signal: null, text: "", log: [] };
    const silent = { ...leftoverReport(process.id, "s", exit), phase: "starting", exit: null };
    for (const [index, percent] of [10, 50, 90].entries()) {
      const note = `fetches the image redis:7 (${percent} %)`;
      const processes = [{ ...silent, phase: "starting" as const, note }];
      const batch = { version: 1, type: "reports", runId: "r", full: true, processes } as const;
      world.send({
        ...{ type: "reports-received", agentId: process.agentId, executorId: "executor" },
        batch: { ...batch, number: index + 1 },
      });
      expect(shown(world)).toEqual([
        "CREATING",
        "master-starting",
        `the master is being started: ${note}`,
      ]);
      world.pass(100_000);
    }
    expect(world.document("a").processes.map(({ id }) => id)).toEqual([process.id]);
    expect(world.log.filter(({ type }) => type === "kill-task")).toEqual([]);
  });

  it("says what a start waits for: a session, offers, the end of a back-off", () => {
    const world = started(1);
    const code = () => world.document("a").reason?.code;
    world.disconnect();
    const ask = { type: "create-requested", requestId: "a", name: "a" } as const;
    const choices = { fencing: "on", onUnreachable: "replace" } as const;
    const spec = { memoryMib: 100, masters: 1, slaves: 0, distribution: null, config: {} } as const;
    world.send({ ...ask, spec: { ...spec, ...choices } });
    world.run();
    expect(code()).toBe("no-session");
    world.cluster.offerAll = () => {};
    world.connect();
    world.run();
    expect(code()).toBe("waiting-for-offers");
    world.disconnect();
    world.run();
    expect(code()).toBe("no-session");
    Reflect.deleteProperty(world.cluster, "offerAll");
    world.cluster.badStarts = 100;
    world.connect();
    world.live(10_000);
    expect(shown(world).slice(1)).toEqual([
      "backing-off",
      expect.stringMatching(/^starts have failed; the next one waits a while; before that: a::.*/),
    ]);
    world.cluster.badStarts = 0;
    world.live(60_000);
    expect(shown(world)).toEqual(["RUNNING", null, null]);
  });

  it("says that replicas cannot be reached when none is left to be promoted", () => {
    const world = started(2);
    create(world, "a", 1);
    const { masterId } = world.document("a");
    world.cluster.lose(agentOf(world, (id) => id !== masterId));
    world.run();
    world.kill(masterId ?? "");
    world.live(60_000);
    expect(shown(world)).toEqual([
      "FAILED",
      "unreachable",
      "the master is gone; 1 of its processes cannot be reached (on host-S1)",
    ]);
  });

  it("says that an agent cannot be reached when Mesos does not even know it any more", () => {
    const world = started(1);
    create(world, "a", 0);
    world.disconnect();
    world.cluster.forget("S0");
    world.connect();
    world.live(60_000);
    expect(shown(world)).toEqual([
      "FAILED",
      "unreachable",
      expect.stringContaining("on host-S0); 600300 ms after it was last heard a new and empty one"),
    ]);
  });
});

describe("a scheduler", () => {
  it("is informed once Mesos has said something of each process, if only that it cannot be reached", () => {
    const world = started(2);
    create(world, "a", 1);
    world.cluster.lose("S0");
    world.start(2);
    const isInformed = () => world.control.isInformed(world.nowMs);
    expect(isInformed()).toBe(false);
    world.connect();
    expect(isInformed()).toBe(false);
    world.run();
    expect(isInformed()).toBe(true);
  });
});

describe("a delete", () => {
  it("says on whom it waits", () => {
    const world = started(1);
    create(world, "a", 0);
    world.cluster.lose("S0");
    world.run();
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.live(20_000);
    expect(shown(world)).toEqual([
      "DELETING",
      "unreachable",
      "the instance is being deleted; 1 of its processes cannot be reached (on host-S0)",
    ]);
    world.cluster.find("S0");
    world.live(20_000);
    expect(world.document("a").status).toBe("DELETED");
  });

  it("does not wait for an agent that Mesos does not know any more", () => {
    const world = started(2);
    create(world, "a", 1);
    world.cluster.forget("S0");
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.live(20_000);
    expect(world.document("a").status).toBe("DELETED");
    // It comes back after all: what nobody wants is ended.
    world.cluster.find("S0");
    world.live(20_000);
    expect(world.of("a")).toEqual([]);
  });
});

describe("a promotion", () => {
  it("does not choose a replica that can no longer be reached", () => {
    const world = started(3);
    create(world, "a", 2);
    const { masterId } = world.document("a");
    const [first, second] = world.of("a").filter(({ goal }) => goal.role === "replica");
    if (first === undefined || second === undefined) throw new Error("two replicas");
    first.offset = 10;
    world.kill(masterId ?? "");
    // Both are parked; the one with more data is lost before the other is heard.
    const answers = (id: string) =>
      world.queue.findIndex(({ kind, open }) => {
        if (kind !== "report") return false;
        const happening = open();
        if (happening.type !== "reports-received") return false;
        return happening.batch.processes.some((each) => each.processId === id);
      });
    world.deliver();
    world.deliver(answers(first.launch.order.processId));
    world.queue.splice(answers(second.launch.order.processId), 1);
    world.cluster.lose(first.agentId);
    world.live(20_000);
    expect(world.document("a").masterId).toBe(second.launch.order.processId);
  });
});
