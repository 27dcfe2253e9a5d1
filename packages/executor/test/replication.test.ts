/**
 * Owns goals on real redis-servers: follow, promote, park, re-point, stale stamps, strangers on a port.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, LaunchOrder } from "@mr-redis/core";
import { freePorts } from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { createHarness, type Harness, masterOf, orderOf, parkedAt } from "./harness.js";

let harness: Harness;
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await harness.close();
});

function client(order: LaunchOrder): Redis {
  const redis = new Redis({ host: order.address, port: order.port });
  clients.push(redis);
  return redis;
}

const replicaOf = (id: string, port: number, master: LaunchOrder): LaunchOrder =>
  orderOf(id, port, { goal: { role: "replica", master: masterOf(master) } });

const goalOf = (order: LaunchOrder, counter: number, change: Partial<Goal>): Goal => ({
  ...order.goal,
  stamp: { term: 1, counter },
  ...change,
});

/** A master with data and `count` synced replicas; the replicas are launched first. */
async function createGroup(count: number) {
  harness = createHarness();
  const ports = await freePorts(count + 1);
  const [masterPort = 0, ...replicaPorts] = ports;
  const master = orderOf("inst::m", masterPort);
  const replicas = replicaPorts.map((port, index) => replicaOf(`inst::r${index}`, port, master));
  const startMs = performance.now();
  for (const order of [...replicas, master]) harness.launch(order);
  for (const order of replicas) await harness.reported(order.processId, (each) => each.synced);
  const syncedMs = performance.now() - startMs;
  return { master, replicas, syncedMs };
}

test("replicas attach within milliseconds although they start before their master", async () => {
  const { master, replicas, syncedMs } = await createGroup(3);
  console.log("all synced after ms", syncedMs);
  expect(syncedMs).toBeLessThan(1_000);
  const redis = client(master);
  await redis.set("foo", "bar");
  expect(await redis.wait(3, 1_000)).toBe(3);
  for (const order of replicas) {
    expect(await client(order).get("foo")).toBe("bar");
    expect(harness.report(order.processId)).toMatchObject({
      role: "replica",
      following: `127.0.0.1:${master.port}`,
      linkUp: true,
      dataEpoch: 1,
      diverged: false,
    });
  }
});
