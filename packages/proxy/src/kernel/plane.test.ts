/**
 * Owns the tests of what the kernel plane does when its tools fail: no cut is forgotten. The tools and the plane beneath are
 * the test's; the kernel itself is in test/kernel.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { VirtualClock } from "@mr-redis/testing";
import { expect, test } from "vitest";
import type { DataPlane, Route } from "../routes.js";
import { KernelPlane } from "./plane.js";
import type { ToolResult } from "./tools.js";

const route = (...targets: number[]): Route => ({
  ...{ name: "a/write", kind: "write", listen: { host: "", port: 20_000 }, kept: [] },
  targets: targets.map((last) => ({ host: `10.0.0.${last}`, port: 7_000 })),
});

const good: ToolResult = { isOk: true, stdout: "", stderr: "", problem: "" };
const bad: ToolResult = { ...good, isOk: false, problem: "no memory" };

function made(under: Partial<DataPlane> = {}) {
  const clock = new VirtualClock();
  /** What is cut, and what the table is told of port 20000; a tool fails while its name is here. */
  const calls: string[] = [];
  const failing = new Set<string>();
  const plane = new KernelPlane({
    lock: { release: async () => {} },
    run: async (command, args, stdin = "") => {
      const isTable = command === "nft" && args[0] === "-f";
      const isCut = command === "conntrack" && args[0] === "-D";
      const name = isCut ? "cut" : isTable ? "table" : "list";
      if (isCut) calls.push(`cut ${args[args.indexOf("--reply-src") + 1]}`);
      const leads = /add element \S+ \S+ one_net \{ (.*) \}/.exec(stdin)?.[1];
      if (isTable && leads !== undefined) calls.push(`lead ${leads}`);
      return failing.has(name) ? bad : good;
    },
    options: {
      ...{ clock, workers: 1 },
      settings: { clientsMax: 1, clientsTotalMax: 1, targetWaitMs: 1, tls: null },
      watcher: { problem: () => {}, log: () => {} },
    },
    under: {
      kind: "userspace",
      apply: async () => {},
      change: async () => {},
      configure: () => {},
      states: async () => [],
      close: async () => {},
      ...under,
    },
    broken: new Set(),
    routing: { forwards: true, forwardsNot: null, routesLocalnet: false },
  });
  return { plane, clock, calls, failing };
}

const lead = (last: number): string => `lead 20000 : 10.0.0.${last} . 7000`;

test("a cut that the kernel refuses is tried again until it is made", async () => {
  const { plane, clock, calls, failing } = made();
  await plane.change([route(1)], []);
  failing.add("cut");
  await plane.change([route(2)], []);
  expect(calls).toEqual([lead(1), lead(2), "cut 10.0.0.1"]);
  await clock.runTo(2_000);
  expect(calls.slice(3)).toEqual(["cut 10.0.0.1"]);
  failing.clear();
  await clock.runTo(60_000);
  expect(calls.slice(4)).toEqual(["cut 10.0.0.1"]);
  await plane.close();
  expect(clock.pendingCount).toBe(0);
});

test("a cut of a route that is gone is tried again, and none of a target that is one again", async () => {
  const { plane, clock, calls, failing } = made();
  await plane.change([route(1)], []);
  failing.add("cut");
  await plane.change([route(2)], []);
  await plane.change([route(1)], []);
  await plane.change([], ["a/write"]);
  await plane.change([route(1)], []);
  failing.clear();
  calls.length = 0;
  await clock.runTo(5_000);
  expect(calls).toEqual(["cut 10.0.0.2"]);
  await plane.close();
});

test("what an old table may have led on is cut once there is a new one", async () => {
  const { plane, clock, calls, failing } = made();
  await plane.change([route(1)], []);
  failing.add("table");
  await plane.change([route(2)], []);
  failing.clear();
  calls.length = 0;
  await clock.runTo(5_000);
  // It reads what the host forwards, which takes real time.
  await expect.poll(() => calls, { timeout: 30_000 }).toEqual([lead(2), "cut 10.0.0.1"]);
  await plane.close();
});

test("the kernel makes its change where the plane beneath refuses its own", async () => {
  let isBroken = false;
  const change = async (): Promise<void> => {
    if (isBroken) throw new Error("broken");
  };
  const { plane, calls } = made({ change });
  await plane.change([route(1)], []);
  isBroken = true;
  await expect(plane.change([route(2)], [])).rejects.toThrow("broken");
  expect(calls).toEqual([lead(1), lead(2), "cut 10.0.0.1"]);
  await plane.close();
});
