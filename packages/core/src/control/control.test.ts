/**
 * Owns the tests of the decision core as a whole: create, place, heal, promote, delete, restart.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import type { InstanceSpec } from "../instance/types.js";
import type { AgentOffer } from "../placement/types.js";
import { Control } from "./control.js";
import type { ControlHappening } from "./events.js";
import { World, type WorldAgent, worldSettings } from "./world.test-support.js";

const spec = (slaves: number, distribution: number | null = null): InstanceSpec => ({
  memoryMib: 100,
  masters: 1,
  slaves,
  distribution,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
});

const agents = (count: number): WorldAgent[] =>
  Array.from({ length: count }, (_, index) => ({
    agentId: `S${index}`,
    cpusMilli: 8_000,
    memMilliMib: 8_192_000,
    ports: [7_000 + 100 * index, 7_099 + 100 * index],
  }));

const started = (count = 3): World => {
  const world = new World(agents(count));
  world.send({ type: "woken" });
  world.connect();
  world.run();
  return world;
};

const create = (world: World, name: string, slaves: number, distribution: number | null = null) => {
  world.send({ type: "create-requested", requestId: name, name, spec: spec(slaves, distribution) });
  world.pass(100);
};

const masterId = (world: World, name: string): string => {
  const id = world.document(name).masterId;
  if (id === null) throw new Error("no master");
  return id;
};

describe("create", () => {
  it("answers only after the commit and runs an instance with replicas", () => {
    const world = started();
    world.send({ type: "create-requested", requestId: "r", name: "a", spec: spec(2) });
    expect(world.replies.get("r")).toBeUndefined();
    world.pass(100);
    expect(world.replies.get("r")).toEqual({ type: "created", recreated: false });
    const document = world.document("a");
    expect([document.status, document.reason, document.epoch]).toEqual(["RUNNING", null, 1]);
    expect(new Set(document.processes.map((process) => process.agentId)).size).toBe(3);
    expect(world.stored.get("a")?.document).toEqual(document);
  });

  it("lets exactly one of two simultaneous creates win", () => {
    const world = started();
    world.send({ type: "create-requested", requestId: "1", name: "a", spec: spec(0) });
    world.send({ type: "create-requested", requestId: "2", name: "a", spec: spec(1) });
    world.pass(100);
    expect([world.replies.get("1")?.type, world.replies.get("2")?.type]).toEqual([
      "created",
      "exists",
    ]);
    expect(world.document("a").spec.slaves).toBe(0);
  });

  it("says for each agent why there is no place", () => {
    const world = started();
    create(world, "a", 5, 1);
    const document = world.document("a");
    expect(document.status).toBe("CREATING");
    expect(document.reason?.text).toContain("needs 6 agents for distribution 1, 3 are known");
    expect(world.control.cells.get("a")?.unplaced?.agents).toHaveLength(3);
    expect(world.of("a")).toHaveLength(0);
  });

  it("rests when nothing waits: offers go back with a long refusal, then SUPPRESS", () => {
    const world = started();
    create(world, "a", 0);
    world.pass(1_900);
    const last = world.log.filter((effect) => effect.type !== "view-changed").slice(-2);
    expect(last.map((effect) => effect.type)).toEqual(["decline-offers", "suppress-offers"]);
    create(world, "b", 0);
    expect(world.document("b").status).toBe("RUNNING");
  });

  it("reports a store that does not answer, and ends as the store says", () => {
    const world = started();
    world.commitFault = () => "unknown-landed";
    world.send({ type: "create-requested", requestId: "r", name: "a", spec: spec(0) });
    world.run();
    expect(world.replies.get("r")?.type).toBe("store-failed");
    world.commitFault = null;
    world.live(10_000);
    expect(world.document("a").status).toBe("RUNNING");
  });
});

describe("healing", () => {
  it("replaces a dead replica, and says DEGRADED meanwhile", () => {
    const world = started();
    create(world, "a", 1);
    const replica = world.document("a").processes.find((process) => process.role === "replica");
    world.kill(replica?.id ?? "");
    world.deliver();
    expect(world.document("a").status).toBe("DEGRADED");
    world.pass(2_000);
    const document = world.document("a");
    expect([document.status, document.processes.length, document.epoch]).toEqual(["RUNNING", 2, 1]);
    expect(document.processes.some((process) => process.id === replica?.id)).toBe(false);
  });

  it("replaces a dead single by a new empty one in a new reign", () => {
    const world = started();
    create(world, "a", 0);
    const old = masterId(world, "a");
    world.kill(old);
    world.pass(2_000);
    const document = world.document("a");
    expect([document.status, document.epoch, document.masterId === old]).toEqual([
      "RUNNING",
      2,
      false,
    ]);
  });

  it("promotes the replica with most data, from park confirmations, and records it", () => {
    const world = started();
    create(world, "a", 2);
    const old = masterId(world, "a");
    const [behind, ahead] = world
      .of("a")
      .filter((process) => process.launch.order.processId !== old);
    if (behind === undefined || ahead === undefined) throw new Error("two replicas");
    behind.offset = 10;
    ahead.offset = 20;
    world.kill(old);
    world.live(3_000);
    const document = world.document("a");
    expect([document.status, document.epoch, document.masterId]).toEqual([
      "RUNNING",
      2,
      ahead.launch.order.processId,
    ]);
    expect(behind.goal).toMatchObject({ role: "replica", epoch: 2 });
    expect(behind.goal.master?.processId).toBe(document.masterId);
    const [record] = document.failovers;
    expect(record?.steps.map((step) => step.name)).toEqual([
      "master-gone",
      `parked ${behind.launch.order.processId}`,
      `parked ${ahead.launch.order.processId}`,
      "candidate-chosen",
      "master-verified",
    ]);
    expect(record?.candidates).toContainEqual({
      processId: ahead.launch.order.processId,
      hostname: `host-${ahead.agentId}`,
      offset: 20,
      dataEpoch: 1,
      diverged: false,
    });
  });

  it("promotes nobody while the master is only unreachable", () => {
    const world = started();
    create(world, "a", 2);
    const master = masterId(world, "a");
    const { agentId } = world.document("a").processes.find(({ id }) => id === master) ?? {};
    world.cluster.lose(agentId ?? "");
    world.live(60_000);
    const document = world.document("a");
    expect([document.epoch, document.masterId, document.status]).toEqual([1, master, "FAILED"]);
    expect(document.reason?.code).toBe("unreachable");
  });

  it("goes on when the agent of a launch that never arrived is back", () => {
    const world = started(1);
    world.acceptFault = "lost";
    create(world, "a", 0);
    world.cluster.lose("S0");
    world.connect();
    world.live(60_000);
    expect(world.document("a").reason?.code).toBe("unreachable");
    world.cluster.find("S0");
    world.live(120_000);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("builds a lost instance anew, master first, and says why", () => {
    const world = started();
    create(world, "a", 1);
    for (const process of world.of("a")) world.kill(process.launch.order.processId);
    world.live(5_000);
    const document = world.document("a");
    expect([document.status, document.processes.length]).toEqual(["RUNNING", 2]);
    expect(document.epoch).toBeGreaterThan(1);
  });

  it("slows down when starts keep failing, and goes on for ever with a reason", () => {
    const world = started(1);
    create(world, "a", 0);
    for (let count = 0; count < 6; count += 1) {
      for (const process of world.of("a")) world.kill(process.launch.order.processId);
      world.pass(300);
    }
    const launches = world.log.filter((effect) => effect.type === "accept-offers").length;
    expect(launches).toBeLessThan(6);
    expect(world.document("a").reason?.text).toContain("exit code 1");
    world.live(120_000);
    expect(world.document("a").status).toBe("RUNNING");
  });
});

describe("delete", () => {
  it("ends every process, keeps the record for a while, then removes it", () => {
    const world = started();
    create(world, "a", 2);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    expect(world.replies.get("d")).toBeUndefined();
    world.pass(100);
    expect(world.replies.get("d")?.type).toBe("delete-accepted");
    expect([world.document("a").status, world.of("a").length]).toEqual(["DELETED", 0]);
    world.send({ type: "delete-requested", requestId: "d2", name: "a" });
    expect(world.replies.get("d2")?.type).toBe("already-deleted");
    world.pass(3_600_001);
    expect([world.control.document("a"), world.stored.size]).toEqual([undefined, 0]);
  });

  it("cancels what is still waiting for a place", () => {
    const world = started();
    create(world, "a", 50, 1);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.pass(100);
    expect(world.document("a").status).toBe("DELETED");
  });

  it("sends KILLs only in a session, and again in each new one", () => {
    const world = started();
    create(world, "a", 0);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    const kills = () => world.log.filter((effect) => effect.type === "kill-task").length;
    world.start(2);
    world.pass(60_000);
    expect(kills()).toBe(0);
    world.connect();
    expect(kills()).toBe(1);
    world.disconnect();
    world.connect();
    expect(kills()).toBe(2);
  });

  it("lets a deleted name be created again", () => {
    const world = started();
    create(world, "a", 0);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.pass(100);
    world.send({ type: "create-requested", requestId: "again", name: "a", spec: spec(1) });
    world.pass(1_500);
    expect(world.replies.get("again")).toEqual({ type: "created", recreated: true });
    expect(world.document("a").status).toBe("RUNNING");
  });
});

describe("a create over a deleted name", () => {
  it("lives through a store that did not answer to the delete", () => {
    const world = started();
    create(world, "a", 50, 1);
    world.commitFault = () => "unknown";
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.run();
    world.send({ type: "create-requested", requestId: "again", name: "a", spec: spec(0) });
    world.commitFault = null;
    world.live(10_000);
    expect([world.replies.get("again")?.type, world.document("a").status]).toEqual([
      "created",
      "RUNNING",
    ]);
  });
});

describe("the answer to a create", () => {
  it("says that the name exists only after what exists is stored", () => {
    const world = started();
    create(world, "a", 50, 1);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.pass(100);
    world.send({ type: "create-requested", requestId: "2", name: "a", spec: spec(0) });
    world.send({ type: "create-requested", requestId: "3", name: "a", spec: spec(0) });
    expect([world.replies.get("2"), world.replies.get("3")]).toEqual([undefined, undefined]);
    world.pass(100);
    expect([world.replies.get("2"), world.replies.get("3")]).toEqual([
      { type: "created", recreated: true },
      { type: "exists" },
    ]);
  });

  it("is that of a new name while the old record is being removed", () => {
    const world = started();
    create(world, "a", 50, 1);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.pass(100);
    world.nowMs += 3_600_001;
    world.send({ type: "woken" });
    expect(world.control.cells.get("a")?.removing).toBe(true);
    world.send({ type: "create-requested", requestId: "2", name: "a", spec: spec(0) });
    world.pass(100);
    expect([world.replies.get("2")?.type, world.document("a").status]).toEqual([
      "created",
      "RUNNING",
    ]);
  });

  it("comes also when the store refuses the record, to the delete behind it too", () => {
    const world = started();
    world.send({ type: "create-requested", requestId: "c", name: "a", spec: spec(0) });
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.queue.length = 0;
    const rejected = { type: "rejected", text: "too large" } as const;
    world.send({ type: "commit-finished", commitId: 1, result: rejected });
    const failed = { type: "store-failed", text: "too large" };
    expect([world.replies.get("c"), world.replies.get("d")]).toEqual([failed, failed]);
    expect(world.control.document("a")).toBeUndefined();
  });
});

describe("restart", () => {
  it("adopts what runs, at whatever event the scheduler is killed", () => {
    for (let stop = 0; stop < 40; stop += 1) {
      const world = started();
      world.send({ type: "create-requested", requestId: "r", name: "a", spec: spec(2) });
      for (let step = 0; step < stop && world.deliver(); step += 1);
      const accepted = world.replies.has("r");
      world.restart(2);
      world.pass(1_000);
      world.live(10_000);
      if (accepted) expect(world.control.document("a"), `stopped after ${stop}`).toBeDefined();
      if (world.control.document("a") === undefined) continue;
      expect([stop, world.document("a").status, world.of("a").length]).toEqual([
        stop,
        "RUNNING",
        3,
      ]);
    }
  });

  it("kills a task that no instance has", () => {
    const world = started();
    create(world, "a", 0);
    world.stored.clear();
    world.restart(2);
    world.cluster.reportAll();
    world.pass(100);
    expect(world.of("a")).toHaveLength(0);
  });
});

describe("ports", () => {
  it("are not given up for launches that Mesos dropped", () => {
    const control = new Control(worldSettings({ next: 0 }), {
      documents: [],
      atMs: 0,
      monotonicMs: 0,
    });
    let nowMs = 0;
    let stored = 0;
    const launched: string[] = [];
    /** The store answers at once; the one agent has one port. */
    const handle = (happening: ControlHappening): void => {
      for (const effect of control.handle({ ...happening, atMs: nowMs, monotonicMs: nowMs })) {
        if (effect.type === "commit-document") {
          stored += 1;
          const result = { type: "done", revision: String(stored) } as const;
          handle({ type: "commit-finished", commitId: effect.commitId, result });
        } else if (effect.type === "accept-offers") {
          launched.push(...effect.launches.map((launch) => launch.order.processId));
        }
      }
    };
    handle({ type: "subscribed" });
    handle({ type: "create-requested", requestId: "r", name: "a", spec: spec(0) });
    for (let tries = 1; tries <= 3; tries += 1) {
      const offer: AgentOffer = {
        offerId: `offer-${tries}`,
        agentId: "S0",
        hostname: "host",
        address: "127.0.0.1",
        cpusMilli: 8_000,
        memMilliMib: 8_192_000,
        ports: [{ begin: 7_000, end: 7_000 }],
        hasExecutor: true,
      };
      handle({ type: "offers-received", offers: [offer] });
      for (let wakes = 0; launched.length < tries && wakes < 20; wakes += 1) {
        nowMs = control.wakeAtMs() ?? nowMs;
        handle({ type: "woken" });
      }
      const update = {
        taskId: launched.at(-1) ?? "",
        agentId: "S0",
        state: "TASK_DROPPED",
        source: "SOURCE_MASTER",
        reason: "REASON_INVALID_OFFERS",
        message: null,
        uuid: null,
      };
      handle({ type: "task-updated", update });
    }
    expect(launched).toHaveLength(3);
  });
});
