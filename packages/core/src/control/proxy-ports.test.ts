/**
 * Owns the tests of when instances get and lose their ports at proxies, as stories of a whole scheduler.
 * Not: the search for free ones (endpoints/port-book.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { endpointsOf } from "../endpoints/of.js";
import { nameHash, type ProxyPortRange } from "../endpoints/port-book.js";
import type { ProxyPorts } from "../endpoints/types.js";
import { decodeInstance, encodeInstance } from "../instance/codec.js";
import type { InstanceDocument, InstanceSpec } from "../instance/types.js";
import { controlLimits } from "./settings.js";
import { World } from "./world.test-support.js";

const specOf = (slaves: number): InstanceSpec => ({
  memoryMib: 1,
  masters: 1,
  slaves,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
});

function worldWith(proxyPorts: ProxyPortRange | null, agents = 2): World {
  const world = new World(
    Array.from({ length: agents }, (_, index) => ({
      agentId: `S${index}`,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_099 + 100 * index] as const,
    })),
  );
  world.proxyPorts = proxyPorts;
  world.restart(1);
  world.run();
  return world;
}

function create(world: World, name: string, slaves = 0): void {
  world.send({
    type: "create-requested",
    requestId: `c-${name}`,
    name,
    spec: specOf(slaves),
  });
}

const remove = (world: World, name: string): void =>
  void world.send({ type: "delete-requested", requestId: `d-${name}`, name });

const storedOf = (world: World, name: string): ProxyPorts | undefined =>
  world.stored.get(name)?.document.proxy;

const problemOf = (world: World, name: string): string | undefined =>
  world.control.proxyPorts.problemOf(world.document(name))?.code;

/** Puts a document into the store, as someone else would. */
function store(world: World, document: InstanceDocument): void {
  const text = encodeInstance(document);
  world.stored.set(document.name, { text, document, revision: `r-${document.name}` });
}

const range = { first: 20_000, last: 20_009 };
const next = (name: string, step: number): number =>
  range.first + (((nameHash(name) + step) % 10) >>> 0);

describe("a create", () => {
  it("stores its ports with its first commit: one, or two where there are replicas", () => {
    const world = worldWith(range);
    create(world, "a");
    create(world, "b", 1);
    const commits = world.log.flatMap((effect) =>
      effect.type === "commit-document" ? [effect.document?.proxy] : [],
    );
    expect(commits).toEqual([
      { write: expect.any(Number), read: null },
      { write: expect.any(Number), read: expect.any(Number) },
    ]);
    world.live(2_000);
    expect(storedOf(world, "a")).toEqual(commits[0]);
    const cell = world.control.cells.get("b");
    expect(cell === undefined ? null : endpointsOf(cell)?.proxy).toEqual(commits[1]);
  });

  it("goes on without ports when none are free, says so, and gets them later", () => {
    const world = worldWith({ first: 20_000, last: 20_001 });
    create(world, "a", 1);
    create(world, "b", 1);
    create(world, "c");
    world.live(3_000);
    expect(world.replies.get("c-b")).toEqual({ type: "created", recreated: false });
    expect(world.document("b").status).toBe("RUNNING");
    expect([storedOf(world, "b"), storedOf(world, "c")]).toEqual([undefined, undefined]);
    expect(world.control.proxyPorts.problemOf(world.document("b"))?.text).toBe(
      "0 of the 2 ports 20000-20001 (ProxyPorts) are free and it needs 2: widen ProxyPorts and start the scheduler " +
        "again, or delete an instance; it then gets them by itself",
    );
    remove(world, "a");
    world.live(2_000);
    expect(storedOf(world, "b")).toEqual({ write: expect.any(Number), read: expect.any(Number) });
    expect([storedOf(world, "c"), problemOf(world, "c")]).toEqual([
      undefined,
      "proxy-ports-exhausted",
    ]);
    remove(world, "b");
    world.live(2_000);
    expect(storedOf(world, "c")).toEqual({ write: expect.any(Number), read: null });
    expect(problemOf(world, "c")).toBeUndefined();
  });

  it("that the store refuses frees its ports", () => {
    const world = worldWith({ first: 20_000, last: 20_000 });
    create(world, "a");
    const commit = world.log.find((effect) => effect.type === "commit-document");
    world.queue.length = 0;
    const commitId = commit?.type === "commit-document" ? commit.commitId : 0;
    world.send({ type: "commit-finished", commitId, result: { type: "rejected", text: "no" } });
    create(world, "b");
    world.live(1_000);
    expect(storedOf(world, "b")).toEqual({ write: 20_000, read: null });
  });
});

