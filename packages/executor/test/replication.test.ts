/**
 * Owns goals on real redis-servers: follow, promote, park, re-point, stale stamps, strangers on a port.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Goal, LaunchOrder } from "@mr-redis/core";
import { freePorts, killProcess, signalProcess } from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import {
  createHarness,
  deadlineMs,
  followersOf,
  type Harness,
  masterOf,
  orderOf,
  parkedAt,
} from "./harness.js";

let harness: Harness;
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await harness.close();
});

function client(order: LaunchOrder): Redis {
  const redis = new Redis({ host: order.address, port: order.port });
  // Some of its masters are killed on purpose.
  redis.on("error", () => undefined);
  clients.push(redis);
  return redis;
}

/**
 * Writes `foo`, and waits until `count` replicas have it. WAIT is about the writes of its own connection. A replica whose
 * first acknowledgement came while the master's child for the sync still lived gets its stream after the next one only,
 * a second later.
 */
async function write(master: LaunchOrder, value: string, count: number): Promise<void> {
  const redis = client(master);
  expect(await redis.set("foo", value)).toBe("OK");
  expect(await redis.wait(count, 20_000)).toBe(count);
}

const replicaOf = (id: string, port: number, master: LaunchOrder, index = 1): LaunchOrder =>
  orderOf(id, port, { goal: { role: "replica", master: masterOf(master, index) } });

const goalOf = (order: LaunchOrder, counter: number, change: Partial<Goal>): Goal => ({
  ...order.goal,
  stamp: { term: 1, counter },
  followers: (change.role ?? order.goal.role) === "master" ? followersOf(order) : [],
  ...change,
});

/** A master with data and `count` synced replicas; the replicas are launched first. */
async function createGroup(count: number) {
  harness = createHarness();
  const ports = await freePorts(count + 1);
  const [masterPort = 0, ...replicaPorts] = ports;
  const master = orderOf("inst::m", masterPort);
  const replicas = replicaPorts.map((port, index) =>
    replicaOf(`inst::r${index}`, port, master, index + 1),
  );
  for (const order of [...replicas, master]) harness.launch(order);
  for (const order of replicas) await harness.reported(order.processId, (each) => each.synced);
  return { master, replicas };
}

