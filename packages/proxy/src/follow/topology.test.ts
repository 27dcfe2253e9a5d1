/**
 * Owns the tests of the topology: what follows for routes, who is removed when, ports that are named twice, former replicas.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceEndpoints } from "@mr-redis/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Route } from "../routes.js";
import { instancesMax, keptMsMax, Topology } from "./topology.js";

const server = (port: number) => ({ processId: `p::${port}`, address: "10.0.0.1", port });

const instance = (
  name: string,
  ports: readonly [number, number | null] | null,
  master: number | null,
  replicas: readonly number[] = [],
  incarnation = "1",
): InstanceEndpoints => ({
  name,
  incarnation,
  type: "MS",
  status: "RUNNING",
  epoch: 1,
  writer: master === null ? "none" : "ready",
  master: master === null ? null : server(master),
  replicas: replicas.map(server),
  proxy: ports === null ? null : { write: ports[0], read: ports[1] },
});

/** A route as one line: `a/write 20000 -> 1,2 (3)`. */
const line = ({ name, listen, targets, kept }: Route): string => {
  const ports = (list: Route["targets"]) => list.map(({ port }) => port).join(",");
  return `${name} ${listen.port} -> ${ports(targets)}${kept.length > 0 ? ` (${ports(kept)})` : ""}`;
};

const taken = (topology: Topology) => {
  const { changed, removed, problems } = topology.take();
  return {
    changed: changed.map(line),
    removed,
    problems: problems.map(({ name, problem }) => `${name}: ${problem}`),
  };
};

const made = (...taken: number[]) => new Topology("0.0.0.0", taken);

