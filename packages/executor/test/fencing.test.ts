/**
 * Owns fencing on real redis-servers: expelled replicas, leases, steps of the wall clock, write quorums at every moment
 * of a change. Not: the rules case by case (core, supervise/lease.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Goal, type LaunchOrder, writeQuorumMax } from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { freePorts } from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import {
  createHarness,
  deadlineMs,
  followersOf,
  type Harness,
  type HarnessOptions,
  masterOf,
  orderOf,
} from "./harness.js";

let harness: Harness;
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await harness.close();
});

function client(order: LaunchOrder): Redis {
  const redis = new Redis({ host: order.address, port: order.port });
  redis.on("error", () => undefined);
  clients.push(redis);
  return redis;
}

const goalOf = (order: LaunchOrder, counter: number, change: Partial<Goal>): Goal => ({
  ...order.goal,
  stamp: { term: 1, counter },
  followers: (change.role ?? order.goal.role) === "master" ? followersOf(order) : [],
  master: null,
  ...change,
});

/** A master that needs so many good replicas, and two synced replicas. */
async function createGroup(writeQuorum: number, options: HarnessOptions = {}) {
  harness = createHarness(options);
  const [masterPort = 0, ...ports] = await freePorts(3);
  const master = orderOf("inst::m", masterPort, { goal: { writeQuorum } });
  const [first = master, second = master] = ports.map((port, index) =>
    orderOf(`inst::r${index}`, port, {
      goal: { role: "replica", master: masterOf(master, index + 1), writeQuorum },
    }),
  );
  for (const order of [master, first, second]) harness.launch(order);
  for (const { processId } of [first, second]) {
    await harness.reported(processId, (each) => each.synced);
  }
  await harness.reported(master.processId, (each) => each.goodReplicas === 2);
  return { master, first, second };
}

/** A master without replicas whose lease counts so long. */
async function createSingle(leaseMs: number, options: HarnessOptions = {}) {
  harness = createHarness(options);
  const [port = 0] = await freePorts(1);
  const order = orderOf("inst::a", port, { goal: { leaseMs } });
  harness.launch(order);
  await harness.reported("inst::a", (each) => each.closed === "lease");
  return order;
}

test("an expelled replica is cut off, writes are refused, and it cannot come back", async () => {
  const { master, first } = await createGroup(2);
  const writer = client(master);
  expect(await writer.set("foo", "before")).toBe("OK");
  const followers = followersOf(master).slice(1);
  harness.goals([goalOf(master, 2, { followers, writeQuorum: 2 })]);
  // In force only when read back; from then on nothing that the replica has counts.
  await harness.reported("inst::m", (each) => each.stamp.counter === 2);
  await expect(writer.set("foo", "after")).rejects.toThrow("NOREPLICAS");
  await harness.reported("inst::r0", (each) => !each.linkUp);
  await harness.reported("inst::m", (each) => each.goodReplicas === 1);
  const log = await client(first).info("replication");
  expect(log).toContain("master_link_status:down");
  expect(await client(master).call("ACL", "USERS")).toEqual([
    "default",
    "executor",
    "replica-2",
    "replica-3",
  ]);
  // With a user of its own again it joins, by a partial sync.
  const user = { user: "replica-9", password: "p9" };
  harness.goals([goalOf(master, 3, { followers: [...followers, user], writeQuorum: 2 })]);
  const back = { ...masterOf(master), user: user.user, secret: user.password };
  harness.goals([goalOf(first, 4, { role: "replica", master: back, writeQuorum: 2 })]);
  await harness.reported("inst::r0", (each) => each.synced && each.stamp.counter === 4);
  await expect
    .poll(() => writer.set("foo", "again").catch(String), { timeout: deadlineMs })
    .toBe("OK");
  expect(await client(master).info("stats")).toContain("sync_full:2\r\n");
});

test("a master with a lease starts closed, opens by an echo, closes at its end, and opens again", async () => {
  const order = await createSingle(3_000);
  const writer = client(order);
  const write = () => writer.set("foo", "x").catch(String);
  const refused = expect.stringContaining("NOREPLICAS");
  expect(await write()).toEqual(refused);
  harness.confirm(["inst::b"]);
  expect(await write()).toEqual(refused);
  let echoed = { number: 0, atMs: 0 };
  // Again on a machine that is too slow for one.
  const open = async () => {
    echoed = harness.batches.at(-1) ?? echoed;
    harness.confirm(["inst::a"], [], echoed.number);
    return write();
  };
  await expect.poll(open, { timeout: deadlineMs }).toBe("OK");
  await expect.poll(write, { timeout: deadlineMs, interval: 5 }).toEqual(refused);
  // Half of a lease that is shorter than two timeouts; told with the time of sending or a little later.
  expect(performance.now() - echoed.atMs).toBeGreaterThan(1_400);
  const closed = await harness.reported("inst::a", (each) => each.closed !== null);
  expect(closed).toMatchObject({ closed: "lease", writeQuorum: writeQuorumMax, role: "master" });
  // Late mail: the answer to a report that was sent too long ago.
  harness.confirm(["inst::a"], [], echoed.number);
  harness.goals([], true);
  expect(await write()).toEqual(refused);
  await expect.poll(open, { timeout: deadlineMs }).toBe("OK");
});