test("replicas that start before their master do not wait for Redis' own next try", async () => {
  const { master, replicas } = await createGroup(3);
  // Redis itself would try again after a second only.
  const again = harness.logs.filter((line) => line.includes("its master's port was closed"));
  expect(again.length).toBeGreaterThan(0);
  await write(master, "bar", 3);
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

test("a killed master's best replica is promoted, the other one follows it, all in milliseconds", async () => {
  const { master, replicas } = await createGroup(2);
  const [first = master, second = master] = replicas;
  await write(master, "bar", 2);
  const { pid } = await harness.reported(master.processId, (each) => each.synced);
  signalProcess(pid, "SIGKILL");
  await harness.updated(master.processId, "TASK_FAILED");
  harness.goals([
    goalOf(first, 2, { role: "master", master: null, epoch: 2 }),
    goalOf(second, 3, { epoch: 2, master: masterOf(first) }),
  ]);
  const promoted = await harness.reported(first.processId, (each) => each.role === "master");
  const followed = await harness.reported(
    second.processId,
    (each) => each.synced && each.epoch === 2,
  );
  expect(promoted).toMatchObject({
    stamp: { term: 1, counter: 2 },
    epoch: 2,
    dataEpoch: 2,
    diverged: false,
    following: null,
  });
  expect(followed).toMatchObject({
    stamp: { term: 1, counter: 3 },
    dataEpoch: 2,
    following: `127.0.0.1:${first.port}`,
  });
  await write(first, "baz", 1);
  expect(await client(second).get("foo")).toBe("baz");
  const told = harness.updates.filter((each) => each.state === "TASK_RUNNING");
  expect(
    told.map(({ taskId, labels }) => `${taskId} ${JSON.stringify(labels)}`).toSorted(),
  ).toEqual([
    `inst::m {"mr-redis.role":"master","mr-redis.epoch":"1"}`,
    `inst::r0 {"mr-redis.role":"master","mr-redis.epoch":"2"}`,
    `inst::r0 {"mr-redis.role":"replica","mr-redis.epoch":"1"}`,
    `inst::r1 {"mr-redis.role":"replica","mr-redis.epoch":"1"}`,
  ]);
});

test("a parked process keeps data, offset and id, refuses writes, and comes back without a full sync", async () => {
  const { master, replicas } = await createGroup(1);
  const [replica = master] = replicas;
  await write(master, "bar", 1);
  const offsetOf = async (order: LaunchOrder): Promise<string> =>
    /slave_repl_offset:(\d+)/.exec(await client(order).info("replication"))?.[1] ?? "";
  const before = await harness.reported(replica.processId, (each) => each.synced);
  const offset = await offsetOf(replica);
  harness.goals([goalOf(replica, 2, { role: "parked", master: null })]);
  const parked = await harness.reported(replica.processId, (each) => each.role === "parked");
  expect(parked).toMatchObject({
    stamp: { term: 1, counter: 2 },
    following: parkedAt,
    linkUp: false,
    synced: false,
    dataEpoch: 1,
    diverged: false,
    offset: Number(offset),
    replicationId: before.replicationId,
  });
  expect(await client(replica).get("foo")).toBe("bar");
  await expect(client(replica).set("foo", "x")).rejects.toThrow("READONLY");
  harness.goals([goalOf(replica, 3, { epoch: 2 })]);
  await harness.reported(replica.processId, (each) => each.synced && each.epoch === 2);
  expect(await client(master).info("stats")).toContain("sync_full:1\r\n");
});

test("a deposed master is diverged until it has synced with a later reign", async () => {
  const { master, replicas } = await createGroup(1);
  const [replica = master] = replicas;
  harness.goals([goalOf(master, 2, { role: "parked" })]);
  const parked = await harness.reported(master.processId, (each) => each.role === "parked");
  expect(parked).toMatchObject({ dataEpoch: 1, diverged: true });
  harness.goals([
    goalOf(replica, 3, { role: "master", master: null, epoch: 2 }),
    goalOf(master, 4, { role: "replica", master: masterOf(replica), epoch: 2 }),
  ]);
  const joined = await harness.reported(
    master.processId,
    (each) => each.synced && each.epoch === 2,
  );
  expect(joined).toMatchObject({ role: "replica", dataEpoch: 2, diverged: false });
});

test("a goal that is not newer changes nothing; the write quorum comes into force before a promotion", async () => {
  const { master, replicas } = await createGroup(1);
  const [replica = master] = replicas;
  harness.goals([goalOf(replica, 5, { role: "master", master: null, epoch: 2, writeQuorum: 1 })]);
  const promoted = await harness.reported(replica.processId, (each) => each.role === "master");
  expect(promoted.writeQuorum).toBe(1);
  await expect(client(replica).set("foo", "x")).rejects.toThrow("NOREPLICAS");
  harness.goals([
    goalOf(replica, 4, { role: "master", master: null, epoch: 2, writeQuorum: 0 }),
    goalOf(replica, 5, { role: "parked", master: null, epoch: 2 }),
    { ...goalOf(replica, 9, { role: "parked", master: null }), stamp: { term: 0, counter: 9 } },
  ]);
  harness.goals([], true);
  const batches = harness.batches.length;
  await expect.poll(() => harness.batches.length, { timeout: deadlineMs }).toBeGreaterThan(batches);
  expect(harness.report(replica.processId)).toMatchObject({
    stamp: { term: 1, counter: 5 },
    role: "master",
    writeQuorum: 1,
  });
  const applied = harness.logs
    .map((line) => JSON.parse(line))
    .filter((line) => line.message === "goal applying" && line.stamp.counter > 1)
    .map((line) => line.stamp.counter);
  expect(applied).toEqual([5]);
});

test("a replica never follows a stranger on its master's port", async () => {
  const { master, replicas } = await createGroup(1);
  const [replica = master] = replicas;
  await write(master, "bar", 1);
  const { pid } = await harness.reported(master.processId, (each) => each.synced);
  await killProcess(pid);
  await harness.updated(master.processId, "TASK_FAILED");
  // Another, empty process gets the port at once; Redis itself would follow it and drop its data.
  const stranger = orderOf("other::x", master.port);
  harness.launch(stranger);
  await harness.reported("other::x", (each) => each.synced);
  await expect.poll(() => refusals(replica), { timeout: deadlineMs }).toContain("WRONGPASS");
  expect(await client(replica).get("foo")).toBe("bar");
  expect(harness.report(replica.processId)?.linkUp).toBe(false);
  // The same address, but another process, with its own secret: now it is meant.
  harness.goals([goalOf(replica, 2, { epoch: 2, master: masterOf(stranger) })]);
  await harness.reported(replica.processId, (each) => each.synced && each.epoch === 2);
  expect(await client(replica).get("foo")).toBe(null);
});

const refusals = (order: LaunchOrder): string => {
  const directory = join(harness.sandbox, "logs");
  return readdirSync(directory)
    .filter((name) => name.startsWith(order.instance))
    .map((name) => readFileSync(join(directory, name), "utf8"))
    .filter((text) => text.includes(`port=${order.port}`))
    .join("")
    .split("\n")
    .filter((line) => line.includes("Unable to AUTH"))
    .join("\n");
};

test("what somebody else reconfigures by hand is put right", async () => {
  const { master, replicas } = await createGroup(1);
  const [replica = master] = replicas;
  await harness.reported(replica.processId, (each) => each.synced && each.stamp.counter === 1);
  expect(await client(replica).replicaof("NO", "ONE")).toBe("OK");
  // Asked of Redis itself: it may be put right before any report was made in between.
  await expect
    .poll(() => client(replica).info("replication"), { timeout: deadlineMs })
    .toMatch(/role:slave\r\n(.*\r\n)*master_link_status:up/);
  await harness.reported(replica.processId, (each) => each.synced && each.stamp.counter === 1);
  await client(master).config("SET", "min-replicas-to-write", "7");
  await expect
    .poll(async () => (await client(master).config("GET", "min-replicas-to-write")) as string[], {
      timeout: deadlineMs,
    })
    .toEqual(["min-replicas-to-write", "0"]);
});

/** A master with data, and a replica that takes its time to load it. */
async function createLoading() {
  harness = createHarness();
  const [masterPort = 0, replicaPort = 0] = await freePorts(2);
  const master = orderOf("inst::m", masterPort);
  const replica = orderOf("inst::r", replicaPort, { goal: { role: "parked" } });
  harness.launch(master);
  harness.launch(replica);
  const { pid } = await harness.reported("inst::m", (each) => each.synced);
  await harness.reported("inst::r", (each) => each.phase === "serving");
  const pipeline = client(master).pipeline();
  for (let index = 0; index < 300; index += 1) pipeline.set(`key:${index}`, "x".repeat(1_000));
  await pipeline.exec();
  // Hidden settings of Redis for tests: 5 ms for each key, and commands are looked at in between.
  await client(replica).config("SET", "key-load-delay", "5000");
  await client(replica).config("SET", "loading-process-events-interval-bytes", "1024");
  harness.goals([goalOf(replica, 2, { role: "replica", master: masterOf(master) })]);
  await harness.reported("inst::r", (each) => each.loading);
  expect(harness.report("inst::r")).toMatchObject({ synced: false, dataEpoch: 0 });
  return { master, replica, pid };
}

test("a replica that loads refuses a park, and is killed rather than counted as parked", async () => {
  const { replica } = await createLoading();
  harness.goals([goalOf(replica, 3, { role: "parked", master: null })]);
  const failed = await harness.updated("inst::r", "TASK_FAILED");
  expect(failed.message).toBe("killed: it refused to be parked while it loads");
});

test("data that is loaded after the master has died is data of its reign", async () => {
  const { replica, pid } = await createLoading();
  await killProcess(pid);
  await harness.updated("inst::m", "TASK_FAILED");
  const loaded = await harness.reported("inst::r", (each) => !each.loading && each.dataEpoch > 0);
  expect(loaded).toMatchObject({ linkUp: false, dataEpoch: 1, diverged: false });
  expect(await client(replica).dbsize()).toBe(300);
});
