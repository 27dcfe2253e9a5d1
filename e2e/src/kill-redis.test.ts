/**
 * Tests of kill -9 of redis-servers: replaced or promoted, data kept, and the API tells the truth all the time.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, pause, type RunningUp, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createRunning,
  masterOf,
  replicasOf,
  type ShownInstance,
  show,
  showV1,
  waitStatus,
} from "./look.js";
import { withRedis, writeKey } from "./redis-client.js";
import { killNow, liesAbout, statusesSeen, watch, wrongCodes } from "./watch.js";

/** How long an exit may go unseen: milliseconds are the rule, a busy machine gets more. */
const truthMsMax = 500;

let up: RunningUp;

beforeAll(async () => {
  up = await startUp();
});

afterAll(async () => {
  expect(await up.stop()).toEqual([]);
});

/** Waits until the instance runs as asked, without the process `goneId`. */
const waitReplaced = (name: string, goneId: string): Promise<ShownInstance> =>
  eventually(
    async () => {
      const shown = await show(up, name);
      const ids = shown.processes.map((process) => process.id);
      expect([shown.status, ids.includes(goneId)]).toEqual(["RUNNING", false]);
      return shown;
    },
    { deadlineMs: 20_000, what: `${name} runs again without ${goneId}` },
  );

test("a killed replica is replaced and gets the data", async () => {
  const before = await createRunning(up, { name: "replica", slaves: 2 });
  await withRedis(masterOf(before), async (redis) => {
    await redis.set("foo", "bar");
    // After its link is up, Redis may keep what is written from a replica for another second.
    expect(await redis.wait(2, 20_000)).toBe(2);
  });
  const [victim] = replicasOf(before);
  if (victim === undefined) throw new Error("no replica");

  const seen = await watch(up, "replica");
  const killedAtMs = killNow(up.redisPid(victim.port));
  const after = await waitReplaced("replica", victim.id);
  await pause(truthMsMax);
  const looks = await seen.stop();

  expect(masterOf(after).id).toBe(masterOf(before).id);
  expect(after.epoch).toBe(before.epoch);
  expect(replicasOf(after)).toHaveLength(2);
  for (const replica of replicasOf(after)) {
    await withRedis(replica, async (redis) => expect(await redis.get("foo")).toBe("bar"));
  }
  expect(wrongCodes(looks)).toEqual([]);
  expect(liesAbout(looks, victim.id, killedAtMs + truthMsMax)).toEqual([]);
  expect(statusesSeen(looks)).toEqual(["RUNNING", "DEGRADED", "RUNNING"]);
});

test("a killed single is replaced by a new, empty one", async () => {
  const before = await createRunning(up, { name: "single" });
  const victim = masterOf(before);
  await writeKey(victim, "foo", "bar");

  const seen = await watch(up, "single");
  const killedAtMs = killNow(up.redisPid(victim.port));
  const after = await waitReplaced("single", victim.id);
  await pause(truthMsMax);
  const looks = await seen.stop();

  expect(after.epoch).toBeGreaterThan(before.epoch);
  await withRedis(masterOf(after), async (redis) => {
    expect([await redis.dbsize(), await redis.set("foo", "new")]).toEqual([0, "OK"]);
  });
  expect(wrongCodes(looks)).toEqual([]);
  expect(liesAbout(looks, victim.id, killedAtMs + truthMsMax)).toEqual([]);
  expect(statusesSeen(looks)).toEqual(["RUNNING", "FAILED", "RUNNING"]);
});

test("a killed master: a replica is promoted with the data, and the set is filled up again", async () => {
  const before = await createRunning(up, { name: "master", slaves: 2 });
  const victim = masterOf(before);
  await withRedis(victim, async (redis) => {
    for (let index = 0; index < 1_000; index += 1) await redis.set(`key:${index}`, `${index}`);
    expect(await redis.wait(2, 20_000)).toBe(2);
  });

  const seen = await watch(up, "master");
  const killedAtMs = killNow(up.redisPid(victim.port));
  const promotedPort = await eventually(async () => {
    const shown = await show(up, "master");
    const master = masterOf(shown);
    expect(master.id).not.toBe(victim.id);
    await writeKey(master, "after", "yes");
    return master.port;
  });
  const writableAfterMs = Math.round(performance.now() - killedAtMs);
  process.stdout.write(`master killed: writes accepted again after ${writableAfterMs} ms\n`);
  const after = await waitReplaced("master", victim.id);
  await pause(truthMsMax);
  const looks = await seen.stop();

  const master = masterOf(after);
  expect(master.port).toBe(promotedPort);
  expect(replicasOf(before).map((replica) => replica.id)).toContain(master.id);
  expect([after.epoch, replicasOf(after).length]).toEqual([before.epoch + 1, 2]);
  expect(after.failovers.map(({ epoch, newMaster }) => ({ epoch, newMaster }))).toEqual([
    { epoch: after.epoch, newMaster: master.id },
  ]);
  for (const process of after.processes) {
    await withRedis(process, async (redis) => {
      await eventually(async () => expect(await redis.get("after")).toBe("yes"));
      expect([await redis.dbsize(), await redis.get("key:999")]).toEqual([1_001, "999"]);
    });
  }
  const v1 = await showV1(up, "master");
  expect([v1.Status, v1.Master?.Port, v1.Slaves?.length]).toEqual([
    "RUNNING",
    String(master.port),
    2,
  ]);
  expect(wrongCodes(looks)).toEqual([]);
  expect(liesAbout(looks, victim.id, killedAtMs + truthMsMax)).toEqual([]);
});

test("master and replica killed together: the last one with data becomes master", async () => {
  const before = await createRunning(up, { name: "double", slaves: 2 });
  const victim = masterOf(before);
  const [other, survivor] = replicasOf(before);
  if (other === undefined || survivor === undefined) throw new Error("no replicas");
  await withRedis(victim, async (redis) => {
    await redis.set("foo", "bar");
    expect(await redis.wait(2, 20_000)).toBe(2);
  });
  const pids = [up.redisPid(victim.port), up.redisPid(other.port)];
  for (const pid of pids) killNow(pid);
  await waitReplaced("double", victim.id);
  const after = await waitReplaced("double", other.id);
  expect(masterOf(after).id).toBe(survivor.id);
  await withRedis(masterOf(after), async (redis) => expect(await redis.get("foo")).toBe("bar"));
});

test("a hung redis-server is killed and replaced", async () => {
  const before = await createRunning(up, { name: "hung", slaves: 1 });
  const [victim] = replicasOf(before);
  if (victim === undefined) throw new Error("no replica");
  process.kill(up.redisPid(victim.port), "SIGSTOP");
  await waitReplaced("hung", victim.id);
});

test("every replica of an instance killed again and again ends as asked", async () => {
  await createRunning(up, { name: "storm", slaves: 3 });
  for (let round = 0; round < 3; round += 1) {
    const shown = await waitStatus(up, "storm", "RUNNING", 20_000);
    const killed = replicasOf(shown);
    for (const pid of killed.map((replica) => up.redisPid(replica.port))) killNow(pid);
    // Not the status on the way, which a busy machine may not look at in time.
    await eventually(
      async () => {
        const ids = (await show(up, "storm")).processes.map(({ id }) => id);
        expect(killed.filter(({ id }) => ids.includes(id))).toEqual([]);
      },
      { deadlineMs: 30_000 },
    );
  }
  const after = await waitStatus(up, "storm", "RUNNING", 20_000);
  expect(after.processes).toHaveLength(4);
});