describe("a delete", () => {
  it("frees them once it is stored, not before", () => {
    const world = worldWith({ first: 20_000, last: 20_000 }, 1);
    create(world, "a");
    world.live(2_000);
    world.commitFault = (name) => (name === "a" ? "unknown" : null);
    remove(world, "a");
    world.live(3_000);
    create(world, "b");
    world.live(3_000);
    expect([storedOf(world, "a"), storedOf(world, "b")]).toEqual([
      { write: 20_000, read: null },
      undefined,
    ]);
    world.commitFault = null;
    world.live(10_000);
    expect(world.stored.get("a")?.document.status).toBe("DELETED");
    expect([storedOf(world, "a"), storedOf(world, "b")]).toEqual([
      undefined,
      { write: 20_000, read: null },
    ]);
  });

  it("that comes before its create is stored frees nothing that may be stored", () => {
    const world = worldWith({ first: 20_000, last: 20_000 }, 1);
    world.commitFault = (name) => (name === "a" ? "unknown" : null);
    create(world, "a");
    create(world, "c");
    remove(world, "a");
    expect(world.document("c").proxy).toBeUndefined();
    world.commitFault = null;
    world.live(10_000);
    expect(storedOf(world, "c")).toEqual({ write: 20_000, read: null });
  });

  it("that is not stored yet keeps them for a create of the same name, whatever that needs", () => {
    for (const slaves of [0, 1]) {
      const world = worldWith({ first: 20_000, last: 20_001 }, 1);
      create(world, "a", 1);
      world.live(2_000);
      const before = storedOf(world, "a");
      remove(world, "a");
      // What runs ends; of DELETED and of the create nothing is stored.
      world.commitFault = (name) =>
        name === "a" && world.document("a").status === "DELETED" ? "unknown" : null;
      world.live(2_000);
      expect([world.document("a").status, storedOf(world, "a")]).toEqual(["DELETED", before]);
      world.commitFault = (name) => (name === "a" ? "unknown" : null);
      create(world, "a", slaves);
      create(world, "c");
      world.live(2_000);
      expect([storedOf(world, "a"), storedOf(world, "c")]).toEqual([before, undefined]);
      world.commitFault = null;
      world.live(20_000);
      const ports = ["a", "c"].map((name) => storedOf(world, name));
      expect(ports).toEqual(
        slaves === 1
          ? [before, undefined]
          : expect.arrayContaining([
              { write: 20_000, read: null },
              { write: 20_001, read: null },
            ]),
      );
    }
  });

  it("and a create of the same name gives the same ports", () => {
    const world = worldWith({ first: 20_000, last: 29_999 });
    create(world, "a", 1);
    world.live(2_000);
    const before = storedOf(world, "a");
    remove(world, "a");
    world.live(2_000);
    create(world, "other", 1);
    create(world, "a", 1);
    world.live(2_000);
    expect(storedOf(world, "a")).toEqual(before);
  });
});

