/**
 * Owns the tests of what is told of an instance's addresses, as stories of whole instances.
 * Not: the failovers themselves (failover.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { createCell } from "../control/cell.js";
import { World, type WorldProcess } from "../control/world.test-support.js";
import type { InstanceSpec } from "../instance/types.js";
import { endpointsKey, endpointsOf } from "./of.js";
import type { InstanceEndpoints } from "./types.js";

const specOf = (slaves: number): InstanceSpec => ({
  memoryMib: 100,
  masters: 1,
  slaves,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
});

function empty(agents: number): World {
  const world = new World(
    Array.from({ length: agents }, (_, index) => ({
      agentId: `S${index}`,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_099 + 100 * index] as const,
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  world.run();
  return world;
}

function started(slaves: number, agents = slaves + 2): World {
  const world = empty(agents);
  world.send({ type: "create-requested", requestId: "c", name: "a", spec: specOf(slaves) });
  world.live(2_000);
  expect(world.document("a").status).toBe("RUNNING");
  return world;
}

function toldOf(world: World): InstanceEndpoints | null {
  const cell = world.control.cells.get("a");
  return cell === undefined ? null : endpointsOf(cell);
}

const addressOf = ({ launch: { order } }: WorldProcess) => ({
  processId: order.processId,
  address: order.address,
  port: order.port,
});

const masterOf = (world: World): WorldProcess => {
  const process = world.cluster.processes.get(world.document("a").masterId ?? "");
  if (process === undefined) throw new Error("no master");
  return process;
};

const idOf = (process: WorldProcess | undefined): string => process?.launch.order.processId ?? "";

const replicasOf = (world: World): WorldProcess[] =>
  world
    .of("a")
    .filter((process) => process !== masterOf(world))
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));

/** What was told after every delivery and every tenth of a second, without repetitions. */
function toldDuring(world: World, milliseconds: number): string[] {
  const told: string[] = [];
  const look = (): void => {
    const now = toldOf(world);
    const text =
      now === null
        ? "gone"
        : `${now.epoch} ${now.writer} ${now.master?.processId ?? "-"} ${now.replicas.length}`;
    if (told.at(-1) !== text) told.push(text);
  };
  look();
  for (let passed = 0; passed < milliseconds; passed += 100) {
    if (passed % 1_000 === 0) {
      world.cluster.reportAll();
      world.cluster.offerAll();
    }
    while (world.deliver()) look();
    world.pass(100);
    look();
  }
  return told;
}

function ask(world: World, force = false): void {
  world.send({ type: "failover-requested", requestId: "f", name: "a", to: null, force });
}

describe("a create", () => {
  it("is told once it is stored, with its master once that accepts writes", () => {
    const world = empty(3);
    world.send({ type: "create-requested", requestId: "c", name: "a", spec: specOf(1) });
    expect(toldOf(world)).toBeNull();
    const told = toldDuring(world, 2_000);
    const { masterId, incarnation } = world.document("a");
    expect(told[0]).toBe("gone");
    expect(told[1]).toBe("0 none - 0");
    expect(told.at(-1)).toBe(`1 ready ${masterId} 1`);
    expect(told.filter((text) => text.startsWith("0 ")).length).toBe(1);
    expect(toldOf(world)).toEqual({
      name: "a",
      incarnation,
      type: "MS",
      status: "RUNNING",
      epoch: 1,
      writer: "ready",
      master: addressOf(masterOf(world)),
      replicas: replicasOf(world).map(addressOf),
      proxy: null,
    });
  });

  it("names no master that was placed and never opened for writes", () => {
    const world = empty(1);
    world.deafness = 1_000;
    world.send({ type: "create-requested", requestId: "c", name: "a", spec: specOf(0) });
    const told = toldDuring(world, 3_000);
    expect(world.document("a").epoch).toBe(1);
    expect(told.every((text) => !text.includes("ready"))).toBe(true);
  });
});

