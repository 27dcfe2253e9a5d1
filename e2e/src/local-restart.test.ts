/**
 * Owns the proof that the embedded Mesos may be killed at any moment: executors and their redis-servers live on and the
 * restarted program takes them over; killed in the middle of a create, the instance becomes exactly what was asked.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  createRandom,
  eventually,
  findProcesses,
  killProcess,
  type Program,
  type Site,
  startSite,
} from "@mr-redis/testing";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ShownInstance, ShownProcess } from "./look.js";
import { withRedis, writeKey } from "./redis-client.js";

/** Chooses the moments; `MRR_SEED` repeats a run. */
const seed = Number(process.env.MRR_SEED ?? Date.now() % 1_000_000);
const random = createRandom(seed);

let site: Site;
let scheduler: Program | null = null;
beforeAll(async () => {
  process.stdout.write(`MRR_SEED=${seed}\n`);
  site = await startSite({ agents: 3, redisPorts: 60, config: { ReviveBurst: "50" } });
});
// A scheduler that lost its master several times within seconds waits longer and longer before it tries again.
beforeEach(async () => {
  if (scheduler !== null) await killProcess(scheduler.pid);
  scheduler = await site.startScheduler();
});
afterAll(async () => {
  await site.destroy();
});

const pauseMs = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs));

async function show(name: string): Promise<ShownInstance> {
  const answer = await site.api("GET", `/v2/instances/${name}`);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json as ShownInstance;
}

const create = async (name: string): Promise<void> => {
  const answer = await site.api("POST", "/v2/instances", { name, memory: 100, slaves: 2 });
  expect(answer.status).toBe(201);
};

const waitReady = (name: string): Promise<ShownInstance> =>
  eventually(
    async () => {
      const shown = await show(name);
      const readyCount = shown.processes.filter(({ ready }) => ready).length;
      expect([shown.status, readyCount]).toEqual(["RUNNING", 3]);
      return shown;
    },
    { deadlineMs: 30_000, what: `${name} is RUNNING` },
  );

const pids = (): number[] =>
  site
    .redisServers()
    .map(({ pid }) => pid)
    .sort((left, right) => left - right);

const executorPids = (): number[] =>
  findProcesses(site.directory)
    .filter(({ environment }) => environment.includes("MESOS_EXECUTOR_ID="))
    .filter(({ name }) => !/^(redis|valkey)/.test(name))
    .map(({ pid }) => pid)
    .sort((left, right) => left - right);

interface MesosState {
  readonly agents: readonly { readonly id: string; readonly state: string }[];
  readonly frameworks: readonly { readonly id: string; readonly isConnected: boolean }[];
  readonly tasks: readonly { readonly id: string; readonly state: string }[];
}

const mesosState = async (): Promise<MesosState> =>
  (await (await fetch(`${site.mesosEndpoint}/state`)).json()) as MesosState;

/** Who is registered; what else is told of a framework (what it declined, for one) changes by itself. */
const frameworksNow = async () =>
  (await mesosState()).frameworks.map(({ id, isConnected }) => ({ id, isConnected }));

/** kill -9 of the embedded Mesos; it is away for a random moment. */
async function restartLocal(): Promise<void> {
  await killProcess(site.local.pid);
  await pauseMs(random.integer(0, 500));
  await site.startLocal();
}

/** The master knows exactly these tasks, all of them running, on agents that are registered. */
const expectTasks = (processes: readonly ShownProcess[]): Promise<void> =>
  eventually(
    async () => {
      const { agents, frameworks, tasks } = await mesosState();
      expect(agents.map(({ state }) => state)).toEqual(agents.map(() => "registered"));
      expect(frameworks.map(({ isConnected }) => isConnected)).toEqual([true]);
      expect(tasks.map(({ id, state }) => `${id} ${state}`).sort()).toEqual(
        processes.map(({ id }) => `${id} TASK_RUNNING`).sort(),
      );
    },
    { deadlineMs: 20_000, what: "Mesos knows the tasks" },
  );

async function remove(name: string): Promise<void> {
  await site.api("DELETE", `/v2/instances/${name}`);
  await eventually(async () => expect((await show(name)).status).toBe("DELETED"), {
    deadlineMs: 20_000,
  });
}

test("killed while an instance runs: no process is touched, and it never leaves RUNNING", async () => {
  await create("kept");
  const before = await waitReady("kept");
  const master = before.processes.find(({ role }) => role === "master") ?? { ip: "", port: 0 };
  await writeKey(master, "foo", "bar");
  const redisBefore = pids();
  const executorsBefore = executorPids();
  const frameworksBefore = await frameworksNow();

  const looks = new Set<string>();
  let isWatching = true;
  const watching = (async () => {
    while (isWatching) {
      const { status, epoch, processes } = await show("kept");
      looks.add(`${status} ${epoch} ${processes.map(({ id }) => id).sort()}`);
      await pauseMs(20);
    }
  })();
  await restartLocal();
  // Once more while it recovers: the executors have come back to the first restart, or have not.
  await pauseMs(random.integer(0, 1_500));
  await restartLocal();
  await expectTasks(before.processes);
  isWatching = false;
  await watching;

  const ids = before.processes.map(({ id }) => id).sort();
  expect([...looks]).toEqual([`RUNNING ${before.epoch} ${ids}`]);
  expect(pids()).toEqual(redisBefore);
  expect(executorPids()).toEqual(executorsBefore);
  expect(await frameworksNow()).toEqual(frameworksBefore);
  await withRedis(master, async (redis) => expect(await redis.get("foo")).toBe("bar"));

  // The executors that were taken over obey: their processes end, and new ones are started by them.
  await remove("kept");
  expect(pids()).toEqual([]);
  await create("next");
  await waitReady("next");
  expect(executorPids()).toEqual(executorsBefore);
  await remove("next");
});

test.each([1, 2])(
  "killed in the middle of creates (%i): exactly the asked processes",
  async (round) => {
    const names = [1, 2, 3].map((number) => `born-${round}-${number}`);
    for (const name of names) {
      await create(name);
      await pauseMs(random.integer(0, 150));
    }
    const killedAt = `${pids().length} of 9 redis-servers were there`;
    await restartLocal();
    process.stdout.write(`${killedAt}\n`);
    const shown = await Promise.all(names.map(waitReady));
    const processes = shown.flatMap((instance) => instance.processes);
    await eventually(() => {
      const ports = site.redisServers().map(({ port }) => port);
      expect(ports.sort()).toEqual(processes.map(({ port }) => port).sort());
    });
    await expectTasks(processes);
    await Promise.all(names.map(remove));
    expect(pids()).toEqual([]);
  },
);
