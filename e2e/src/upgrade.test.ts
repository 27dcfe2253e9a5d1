/**
 * Tests the upgrade of executors with the built programs: a scheduler with another executor takes over, old executors run
 * on, `mrr upgrade` moves every instance with its data, and pauses and goes on as told.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type Program, runMrr, type Site, startSite } from "@mr-redis/testing";
import { Redis, type RedisOptions } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";

const deadlineMs = 60_000;

interface Shown {
  readonly status: string;
  readonly epoch: number;
  readonly master: { readonly ip: string; readonly port: number } | null;
  readonly processes: readonly { readonly id: string; readonly ready: boolean }[];
}

let site: Site;
let scheduler: Program;

beforeAll(async () => {
  site = await startSite({ agents: 3, redisPorts: 30 });
  scheduler = await site.startScheduler();
});

afterAll(async () => {
  await site?.destroy();
});

const show = async (name: string): Promise<Shown> =>
  (await site.api("GET", `/v2/instances/${name}`)).json as Shown;

const running = (name: string): Promise<Shown> =>
  eventually(
    async () => {
      const shown = await show(name);
      expect(shown.status).toBe("RUNNING");
      return shown;
    },
    { deadlineMs, what: `${name} is RUNNING` },
  );

async function withMaster<T>(
  name: string,
  use: (redis: Redis) => Promise<T>,
  options: RedisOptions = {},
): Promise<T> {
  const { master } = await show(name);
  if (master === null) throw new Error(`${name} has no master`);
  const redis = new Redis({ ...options, host: master.ip, port: master.port });
  redis.on("error", () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** Writes 1, 2, 3 ... to whatever is the master, until it is stopped; then tells the last number that was acknowledged. */
function startWriter(name: string): { stop(): Promise<number> } {
  let acknowledged = 0;
  let isStopped = false;
  const write = async (redis: Redis): Promise<void> => {
    while (!isStopped) {
      await redis.set("counter", acknowledged + 1);
      acknowledged += 1;
    }
  };
  const options = { maxRetriesPerRequest: 0, retryStrategy: () => null };
  const done = (async () => {
    while (!isStopped) {
      // A master that hands over refuses, and is gone a moment later: ask again who it is.
      await withMaster(name, write, options).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await done;
      return acknowledged;
    },
  };
}

/** Executor of each task that runs, as the master of Mesos knows it. */
async function executors(): Promise<string[]> {
  const answer = await fetch(`${site.mesosEndpoint}/state`);
  const { tasks } = (await answer.json()) as {
    readonly tasks: readonly { readonly state: string; readonly executorId: string }[];
  };
  return tasks.filter(({ state }) => state === "TASK_RUNNING").map(({ executorId }) => executorId);
}

test("everything moves to a new executor, with its data; nothing moves before", async () => {
  for (const [name, slaves] of [
    ["single", 0],
    ["pair", 1],
  ] as const) {
    const created = await site.api("POST", "/v2/instances?wait=30", { name, memory: 100, slaves });
    expect(created.status).toBe(201);
    await running(name);
    await withMaster(name, (redis) => redis.set("key", name));
  }
  const before = new Set(await executors());
  expect(before.size).toBe(1);
  const ids = (await show("pair")).processes.map(({ id }) => id);

  // Another setting of the executor is another executor.
  await scheduler.kill();
  const file = join(site.directory, "config-0.json");
  const config = JSON.parse(await readFile(file, "utf8")) as object;
  await writeFile(file, JSON.stringify({ ...config, ExecutorIdleMs: "290000" }));
  scheduler = await site.startScheduler();
  const status = await runMrr(["upgrade", "status"], { endpoint: site.endpoint });
  expect(status.stdout).toContain("Upgrade = off\n");
  expect(status.stdout).toContain("Behind = 2 of 2 instances (3 processes)\n");
  expect((await running("pair")).processes.map(({ id }) => id)).toEqual(ids);

  const nothing = await runMrr(["upgrade", "pause"], { endpoint: site.endpoint });
  expect(nothing.exitCode).toBe(2);
  const writer = startWriter("pair");
  const upgrade = await runMrr(["upgrade", "-w", "--timeout", "60"], {
    endpoint: site.endpoint,
    deadlineMs: 90_000,
  });
  const acknowledged = await writer.stop();
  expect([upgrade.exitCode, upgrade.stderr]).toEqual([
    0,
    expect.stringContaining("nothing is behind"),
  ]);
  for (const name of ["single", "pair"]) {
    const shown = await running(name);
    expect(shown.processes.length).toBe(name === "pair" ? 2 : 1);
    expect(shown.epoch).toBe(2);
    expect(await withMaster(name, (redis) => redis.get("key"))).toBe(name);
    expect(await withMaster(name, (redis) => redis.set("key", "after"))).toBe("OK");
  }
  // What was acknowledged is there, also of the last writes before the master handed over.
  expect(acknowledged).toBeGreaterThan(0);
  const counter = await withMaster("pair", (redis) => redis.get("counter"));
  expect(Number(counter)).toBeGreaterThanOrEqual(acknowledged);
  await eventually(
    async () => {
      const after = new Set(await executors());
      expect([after.size, [...after].some((id) => before.has(id))]).toEqual([1, false]);
    },
    { deadlineMs, what: "all tasks are on the new executor" },
  );
});