describe("a death", () => {
  it("of the master ends its address at once; the next one is told when it was seen to write", () => {
    const world = started(2);
    const old = idOf(masterOf(world));
    world.kill(old);
    const told = toldDuring(world, 3_000);
    const next = world.document("a").masterId;
    expect(next).not.toBe(old);
    expect(told[0]).toBe(`1 ready ${old} 2`);
    expect(told[1]).toMatch(/^1 none - /);
    expect(told.findIndex((text) => text.startsWith("2 none"))).toBeGreaterThan(0);
    expect(told.find((text) => text.startsWith("2 ready"))).toContain(next ?? "none");
    expect(told.some((text, index) => index > 0 && text.includes(old))).toBe(false);
  });

  it("of a single ends its address until the new one accepts writes", () => {
    const world = started(0);
    const old = idOf(masterOf(world));
    world.kill(old);
    const told = toldDuring(world, 3_000);
    expect(told.map((text) => text.split(" ")[1])).toEqual(["ready", "none", "none", "ready"]);
    expect(told.at(-1)).toBe(`2 ready ${world.document("a").masterId} 0`);
  });

  it("of a replica takes that replica away, and nothing else", () => {
    const world = started(2, 3);
    const [first, second] = replicasOf(world);
    for (const state of world.cluster.states.values()) state.offering = false;
    for (const agentId of world.cluster.states.keys()) world.cluster.rescind(agentId);
    world.kill(idOf(first));
    world.run();
    expect(toldOf(world)).toMatchObject({
      writer: "ready",
      master: addressOf(masterOf(world)),
      replicas: [second === undefined ? null : addressOf(second)],
    });
  });
});

describe("a failover on request", () => {
  it("leaves the old master until the commit, and names the new one when it was seen to write", () => {
    const world = started(2);
    const old = masterOf(world).launch.order.processId;
    ask(world);
    const told = toldDuring(world, 3_000);
    const next = world.document("a").masterId;
    const writers = told.map((text) => text.split(" ").slice(0, 3).join(" "));
    expect([...new Set(writers)]).toEqual([`1 ready ${old}`, "2 none -", `2 ready ${next}`]);
  });

  it("leaves the old master while the commit has no outcome", () => {
    const world = started(1);
    const old = addressOf(masterOf(world));
    world.commitFault = () => "unknown";
    ask(world);
    world.live(1_000);
    expect(world.document("a").epoch).toBe(2);
    expect(toldOf(world)).toMatchObject({ epoch: 1, writer: "ready", master: old });
  });
});

describe("a master that is not heard", () => {
  it("stays while only its executor is silent", () => {
    const world = started(1);
    const master = masterOf(world);
    const before = toldOf(world);
    // Nothing is heard of the whole agent, but its replica hears it.
    const state = world.cluster.states.get(master.agentId);
    expect(state).toBeDefined();
    world.pass(1_000);
    const report = world.cluster.report.bind(world.cluster);
    for (let second = 0; second < 5; second += 1) {
      for (const replica of replicasOf(world)) report(idOf(replica));
      world.pass(1_000);
    }
    expect(world.control.isSilent(world.document("a").processes[0] ?? never())).toBe(true);
    expect(toldOf(world)).toEqual({ ...before, status: "DEGRADED", writer: "unheard" });
  });

  it("is none from the first park on, until the next one writes", () => {
    const world = started(2);
    const old = masterOf(world);
    world.cluster.cut(old.agentId);
    const told = toldDuring(world, 15_000);
    const writers = told.map((text) => text.split(" ").slice(0, 3).join(" "));
    const next = world.document("a").masterId;
    expect(next).not.toBe(idOf(old));
    const changes = writers.filter((text, index) => text !== writers[index - 1]);
    expect(changes.filter((text) => text !== "2 none -")).toEqual([
      `1 ready ${idOf(old)}`,
      "1 none -",
      `2 ready ${next}`,
    ]);
  });

  it("is told again when it is heard before anything was decided", () => {
    const world = started(2);
    const old = masterOf(world);
    world.cluster.cut(old.agentId);
    toldDuring(world, 4_000);
    expect(toldOf(world)?.writer).toBe("none");
    world.cluster.mend(old.agentId);
    toldDuring(world, 3_000);
    expect(toldOf(world)).toMatchObject({ epoch: 1, writer: "ready", master: addressOf(old) });
  });

  it("of a single stays until it is given up", () => {
    const world = started(0);
    const old = addressOf(masterOf(world));
    world.cluster.cut(masterOf(world).agentId);
    toldDuring(world, 60_000);
    expect(toldOf(world)).toMatchObject({ writer: "unheard", master: old });
    world.live(600_000);
    expect(toldOf(world)).toMatchObject({ epoch: 2, writer: "ready" });
    expect(toldOf(world)?.master).not.toEqual(old);
  });
});