describe("a start of the scheduler", () => {
  it("keeps what was given, whatever the range is by then", () => {
    const world = worldWith(range);
    create(world, "a", 1);
    world.live(2_000);
    const before = storedOf(world, "a");
    for (const proxyPorts of [{ first: 30_000, last: 30_000 }, null, range]) {
      world.proxyPorts = proxyPorts;
      world.restart(2);
      world.live(2_000);
      expect(storedOf(world, "a")).toEqual(before);
    }
  });

  it("gives ports to all that have none, some at a time, and a create does not wait for them", () => {
    const world = worldWith(null);
    const count = 3 * controlLimits.proxyPortsBatchMax;
    for (let index = 0; index < count; index += 1) create(world, `n${index}`);
    world.run();
    expect(problemOf(world, "n0")).toBe("no-proxy-ports");
    world.proxyPorts = { first: 20_000, last: 29_999 };
    world.start(2);
    const given = (): number =>
      [...world.control.cells.values()].filter(({ document }) => document.proxy !== undefined)
        .length;
    expect(given()).toBe(controlLimits.proxyPortsBatchMax);
    create(world, "new");
    expect(world.document("new").proxy).toBeDefined();
    expect(problemOf(world, `n${count - 1}`)).toBe("proxy-ports-pending");
    world.pass(controlLimits.proxyPortsPaceMs);
    expect(given()).toBe(2 * controlLimits.proxyPortsBatchMax + 1);
    world.pass(2 * controlLimits.proxyPortsPaceMs);
    expect(given()).toBe(count + 1);
    const ports = [...world.stored.values()].map(({ document }) => document.proxy?.write);
    expect(new Set(ports).size).toBe(count + 1);
  });

  it("lets the older of two with the same port keep it, and one that is being deleted yield", () => {
    const world = worldWith(range);
    for (const name of ["young", "old", "going"]) create(world, name);
    world.live(2_000);
    remove(world, "going");
    world.run();
    const proxy = { write: 20_003, read: null };
    for (const [name, createdAtMs] of [
      ["young", 900],
      ["old", 800],
      ["going", 1],
    ] as const) {
      const document = { ...world.document(name), createdAtMs, proxy };
      const status = name === "going" ? "DELETING" : document.status;
      store(world, { ...document, status, deletedAtMs: null });
    }
    world.restart(2);
    world.live(3_000);
    expect(storedOf(world, "old")).toEqual(proxy);
    expect(storedOf(world, "young")).toEqual({ write: expect.any(Number), read: null });
    expect(storedOf(world, "young")?.write).not.toBe(20_003);
  });
});

describe("the record", () => {
  const documentWith = (proxy: unknown): string => {
    const world = worldWith(range);
    create(world, "a");
    world.live(2_000);
    return JSON.stringify({ ...world.document("a"), proxy });
  };

  it.each([[{ write: 20_000, read: null }], [{ write: 20_000, read: 20_001 }]])(
    "takes %j",
    (proxy) => {
      const text = documentWith(proxy);
      const read = decodeInstance(text);
      expect(read.ok && read.value.proxy).toEqual(proxy);
      expect(read.ok && encodeInstance(read.value)).toBe(text);
    },
  );

  it.each([
    [null, "proxy"],
    [[], "proxy.write"],
    [20_000, "proxy"],
    [{ write: 0, read: null }, "proxy.write"],
    [{ write: 65_536, read: null }, "proxy.write"],
    [{ write: "20000", read: null }, "proxy.write"],
    [{ write: 20_000 }, "proxy.read"],
    [{ write: 20_000, read: 20_000 }, "proxy.read"],
    [{ write: 20_000, read: null, more: 1 }, "proxy.more"],
  ])("refuses %j at %s", (proxy, path) => {
    const read = decodeInstance(documentWith(proxy));
    expect(read.ok ? [] : read.problems.map((problem) => problem.path)).toContain(
      Array.isArray(proxy) ? "proxy" : path,
    );
  });

  it("without ports has no such field, as older ones", () => {
    const world = worldWith(null);
    create(world, "a");
    world.live(2_000);
    const text = world.stored.get("a")?.text ?? "";
    expect(text).not.toContain("proxy");
    expect(decodeInstance(text).ok).toBe(true);
  });
});

it("begins its search where the name says", () => {
  const world = worldWith(range);
  create(world, "inst", 1);
  world.run();
  expect(storedOf(world, "inst")).toEqual({ write: next("inst", 0), read: next("inst", 1) });
});