describe("Topology", () => {
  it("makes a route for each port, and says nothing where nothing changed", () => {
    const topology = made();
    topology.set(instance("a", [20_000, 20_001], 1, [2, 3]), 0);
    topology.set(instance("b", [20_002, null], null), 0);
    topology.set(instance("c", null, 4), 0);
    expect(taken(topology)).toEqual({
      changed: ["a/write 20000 -> 1", "a/read 20001 -> 2,3", "b/write 20002 -> "],
      removed: [],
      problems: [],
    });
    topology.set({ ...instance("a", [20_000, 20_001], 1, [2, 3]), status: "DEGRADED" }, 0);
    expect(taken(topology)).toEqual({ changed: [], removed: [], problems: [] });
    topology.remove("a");
    topology.remove("nobody");
    expect(taken(topology)).toEqual({ changed: [], removed: ["a/write", "a/read"], problems: [] });
  });

  it("passes TLS through where an instance speaks it, and knows when that changes", () => {
    const topology = made();
    const secure = { ...instance("a", [20_000, 20_001], 1, [2]), tls: true } as const;
    topology.set(secure, 0);
    expect(topology.take().changed.map(({ passesTls }) => passesTls)).toEqual([true, true]);
    topology.set(secure, 0);
    expect(topology.take().changed).toEqual([]);
    topology.set(instance("a", [20_000, 20_001], 1, [2], "2"), 0);
    expect(topology.take().changed.map(({ passesTls }) => passesTls)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it("removes those that a whole account did not name, and only then", () => {
    const topology = made();
    for (const [index, name] of ["a", "b", "c"].entries()) {
      topology.set(instance(name, [20_000 + index, null], 1), 0);
    }
    topology.complete();
    topology.take();
    topology.reset();
    topology.set(instance("b", [20_001, null], 2), 0);
    expect(taken(topology)).toEqual({ changed: ["b/write 20001 -> 2"], removed: [], problems: [] });
    topology.complete();
    expect(taken(topology).removed).toEqual(["a/write", "c/write"]);
  });

  it("removes nobody after an account of which something could not be read", () => {
    const topology = made();
    topology.set(instance("a", [20_000, null], 1), 0);
    topology.take();
    topology.reset();
    topology.unreadable();
    topology.complete();
    expect(taken(topology).removed).toEqual([]);
    topology.reset();
    topology.complete();
    expect(taken(topology).removed).toEqual(["a/write"]);
  });

  it("gives a port to the first that names it, names the other, and gives it on when it is free", () => {
    const topology = made(20_009);
    topology.set(instance("a", [20_000, null], 1), 0);
    topology.set(instance("b", [20_000, 20_001], 2, [3]), 0);
    topology.set(instance("c", [20_009, null], 4), 0);
    expect(taken(topology)).toEqual({
      changed: ["a/write 20000 -> 1", "b/read 20001 -> 3"],
      removed: [],
      problems: [
        "b: port 20000 is that of a/write",
        "c: port 20009 is that of an entry of the configuration",
      ],
    });
    topology.remove("a");
    expect(taken(topology)).toEqual({
      changed: ["b/write 20000 -> 2"],
      removed: ["a/write"],
      problems: ["b: null"],
    });
  });

  it("lets entries have ports that nobody has, and gives on what they leave", () => {
    const topology = made(20_009);
    topology.set(instance("a", [20_000, null], 1), 0);
    topology.set(instance("b", [20_009, null], 2), 0);
    topology.take();
    expect(topology.reserve([20_000, 20_005])).toEqual([20_000]);
    expect(taken(topology)).toEqual({
      changed: ["b/write 20009 -> 2"],
      removed: [],
      problems: ["b: null"],
    });
    topology.set(instance("c", [20_005, null], 3), 0);
    expect(taken(topology).problems).toEqual([
      "c: port 20005 is that of an entry of the configuration",
    ]);
  });

  it("moves to other ports where a name was created again with them", () => {
    const topology = made();
    topology.set(instance("a", [20_000, null], 1), 0);
    topology.take();
    topology.set(instance("a", [20_007, null], 2, [], "2"), 0);
    expect(taken(topology)).toEqual({
      changed: ["a/write 20007 -> 2"],
      removed: ["a/write"],
      problems: [],
    });
  });

  it("keeps former replicas for a while, and never one that became the master", () => {
    const topology = made();
    const ports = [20_000, 20_001] as const;
    topology.set(instance("a", ports, 1, [2, 3]), 0);
    topology.take();
    topology.set(instance("a", ports, null, []), 1_000);
    expect(taken(topology).changed).toEqual(["a/write 20000 -> ", "a/read 20001 ->  (2,3)"]);
    topology.set(instance("a", ports, 2, []), 2_000);
    expect(taken(topology).changed).toEqual(["a/write 20000 -> 2", "a/read 20001 ->  (3)"]);
    topology.set(instance("a", ports, 2, [3, 4]), 3_000);
    expect(taken(topology).changed).toEqual(["a/read 20001 -> 3,4"]);
    topology.set(instance("a", ports, 2, [4]), 4_000);
    expect(taken(topology).changed).toEqual(["a/read 20001 -> 4 (3)"]);
    expect(topology.expire(4_000 + keptMsMax - 1)).toBe(true);
    expect(taken(topology).changed).toEqual([]);
    expect(topology.expire(4_000 + keptMsMax)).toBe(false);
    expect(taken(topology).changed).toEqual(["a/read 20001 -> 4"]);
  });

  it("leads nobody new to what it recalls until somebody says how it is, or that nobody does", () => {
    const topology = made();
    topology.recall(instance("a", [20_000, 20_001], 1, [2]));
    topology.recall(instance("b", [20_002, null], 3));
    topology.recall(instance("c", [20_004, null], 4));
    expect(taken(topology).changed).toEqual([
      "a/write 20000 ->  (1)",
      "a/read 20001 ->  (2)",
      "b/write 20002 ->  (3)",
      "c/write 20004 ->  (4)",
    ]);
    topology.reset();
    expect(topology.set(instance("a", [20_000, 20_001], 1, [2]), 0)).toBe(false);
    expect(taken(topology).changed).toEqual(["a/write 20000 -> 1", "a/read 20001 -> 2"]);
    topology.unreadable();
    topology.complete();
    expect(taken(topology)).toMatchObject({
      changed: ["b/write 20002 -> 3", "c/write 20004 -> 4"],
      removed: [],
    });
    topology.recall(instance("d", [20_006, null], 5));
    topology.take();
    topology.release();
    expect(taken(topology).changed).toEqual(["d/write 20006 -> 5"]);
  });

  it("holds nothing of instances beyond its limit but that there are some", () => {
    const topology = made();
    for (let count = 0; count < instancesMax; count += 1) {
      topology.set(instance(`i${count}`, null, null), 0);
    }
    topology.reset();
    for (let count = 0; count < 1_000; count += 1)
      topology.set(instance(`x${count}`, null, null), 0);
    expect(taken(topology).problems).toEqual(["x0: there are 65535 instances already"]);
    expect(topology.problems().size).toBe(1);
    topology.complete();
    expect(taken(topology).problems).toEqual(["x0: null"]);
    expect(topology.count).toBe(0);
  });

  it("keeps nobody of an instance that was deleted and created again", () => {
    const topology = made();
    topology.set(instance("a", [20_000, 20_001], 1, [2]), 0);
    topology.take();
    topology.set(instance("a", [20_000, 20_001], 5, [6], "2"), 0);
    expect(taken(topology).changed).toEqual(["a/write 20000 -> 5", "a/read 20001 -> 6"]);
  });

  it("never has two routes of one address, and its changes always add up to what it knows", () => {
    const names = ["a", "b", "c"];
    const set = fc
      .tuple(
        fc.constantFrom(...names),
        fc.option(
          fc.tuple(fc.integer({ min: 1, max: 4 }), fc.option(fc.integer({ min: 5, max: 8 }))),
        ),
        fc.option(fc.integer({ min: 1, max: 3 })),
        fc.constantFrom("1", "2"),
      )
      .map(
        ([name, ports, master, incarnation]) =>
          (topology: Topology) =>
            topology.set(instance(name, ports, master, [7], incarnation), 0),
      );
    const other = fc.constantFrom(
      (topology: Topology) => topology.reset(),
      (topology: Topology) => topology.complete(),
      ...names.map((name) => (topology: Topology) => topology.remove(name)),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(set, other), { maxLength: 30 }), (steps) => {
        const topology = made();
        const live = new Map<string, Route>();
        for (const step of steps) {
          step(topology);
          const { changed, removed } = topology.take();
          for (const name of removed) live.delete(name);
          for (const route of changed) live.set(route.name, route);
          const ports = [...live.values()].map(({ listen }) => listen.port);
          expect(new Set(ports).size).toBe(ports.length);
        }
        // Every port that somebody asks for is served to somebody.
        const asked = topology
          .instances()
          .flatMap(({ proxy }) => [proxy?.write ?? null, proxy?.read ?? null])
          .filter((port) => port !== null);
        const served = [...live.values()].map(({ listen }) => listen.port);
        expect(new Set(served)).toEqual(new Set(asked));
        expect(topology.routesCount).toBe(live.size);
      }),
    );
  });
});
