/**
 * Owns the tests of the meeting of what is wanted and what is offered, over time.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import type { Effect } from "./effects.js";
import { OfferBook } from "./offers.js";
import { controlLimits } from "./settings.js";
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

const ask = (world: World, name: string, slaves: number, distribution: number | null = null) => {
  const choices = { fencing: "on", onUnreachable: "replace" } as const;
  const sizes = { memoryMib: 100, masters: 1 as const, slaves, distribution, config: {} };
  const spec = { ...sizes, ...choices };
  world.send({ type: "create-requested", requestId: name, name, spec });
};

const offering = (world: World, agentId: string, is: boolean): void => {
  const state = world.cluster.states.get(agentId);
  if (state !== undefined) state.offering = is;
  if (!is) world.cluster.rescind(agentId);
};

const ofType = <T extends Effect["type"]>(world: World, type: T) =>
  world.log.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);

describe("offers that come at different times", () => {
  it("are brought together for what needs several agents at once", () => {
    const world = started(3);
    offering(world, "S0", false);
    ask(world, "a", 2, 1);
    world.live(3_300);
    expect(world.document("a").status).toBe("CREATING");
    offering(world, "S0", true);
    world.live(15_000);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("are waited for, for a moment, when others are held already", () => {
    const world = started(3);
    ask(world, "a", 0);
    world.pass(500);
    // Now S0 has the process, the offers of S1 and S2 are still held, and S0 is offered when it is asked for.
    ask(world, "b", 2);
    world.pass(500);
    const agents = world.document("b").processes.map(({ agentId }) => agentId);
    expect(new Set(agents).size).toBe(3);
  });

  it("are waited for when those that were asked for take longer", () => {
    const world = started(3);
    ask(world, "a", 0);
    world.pass(500);
    const [used] = world.document("a").processes;
    const { cluster } = world;
    cluster.revive = () => {};
    ask(world, "b", 2);
    // What comes by itself meanwhile is not the answer.
    const rest = { offerId: "rest", agentId: "S9", hostname: "host", address: "127.0.0.9" };
    const little = { cpusMilli: 1, memMilliMib: 1, ports: [], hasExecutor: false };
    world.send({ type: "offers-received", offers: [{ ...rest, ...little }] });
    world.pass(controlLimits.offerAnswerMs - 1);
    expect(world.document("b").processes).toEqual([]);
    Reflect.deleteProperty(cluster, "revive");
    cluster.revive();
    world.pass(controlLimits.offerGatherMs);
    const agents = world.document("b").processes.map(({ agentId }) => agentId);
    expect([new Set(agents).size, agents.includes(used?.agentId ?? "")]).toEqual([3, true]);
  });

  it("are not waited for by what has one process, nor for longer than an answer takes", () => {
    const world = started(3);
    ask(world, "a", 0);
    world.pass(500);
    world.cluster.revive = () => {};
    ask(world, "one", 0);
    world.pass(controlLimits.offerGatherMs);
    expect(world.document("one").processes.length).toBe(1);
    ask(world, "b", 3);
    world.pass(controlLimits.offerAnswerMs);
    expect(world.document("b").processes.length).toBe(4);
  });

  it("are waited for once, however often more is asked for meanwhile", () => {
    const book = new OfferBook();
    const resources = { cpusMilli: 1, memMilliMib: 1, ports: [], hasExecutor: false };
    const place = { agentId: "S0", hostname: "h", address: "127.0.0.9" };
    book.add({ offerId: "o", ...place, ...resources }, 0);
    book.remove("o");
    const dueMs = 1_000 + controlLimits.offerAnswerMs;
    for (let nowMs = 1_000; nowMs < dueMs; nowMs += 50) {
      book.asked(nowMs);
      expect(book.answerDueMs(nowMs)).toBe(dueMs);
    }
    book.asked(dueMs);
    expect(book.answerDueMs(dueMs)).toBeNull();
  });
});

describe("offers", () => {
  it("are asked for again while something waits, in case a REVIVE was lost", () => {
    const world = started(1);
    world.pass(5_000);
    world.cluster.revive = () => {};
    ask(world, "a", 0);
    world.pass(5_000);
    expect(world.document("a").status).toBe("CREATING");
    Reflect.deleteProperty(world.cluster, "revive");
    world.pass(10_000);
    expect(world.document("a").status).toBe("RUNNING");
  });

  it("of an agent are given back, all of them, when one of them was withdrawn before its use", () => {
    const world = started(1);
    world.pass(5_000);
    world.log.length = 0;
    const offer = (offerId: string, port: number) => ({
      offerId,
      agentId: "S0",
      hostname: "host",
      address: "127.0.0.1",
      cpusMilli: 4_000,
      memMilliMib: 4_000_000,
      ports: [{ begin: port, end: port }],
      hasExecutor: false,
    });
    world.cluster.revive = () => {};
    ask(world, "a", 0);
    world.run();
    world.send({ type: "offers-received", offers: [offer("x", 7_001), offer("y", 7_002)] });
    world.nowMs += 31;
    world.send({ type: "woken" });
    world.send({ type: "offer-rescinded", offerId: "x" });
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.pass(10_000);
    expect(ofType(world, "accept-offers")).toEqual([]);
    expect(ofType(world, "decline-offers").flatMap(({ offerIds }) => offerIds)).toEqual(["y"]);
  });

  it("are given back while a failed start waits for its next try, and while the store is away", () => {
    const world = started(2);
    world.pass(5_000);
    world.cluster.badStarts = 100;
    ask(world, "a", 0);
    world.live(60_000);
    const held = () => world.control.heldOffers().length;
    expect([world.document("a").status, held()]).toEqual(["CREATING", 0]);
    world.cluster.badStarts = 0;
    world.live(90_000);
    expect(world.document("a").status).toBe("RUNNING");

    world.live(5_000);
    ask(world, "b", 0);
    world.deliver();
    world.commitFault = () => "unknown";
    world.live(controlLimits.roundMsMax + 1_500);
    expect([world.document("b").processes.length, held()]).toEqual([1, 0]);
    world.commitFault = null;
    world.live(15_000);
    expect(world.document("b").status).toBe("RUNNING");
  });

  it("of an agent whose name cannot be stored are given back at once", () => {
    const world = started(1);
    world.pass(5_000);
    world.log.length = 0;
    const odd = {
      offerId: "odd",
      agentId: "S1",
      hostname: "my host",
      address: "10.0.0.1",
      cpusMilli: 4_000,
      memMilliMib: 4_000_000,
      ports: [{ begin: 7_000, end: 7_001 }],
      hasExecutor: false,
    };
    world.send({ type: "offers-received", offers: [odd] });
    expect(ofType(world, "decline-offers").map(({ offerIds }) => offerIds)).toEqual([["odd"]]);
    expect(world.control.heldOffers()).toEqual([]);
  });

  it("are matched once with the same wish", () => {
    const world = started(2);
    ask(world, "a", 5, 1);
    world.pass(200);
    const { tried } = world.control.cells.get("a") ?? {};
    world.cluster.reportAll();
    world.send({ type: "woken" });
    world.run();
    expect(world.control.cells.get("a")?.tried).toBe(tried);
    expect(world.document("a").reason?.code).toBe("too-few-agents");
  });
});
