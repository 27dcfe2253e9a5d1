/**
 * Owns the tests of the way from events to a plane: order, what goes together, former replicas that expire, a plane that
 * refuses. The plane here only notes what it is told, as slowly as the test wants.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceEndpoints } from "@mr-redis/core";
import { VirtualClock } from "@mr-redis/testing";
import { describe, expect, it } from "vitest";
import { createLog } from "../log.js";
import type { DataPlane, Route } from "../routes.js";
import { Routing } from "./routing.js";
import { keptMsMax, Topology } from "./topology.js";

const server = (port: number) => ({ processId: `p::${port}`, address: "10.0.0.1", port });

const instance = (name: string, port: number, master: number | null, replicas: number[] = []) => ({
  type: "instance" as const,
  instance: {
    name,
    ...{ incarnation: "1", type: "MS", status: "RUNNING", epoch: 1 },
    writer: master === null ? "none" : "ready",
    master: master === null ? null : server(master),
    replicas: replicas.map(server),
    proxy: { write: port, read: replicas.length > 0 ? port + 1 : null },
  } satisfies InstanceEndpoints,
});

function made() {
  const told: string[] = [];
  const releases: ((error?: Error) => void)[] = [];
  const line = ({ name, targets, kept }: Route): string =>
    `${name}=${targets.map(({ port }) => port)}(${kept.map(({ port }) => port)})`;
  const plane: DataPlane = {
    kind: "userspace",
    apply: async () => {},
    change: (changed, removed) => {
      told.push([...removed.map((name) => `-${name}`), ...changed.map(line)].join(" "));
      return new Promise((resolve, reject) => {
        releases.push((error) => (error === undefined ? resolve() : reject(error)));
      });
    },
    configure: () => {},
    states: async () => [],
    close: async () => {},
  };
  const clock = new VirtualClock();
  const lines: string[] = [];
  let touches = 0;
  const routing = new Routing({
    plane,
    topology: new Topology("", []),
    clock,
    log: createLog(
      () => 0,
      (text) => lines.push(text),
    ),
    touched: () => {
      touches += 1;
    },
  });
  return { routing, told, releases, clock, lines, touches: () => touches };
}

describe("Routing", () => {
  it("makes one change of what is heard together, and none of what is not new", async () => {
    const { routing, told, releases, touches } = made();
    const account = [instance("a", 1, 10), instance("b", 3, 11)];
    routing.hear([{ type: "reset" }, ...account, { type: "complete" }]);
    routing.hear([{ type: "reset" }, ...account, { type: "complete" }]);
    expect(told).toEqual(["a/write=10() b/write=11()"]);
    expect(touches()).toBe(1);
    routing.hear([{ type: "reset" }, instance("b", 3, 11), { type: "complete" }]);
    expect(told.slice(1)).toEqual(["-a/write"]);
    for (const release of releases) release();
    await routing.settled();
    routing.close();
  });

  it("keeps the order, and joins what comes while the plane has enough to do", async () => {
    const { routing, told, releases, lines } = made();
    for (let master = 1; master <= 12; master += 1) routing.hear([instance("a", 1, master)]);
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((master) => `a/write=${master}()`));
    // A plane that refuses one is told the next one.
    releases[0]?.(new Error("no"));
    for (const release of releases) release();
    const settled = routing.settled();
    await expect.poll(() => told.length, { timeout: 30_000 }).toBe(9);
    expect(told[8]).toBe("a/write=12()");
    releases[8]?.();
    await settled;
    expect(lines.join()).toContain("the plane refused a change");
    routing.close();
  });

  it("keeps a former replica for its time", async () => {
    const { routing, told, clock } = made();
    routing.hear([instance("a", 1, 10, [20, 21])]);
    routing.hear([instance("a", 1, 10, [20])]);
    expect(told).toEqual(["a/write=10() a/read=20,21()", "a/read=20(21)"]);
    await clock.runTo(keptMsMax - 1);
    expect(told).toHaveLength(2);
    await clock.runTo(keptMsMax + 1_000);
    expect(told.slice(2)).toEqual(["a/read=20()"]);
    routing.close();
    expect(clock.pendingCount).toBe(0);
  });
});
