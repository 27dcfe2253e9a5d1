/**
 * Owns the tests of redis-servers that are not there: links, roles, taken ports.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, LaunchOrder } from "@mr-redis/core";
import { expect, test } from "vitest";
import { RedisWorld } from "./redis-world.js";

const address = "127.0.0.1";
const goalOf = (processId: string, masterPort: number | null, epoch = 1): Goal => ({
  processId,
  stamp: { term: 1, counter: epoch },
  epoch,
  role: masterPort === null ? "master" : "replica",
  master:
    masterPort === null
      ? null
      : { processId: "m", address, port: masterPort, user: "replica-1", secret: "secret" },
  writeQuorum: 0,
  lagSecondsMax: 3,
  followers: masterPort === null ? [{ user: "replica-1", password: "secret" }] : [],
  leaseMs: null,
});
const orderOf = (processId: string, port: number, masterPort: number | null): LaunchOrder => ({
  version: 1,
  instance: "x",
  processId,
  address,
  port,
  memoryMib: 100,
  config: {},
  goal: goalOf(processId, masterPort),
});

test("a replica's link is up exactly while its master listens, and each change is told", () => {
  const world = new RedisWorld();
  let told = 0;
  const replica = world.start(orderOf("r", 2, 1), 0, () => {
    told += 1;
  });
  if (replica === null) throw new Error("the port is free");
  expect(world.infoOf(replica, 0)).toMatchObject({ linkUp: false, attach: "connect" });
  const master = world.start(orderOf("m", 1, null), 0, () => undefined);
  if (master === null) throw new Error("the port is free");
  expect([world.infoOf(replica, 0).linkUp, told]).toEqual([true, 1]);
  world.stop(master);
  expect([world.infoOf(replica, 0).linkUp, told]).toEqual([false, 2]);
  world.stop(replica);
  world.start(orderOf("m2", 1, null), 0, () => undefined);
  expect(told).toBe(2);
});

test("a replica is cut off by a master that does not know its user", () => {
  const world = new RedisWorld();
  let told = 0;
  const replica = world.start(orderOf("r", 2, 1), 0, () => {
    told += 1;
  });
  const master = world.start(orderOf("m", 1, null), 0, () => undefined);
  if (master === null || replica === null) throw new Error("the ports are free");
  expect(world.infoOf(master, 0)).toMatchObject({ goodReplicas: 1, followers: ["replica-1"] });
  world.apply(master, { ...goalOf("m", null, 2), followers: [] }, "lease");
  expect([world.infoOf(replica, 0).linkUp, told]).toEqual([false, 2]);
  expect(world.infoOf(master, 0)).toMatchObject({
    goodReplicas: 0,
    followers: [],
    writeQuorum: 2_147_483_647,
  });
});

test("a goal changes whom it follows; its answer is what the goal wants", () => {
  const world = new RedisWorld();
  world.start(orderOf("a", 1, null), 0, () => undefined);
  const redis = world.start(orderOf("b", 2, 1), 1_000, () => undefined);
  if (redis === null) throw new Error("the port is free");
  const { master: _, ...parked } = goalOf("b", null, 2);
  world.apply(redis, { ...parked, role: "parked", master: null, followers: [] }, null);
  expect(world.infoOf(redis, 5_500)).toMatchObject({
    role: "replica",
    master: { address, port: 1 },
    linkUp: false,
    uptimeSeconds: 4,
  });
  world.apply(redis, { ...goalOf("b", null, 3), writeQuorum: 1 }, null);
  expect(world.infoOf(redis, 0)).toMatchObject({
    pid: redis.pid,
    role: "master",
    master: null,
    writeQuorum: 1,
    attach: "none",
  });
});

test("a port has one server, until that one has ended", () => {
  const world = new RedisWorld();
  const first = world.start(orderOf("a", 1, null), 0, () => undefined);
  expect(world.start(orderOf("b", 1, null), 0, () => undefined)).toBeNull();
  if (first !== null) world.stop(first);
  expect(world.start(orderOf("b", 1, null), 0, () => undefined)).not.toBeNull();
});