test("a promotion without a write quorum that arrives too late makes a closed master", async () => {
  harness = createHarness();
  const [port = 0] = await freePorts(1);
  const parked = { role: "parked", writeQuorum: Number.MAX_SAFE_INTEGER } as const;
  const order = orderOf("inst::a", port, { goal: parked });
  harness.launch(order);
  const first = await harness.reported("inst::a", (each) => each.phase === "serving");
  expect(first.writeQuorum).toBe(writeQuorumMax);
  const { number } = harness.batches.at(-1) ?? { number: 0 };
  const promote = (counter: number, epoch: number) =>
    goalOf(order, counter, { role: "master", epoch, writeQuorum: 0, leaseMs: 200 });
  await expect
    .poll(() => harness.batches.at(-1)?.number, { timeout: deadlineMs })
    .toBeGreaterThan(number + 1);
  harness.confirm(["inst::a"], [promote(2, 2)], number);
  const late = await harness.reported("inst::a", (each) => each.role === "master");
  expect(late).toMatchObject({ closed: "lease", writeQuorum: writeQuorumMax, epoch: 2 });
  await expect(client(order).set("foo", "x")).rejects.toThrow("NOREPLICAS");
});

test("a wall clock that is set closes a master until its replicas have logged in again", async () => {
  let offsetMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + offsetMs };
  const { master } = await createGroup(1, { clock });
  const writer = client(master);
  expect(await writer.set("foo", "before")).toBe("OK");
  offsetMs = -10_000;
  const logged = () => harness.logs.filter((line) => line.includes("the wall clock was set"));
  await expect.poll(() => logged().length, { timeout: deadlineMs }).toBe(1);
  await expect.poll(() => writer.set("foo", "y").catch(String), { timeout: deadlineMs }).toBe("OK");
  await expect
    .poll(() => client(master).info("stats"), { timeout: deadlineMs })
    .toMatch(/sync_full:2\r\nsync_partial_ok:2\r\n/);
});

/** Writers that send one command after the other until `stop`; how many were accepted. */
function startWriters(order: LaunchOrder, count: number) {
  let stopped = false;
  let accepted = 0;
  let refused = 0;
  const run = async (): Promise<void> => {
    const redis = client(order);
    while (!stopped) {
      await redis.incr("counter").then(
        () => {
          accepted += 1;
        },
        () => {
          refused += 1;
        },
      );
      // A closed connection refuses at once: let others go on.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const runs = Array.from({ length: count }, run);
  return {
    accepted: () => accepted,
    refused: () => refused,
    async stop(): Promise<void> {
      stopped = true;
      await Promise.all(runs);
    },
  };
}

test("no write is taken under a lower quorum: parked, promoted, deposed and promoted again", async () => {
  harness = createHarness();
  const [port = 0] = await freePorts(1);
  const park = { role: "parked", writeQuorum: 0 } as const;
  const order = orderOf("inst::a", port, { goal: park });
  harness.launch(order);
  await harness.reported("inst::a", (each) => each.phase === "serving");
  const writers = startWriters(order, 4);
  await expect.poll(writers.refused, { timeout: deadlineMs }).toBeGreaterThan(100);
  for (let epoch = 2; epoch < 22; epoch += 1) {
    // Two quorums in turn, since none of them may be met; 0 only while nobody may write anyway.
    const promote = { role: "master", epoch, writeQuorum: epoch % 2 === 0 ? 1 : 2 } as const;
    harness.goals([goalOf(order, epoch * 2, promote)]);
    await harness.reported("inst::a", (each) => each.role === "master" && each.epoch === epoch);
    harness.goals([goalOf(order, epoch * 2 + 1, { ...park, epoch })]);
    await harness.reported("inst::a", (each) => each.stamp.counter === epoch * 2 + 1);
  }
  await writers.stop();
  expect(writers.accepted()).toBe(0);
});

test("a planned stop: the largest quorum at the master is in force when it is told", async () => {
  const { master, first } = await createGroup(1);
  const writers = startWriters(master, 4);
  await expect.poll(writers.accepted, { timeout: deadlineMs }).toBeGreaterThan(100);
  const stop = { writeQuorum: Number.MAX_SAFE_INTEGER };
  harness.goals([goalOf(master, 2, stop)]);
  const told = await harness.reported("inst::m", (each) => each.stamp.counter === 2);
  expect(told).toMatchObject({ writeQuorum: writeQuorumMax, closed: null, role: "master" });
  const read = async (order: LaunchOrder) => client(order).get("counter");
  const final = await read(master);
  await expect.poll(() => read(first), { timeout: deadlineMs }).toBe(final);
  await expect.poll(() => read(master), { timeout: deadlineMs }).toBe(final);
  harness.goals([goalOf(master, 3, { writeQuorum: 1 })]);
  const before = writers.accepted();
  await expect.poll(writers.accepted, { timeout: deadlineMs }).toBeGreaterThan(before);
  await writers.stop();
});

test("clients of a deposed master are cut off, subscribers too", async () => {
  const { master, first } = await createGroup(0);
  const ends: string[] = [];
  for (const name of ["reader", "subscriber"]) {
    const redis = new Redis({ host: master.address, port: master.port, retryStrategy: () => null });
    clients.push(redis);
    redis.on("error", () => undefined);
    redis.on("close", () => ends.push(name));
    if (name === "reader") await redis.get("foo");
    else await redis.subscribe("news");
  }
  harness.goals([goalOf(first, 2, { role: "master", epoch: 2 })]);
  await harness.reported("inst::r0", (each) => each.role === "master");
  expect(ends).toEqual([]);
  harness.goals([goalOf(master, 3, { role: "replica", epoch: 2, master: masterOf(first) })]);
  await harness.reported("inst::m", (each) => each.synced && each.epoch === 2);
  await expect
    .poll(() => ends.toSorted(), { timeout: deadlineMs })
    .toEqual(["reader", "subscriber"]);
  expect(harness.report("inst::m")).toMatchObject({ diverged: false, dataEpoch: 2 });
});