describe("a start of the scheduler", () => {
  it.each([0, 2])("takes nothing away of 1 + %d, before its session and after", (slaves) => {
    const world = started(slaves);
    const before = toldOf(world);
    world.start(2);
    expect(toldOf(world)).toEqual({ ...before, writer: "unheard" });
    world.pass(5_000);
    expect(toldOf(world)).toEqual({ ...before, writer: "unheard" });
    world.connect();
    const told = toldDuring(world, 3_000);
    expect(told).toEqual([
      `1 unheard ${before?.master?.processId} ${slaves}`,
      `1 ready ${before?.master?.processId} ${slaves}`,
    ]);
    expect(toldOf(world)).toEqual(before);
  });

  it("names no master of a promotion that nobody has seen writing", () => {
    const world = started(2);
    const old = idOf(masterOf(world));
    world.kill(old);
    for (let count = 0; world.stored.get("a")?.document.epoch !== 2; count += 1) {
      if (count > 1_000 || !world.deliver()) throw new Error("no promotion");
    }
    world.start(2);
    expect(toldOf(world)).toMatchObject({ epoch: 2, writer: "none", master: null });
    world.connect();
    world.live(2_000);
    expect(toldOf(world)).toMatchObject({ epoch: 2, writer: "ready" });
    world.start(3);
    expect(toldOf(world)).toMatchObject({ epoch: 2, writer: "unheard" });
  });

  it("shows a master that its executor has closed as unheard", () => {
    const world = started(0);
    world.disconnect();
    world.pass(700_000);
    world.deafness = 1_000_000;
    world.connect();
    world.cluster.reportAll();
    world.run();
    const [process] = world.document("a").processes;
    const cell = world.control.cells.get("a");
    expect(cell?.reports.get(process?.id ?? "")?.closed).toBe("lease");
    expect(toldOf(world)).toMatchObject({ epoch: 1, writer: "unheard" });
  });
});

describe("a delete", () => {
  it("takes the addresses away once it is stored, and the instance once it is done", () => {
    const world = started(1);
    const { masterId } = world.document("a");
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    expect(toldOf(world)).toMatchObject({ status: "RUNNING", writer: "ready" });
    expect(toldDuring(world, 2_000)).toEqual([`1 ready ${masterId} 1`, "1 none - 0", "gone"]);
  });

  it("of a name that is created again: another incarnation", () => {
    const world = started(0);
    const before = toldOf(world);
    world.send({ type: "delete-requested", requestId: "d", name: "a" });
    world.live(2_000);
    world.send({ type: "create-requested", requestId: "e", name: "a", spec: specOf(0) });
    world.live(2_000);
    const after = toldOf(world);
    expect(after?.incarnation).not.toBe(before?.incarnation);
    expect(after).toMatchObject({ epoch: 1, writer: "ready" });
  });
});

describe("the key", () => {
  it("differs with everything that may differ, and with nothing else", () => {
    const world = started(2);
    const told = toldOf(world) ?? never();
    const changes: Partial<InstanceEndpoints>[] = [
      { incarnation: "x" },
      { status: "DEGRADED" },
      { epoch: 2 },
      { writer: "unheard" },
      { master: null },
      { replicas: told.replicas.slice(1) },
      { replicas: [] },
      { proxy: { write: 20_000, read: null } },
      { proxy: { write: 20_000, read: 20_001 } },
    ];
    const keys = [told, ...changes.map((change) => ({ ...told, ...change }))].map(endpointsKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(endpointsKey(structuredClone(told))).toBe(endpointsKey(told));
  });

  it("of a document that is not stored there is none", () => {
    const world = started(0);
    expect(endpointsOf(createCell(world.document("a"), null))).toBeNull();
  });
});

function never(): never {
  throw new Error("not to be reached");
}
