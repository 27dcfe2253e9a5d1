/**
 * Test that data flows: 10,000 keys from the master to each of three replicas, by a real client.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type RunningUp, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRunning, masterOf, replicasOf } from "./look.js";
import { withRedis } from "./redis-client.js";

const keysCount = 10_000;
const keyOf = (index: number): string => `key:${index}`;
const valueFor = (index: number): string => `value of ${index}`;

let up: RunningUp;

beforeAll(async () => {
  up = await startUp();
});

afterAll(async () => {
  expect(await up.stop()).toEqual([]);
});

test("10,000 keys written to the master are read from each replica", async () => {
  const instance = await createRunning(up, { name: "data", slaves: 3 });
  const indexes = Array.from({ length: keysCount }, (_, index) => index);

  await withRedis(masterOf(instance), async (redis) => {
    const pipeline = redis.pipeline();
    for (const index of indexes) pipeline.set(keyOf(index), valueFor(index));
    const outcomes = (await pipeline.exec()) ?? [];
    expect(outcomes.filter(([error]) => error !== null)).toEqual([]);
    expect(await redis.wait(3, 10_000)).toBe(3);
  });

  expect(replicasOf(instance)).toHaveLength(3);
  for (const replica of replicasOf(instance)) {
    await withRedis(replica, async (redis) => {
      await eventually(async () => expect(await redis.dbsize()).toBe(keysCount));
      const values = await redis.mget(indexes.map(keyOf));
      expect(values).toEqual(indexes.map(valueFor));
      await expect(redis.set("foo", "bar")).rejects.toThrow("READONLY");
    });
  }
});

test("maxmemory is what was asked, and the asked settings are in force", async () => {
  const instance = await createRunning(up, {
    name: "settings",
    memory: 150,
    slaves: 1,
    config: { "maxmemory-policy": "allkeys-lru", databases: "4" },
  });
  for (const process of instance.processes) {
    await withRedis(process, async (redis) => {
      const read = async (name: string) => (await redis.config("GET", name)) as string[];
      expect([
        await read("maxmemory"),
        await read("maxmemory-policy"),
        await read("databases"),
        await read("save"),
        await read("appendonly"),
      ]).toEqual([
        ["maxmemory", String(150 * 1024 * 1024)],
        ["maxmemory-policy", "allkeys-lru"],
        ["databases", "4"],
        ["save", ""],
        ["appendonly", "no"],
      ]);
    });
  }
});
