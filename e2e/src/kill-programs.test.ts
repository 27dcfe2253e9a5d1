/**
 * Tests of kill -9 of our own programs: executor, scheduler, the embedded Mesos, and `mrr up` itself.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  eventually,
  findRedisServers,
  isAlive,
  launchUp,
  type RunningUp,
  secureRun,
  siteStoreOfRun,
  startUp,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRunning, masterOf, type ShownInstance, show, waitStatus } from "./look.js";
import { environmentOf, executorOf, executorsOf, localOf, schedulerOf } from "./programs.js";
import { withRedis, writeKey } from "./redis-client.js";
import { killNow, watch, wrongCodes } from "./watch.js";

let up: RunningUp;
let dataDir = "";

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "mrr-kill-"));
  up = await startUp({ dataDir });
});

afterEach(async () => {
  await up.destroy();
  await rm(dataDir, { recursive: true, force: true });
});

const redisPids = (): number[] =>
  up
    .redisServers()
    .map((server) => server.pid)
    .sort((left, right) => left - right);

const frameworkIds = (): string[] => [
  ...new Set(executorsOf(up).map((seen) => environmentOf(seen, "MESOS_FRAMEWORK_ID") ?? "none")),
];

test("a killed executor takes its redis-servers along; the master is replaced from a replica", async () => {
  const before = await createRunning(up, { name: "exec", slaves: 2 });
  const victim = masterOf(before);
  await withRedis(victim, async (redis) => {
    await redis.set("foo", "bar");
    expect(await redis.wait(2, 20_000)).toBe(2);
  });
  const redisPid = up.redisPid(victim.port);
  const executor = executorOf(up, redisPid);

  const seen = await watch(up, "exec");
  killNow(executor.pid);
  await eventually(() => expect(isAlive(redisPid)).toBe(false), { deadlineMs: 2_000 });
  const after = await eventually(
    async () => {
      const shown = await show(up, "exec");
      expect([shown.status, shown.processes.some(({ id }) => id === victim.id)]).toEqual([
        "RUNNING",
        false,
      ]);
      return shown;
    },
    { deadlineMs: 20_000 },
  );
  const looks = await seen.stop();

  expect(after.processes).toHaveLength(3);
  await withRedis(masterOf(after), async (redis) => expect(await redis.get("foo")).toBe("bar"));
  expect(wrongCodes(looks)).toEqual([]);
  expect(up.redisServers()).toHaveLength(3);
});

test("a killed scheduler comes back with the same framework id and touches no redis-server", async () => {
  const before = await createRunning(up, { name: "sched", slaves: 2 });
  const pidsBefore = redisPids();
  const idsBefore = frameworkIds();
  expect([pidsBefore.length, idsBefore.length]).toEqual([3, 1]);
  const scheduler = schedulerOf(up);

  const seen = await watch(up, "sched");
  killNow(scheduler.pid);
  await eventually(() => expect(schedulerOf(up).pid).not.toBe(scheduler.pid));
  const after = await eventually(
    async () => {
      const ready = await up.api("GET", "/readyz");
      expect(ready.status).toBe(200);
      const shown = await show(up, "sched");
      expect([shown.status, shown.processes.filter(({ ready }) => ready).length]).toEqual([
        "RUNNING",
        3,
      ]);
      return shown;
    },
    { deadlineMs: 20_000 },
  );
  const looks = await seen.stop();

  expect(redisPids()).toEqual(pidsBefore);
  expect(after.processes.map(({ id }) => id).sort()).toEqual(
    before.processes.map(({ id }) => id).sort(),
  );
  expect(after.epoch).toBe(before.epoch);
  // Refused connections and "not ready" while it starts; never an unknown instance, never a defect.
  expect(wrongCodes(looks).filter((code) => code !== 0 && code !== 503)).toEqual([]);
  const wrongStatus = looks.filter((look) => look.v2 !== null && look.v2.status !== "RUNNING");
  expect(wrongStatus.map((look) => look.v2?.status)).toEqual([]);

  // The executors that run were started under the old id; one that is started now shows the present id.
  const executorPids = executorsOf(up).map(({ pid }) => pid);
  for (const pid of executorPids.slice(0, 1)) killNow(pid);
  await eventually(() => {
    const fresh = executorsOf(up).filter(({ pid }) => !executorPids.includes(pid));
    expect(fresh.length).toBeGreaterThan(0);
  });
  expect(frameworkIds()).toEqual(idsBefore);
  await waitStatus(up, "sched", "RUNNING", 20_000);
});

test("creates that were answered before a kill of the scheduler are all there after it", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `kept${index}`);
  const answered: string[] = [];
  const calls = names.map(async (name) => {
    const answer = await up.api("POST", `/v1/CREATE/${name}/100/1/0`, {}).catch(() => null);
    if (answer?.status === 201) answered.push(name);
  });
  await eventually(() => expect(answered.length).toBeGreaterThan(0), { intervalMs: 1 });
  killNow(schedulerOf(up).pid);
  await Promise.all(calls);
  process.stdout.write(`scheduler killed after ${answered.length} answered creates\n`);
  for (const name of answered) {
    await eventually(async () => expect((await show(up, name)).status).toBe("RUNNING"), {
      deadlineMs: 20_000,
      what: name,
    });
  }
  // No redis-server without an instance, no instance with two.
  await eventually(async () => {
    const list = (await up.api("GET", "/v1/STATUS")).json as { Master: { Port: string } }[];
    const ports = list.map((shown) => Number(shown.Master.Port)).sort();
    expect(
      up
        .redisServers()
        .map((server) => server.port)
        .sort(),
    ).toEqual(ports);
  });
});

test("after a kill of the embedded Mesos every instance runs again", async () => {
  await createRunning(up, { name: "local", slaves: 2 });
  killNow(localOf(up).pid);
  await eventually(
    async () => {
      const shown = await show(up, "local");
      expect(shown.status).toBe("RUNNING");
      await writeKey(masterOf(shown), "foo", "bar");
      expect(up.redisServers()).toHaveLength(3);
      const ports = up.redisServers().map((server) => server.port);
      for (const { port } of shown.processes) expect(ports).toContain(port);
    },
    { deadlineMs: 40_000 },
  );
});

const waitAllReady = (name: string): Promise<ShownInstance> =>
  eventually(
    async () => {
      const shown = await show(up, name);
      expect([shown.status, shown.processes.every(({ ready }) => ready)]).toEqual([
        "RUNNING",
        true,
      ]);
      return shown;
    },
    { deadlineMs: 20_000, what: `${name} runs` },
  );

test("kill -9 of mrr up leaves nothing, and the next start goes on with the same instances", async () => {
  await createRunning(up, { name: "single" });
  const before = await createRunning(up, { name: "set", slaves: 2 });
  await writeKey(masterOf(before), "foo", "bar");
  const { place } = up;

  up.program.signal("SIGKILL");
  await up.program.exited;
  await eventually(() => expect(findRedisServers(dataDir)).toEqual([]), { deadlineMs: 10_000 });
  await eventually(() => expect(up.processes()).toEqual([]), { deadlineMs: 10_000 });

  up = await startUp(place);
  // Until Mesos has answered for the old processes the stored status stands; none of them is shown as ready.
  const set = await waitAllReady("set");
  await waitAllReady("single");
  expect(up.redisServers()).toHaveLength(4);
  expect(set.epoch).toBeGreaterThan(before.epoch);
  await withRedis(masterOf(set), async (redis) => expect(await redis.dbsize()).toBe(0));
  await eventually(() => expect(up.program.stdout + up.program.stderr).toMatch(/new and empty/));
});

test("a clean stop and a second start: the same instances, ready within 3 s", async () => {
  await createRunning(up, { name: "single" });
  const { place } = up;
  expect(await up.stop()).toEqual([]);
  up = await startUp(place);
  // The bar is that of the one-machine mode.
  if (siteStoreOfRun() === "embedded" && secureRun() === null)
    expect(up.readyAfterMs).toBeLessThan(3_000);
  await waitAllReady("single");
});

// Nothing of it depends on what is on.
test.skipIf(secureRun() !== null)(
  "a second mrr up on the same data directory is refused and disturbs nothing",
  async () => {
    const shown = await createRunning(up, { name: "single" });
    const second = await launchUp({ dataDir });
    try {
      await until(() => second.program.exit !== null, { what: "the second one ends" });
      expect(second.program.exit?.code).not.toBe(0);
      expect(second.program.stderr).toContain(dataDir);
    } finally {
      await second.program.kill();
    }
    expect(await show(up, "single")).toMatchObject({ status: "RUNNING", epoch: shown.epoch });
  },
);
