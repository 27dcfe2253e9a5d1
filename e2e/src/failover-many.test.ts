/**
 * Tests of many deaths: a whole instance at once, an agent with many masters at once, and a long row of random kills
 * under writers whose acknowledged writes are checked at the end. MRR_SEED and MRR_KILLS choose another row.
 * Not: one death at a time and what the API says meanwhile (kill-redis.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  createRandom,
  eventually,
  freePortRange,
  pause,
  type RunningUp,
  type SeenProcess,
  startUp,
} from "@mr-redis/testing";
import { expect, test } from "vitest";
import {
  create,
  createRunning,
  masterOf,
  replicasOf,
  type ShownInstance,
  type ShownProcess,
  show,
  waitStatus,
} from "./look.js";
import { withRedis } from "./redis-client.js";
import { killNow } from "./watch.js";

const seed = Number(process.env.MRR_SEED ?? 20261122);
const killsCount = Number(process.env.MRR_KILLS ?? 100);
const deadlineMs = 60_000;

/** As many masters as must die at once. */
const mastersMin = 20;
/** On two agents, one of them has at least half of the masters. */
const pairsCount = 2 * mastersMin - 1;

/** An acknowledged write may be lost with the master only when it was this young, or younger. */
const tailMs = 1_000;
/** Time between two writes of one writer: ten of them leave the machine its time for failovers. */
const writeIntervalMs = 10;

interface ShownLoss {
  readonly kind: string;
  readonly oldMaster: string | null;
  readonly newMaster: string;
  readonly candidates: readonly { readonly dataEpoch: number }[];
}

const lossesOf = (shown: ShownInstance): readonly ShownLoss[] =>
  shown.failovers as unknown as readonly ShownLoss[];

/** Runs `work` with a cluster of its own, which leaves nothing behind. */
async function withUp(
  options: { readonly agents: number; readonly ports: number },
  work: (up: RunningUp) => Promise<void>,
): Promise<void> {
  const redisPorts = await freePortRange(options.ports);
  const up = await startUp({ agents: options.agents, redisPorts });
  try {
    await work(up);
  } catch (error) {
    await up.destroy();
    throw error;
  }
  expect(await up.stop()).toEqual([]);
}

/** Waits until it runs with exactly this many processes, all of them alive, without any of those that are gone. */
const waitWhole = (
  up: RunningUp,
  name: string,
  count: number,
  gone: readonly string[] = [],
): Promise<ShownInstance> =>
  eventually(
    async () => {
      const shown = await show(up, name);
      const old = shown.processes.filter(({ id }) => gone.includes(id)).length;
      expect([shown.status, shown.processes.length, old]).toEqual(["RUNNING", count, 0]);
      return shown;
    },
    { deadlineMs, what: `${name} runs with ${count} processes` },
  );

/** Waits until the redis-servers of this machine are those that are shown, and no others. */
const waitShape = (up: RunningUp, names: readonly string[]): Promise<void> =>
  eventually(
    async () => {
      const all = await Promise.all(names.map((name) => show(up, name)));
      const ports = all.flatMap(({ processes }) => processes.map(({ port }) => port));
      const alive = up.redisServers().map(({ port }) => port);
      expect(alive.sort()).toEqual(ports.sort());
    },
    { deadlineMs, what: "exactly the processes that are shown" },
  );

test(
  "all processes of an instance killed at once: it runs again, empty, and says so",
  () =>
    withUp({ agents: 3, ports: 60 }, async (up) => {
      const before = await createRunning(up, { name: "whole", slaves: 2 }, deadlineMs);
      await withRedis(masterOf(before), async (redis) => {
        await redis.set("foo", "bar");
        expect(await redis.wait(2, 10_000)).toBe(2);
      });
      const pids = before.processes.map(({ port }) => up.redisPid(port));
      const killedAtMs = performance.now();
      for (const pid of pids) process.kill(pid, "SIGKILL");
      const gone = before.processes.map(({ id }) => id);
      const after = await waitWhole(up, "whole", 3, gone);
      const tookMs = Math.round(performance.now() - killedAtMs);
      process.stdout.write(`all three killed: RUNNING again after ${tookMs} ms\n`);
      expect(after.epoch).toBeGreaterThan(before.epoch);
      const record = lossesOf(after).at(-1);
      expect(record).toMatchObject({ kind: "death", newMaster: masterOf(after).id });
      expect(gone).toContain(record?.oldMaster);
      // Placed as master, or the first of the new ones: the record says that nobody who had data was there.
      expect(record?.candidates.filter(({ dataEpoch }) => dataEpoch > 0)).toEqual([]);
      await withRedis(masterOf(after), async (redis) => {
        expect([await redis.dbsize(), await redis.set("foo", "new")]).toEqual([0, "OK"]);
      });
      await waitShape(up, ["whole"]);
    }),
  180_000,
);

/** Creates the pairs and gives the agent with the most masters, with their instances. */
async function crowdedAgent(up: RunningUp, names: readonly string[]) {
  for (const name of names) await create(up, { name, slaves: 1 });
  const byAgent = new Map<string, ShownInstance[]>();
  for (const name of names) {
    const shown = await waitStatus(up, name, "RUNNING", deadlineMs);
    const { agentId } = masterOf(shown);
    byAgent.set(agentId, [...(byAgent.get(agentId) ?? []), shown]);
    expect(new Set(shown.processes.map((each) => each.agentId)).size, name).toBe(2);
    await withRedis(masterOf(shown), async (redis) => {
      await redis.set("key", name);
      expect(await redis.wait(1, 10_000)).toBe(1);
    });
  }
  const [most = []] = [...byAgent.values()].sort((left, right) => right.length - left.length);
  return most;
}

/** The executor above a redis-server: its parent. */
function executorOf(up: RunningUp, { port }: ShownProcess): SeenProcess {
  const all = up.processes();
  const parent = all.find(({ pid }) => pid === up.redisPid(port))?.parentPid;
  const executor = all.find(({ pid }) => pid === parent);
  if (executor === undefined) throw new Error(`no executor above port ${port}`);
  expect(executor.commandLine).toContain("executor");
  return executor;
}

test(
  `an agent with ${mastersMin} masters killed at once: all of them are healed with their data`,
  () =>
    withUp({ agents: 2, ports: 300 }, async (up) => {
      const names = Array.from({ length: pairsCount }, (_, index) => `pair-${index}`);
      const hit = await crowdedAgent(up, names);
      expect(hit.length).toBeGreaterThanOrEqual(mastersMin);
      const [first] = hit;
      if (first === undefined) throw new Error("no master");
      const executor = executorOf(up, masterOf(first));
      const killedAtMs = performance.now();
      process.kill(executor.pid, "SIGKILL");
      const times = await Promise.all(
        hit.map((before) =>
          eventually(
            async () => {
              const master = masterOf(await show(up, before.name));
              expect(master.id).not.toBe(masterOf(before).id);
              await withRedis(master, async (redis) => {
                expect(await redis.get("key")).toBe(before.name);
                expect(await redis.set("after", "yes")).toBe("OK");
              });
              return Math.round(performance.now() - killedAtMs);
            },
            { deadlineMs, what: `${before.name} accepts writes` },
          ),
        ),
      );
      times.sort((left, right) => left - right);
      process.stdout.write(
        `agent with ${hit.length} masters killed: writes accepted after ${times[0]} ms at the first, ${times.at(-1)} ms at all\n`,
      );
      for (const name of names) {
        const shown = await waitWhole(up, name, 2);
        await withRedis(masterOf(shown), async (redis) =>
          expect(await redis.get("key")).toBe(name),
        );
      }
      process.stdout.write(`all RUNNING after ${Math.round(performance.now() - killedAtMs)} ms\n`);
      await waitShape(up, names);
    }),
  180_000,
);

/** What one writer was told: the value, and when. */
interface Acknowledged {
  readonly value: number;
  readonly atMs: number;
}

/** Appends numbers to a list at whoever is master, until it is stopped; then gives all that were acknowledged. */
function appendTo(up: RunningUp, name: string): () => Promise<readonly Acknowledged[]> {
  const acknowledged: Acknowledged[] = [];
  let running = true;
  let value = 0;
  const session = async (): Promise<void> => {
    const master = masterOf(await show(up, name));
    await withRedis(master, async (redis) => {
      while (running) {
        value += 1;
        await redis.rpush("list", String(value));
        acknowledged.push({ value, atMs: performance.now() });
        await pause(writeIntervalMs);
      }
    });
  };
  const done = (async () => {
    while (running) {
      // Refused, cut off or between two masters: look again.
      await session().catch(() => pause(writeIntervalMs));
    }
  })();
  return async () => {
    running = false;
    await done;
    return acknowledged;
  };
}

interface Kill {
  readonly name: string;
  readonly role: string;
  readonly atMs: number;
}

/** Kills one process of the instance, once another one is known to have all that the master has now. */
async function killOneOf(up: RunningUp, name: string, draw: number): Promise<Kill> {
  return eventually(
    async () => {
      const shown = await show(up, name);
      const master = masterOf(shown);
      if (!replicasOf(shown).some(({ ready }) => ready)) throw new Error("no replica is ready");
      await withRedis(master, async (redis) => {
        await redis.set("before-kill", String(draw));
        if ((await redis.wait(1, 2_000)) < 1) throw new Error("no replica is in sync");
      });
      const alive = shown.processes.filter(({ ready }) => ready);
      const victim = alive[draw % alive.length] ?? master;
      return { name, role: victim.role, atMs: killNow(up.redisPid(victim.port)) };
    },
    { deadlineMs, what: `${name} can lose a process` },
  );
}

/** Every acknowledged write that the list has not, each of them young when a master of its instance was killed. */
function checkLost(
  name: string,
  acknowledged: readonly Acknowledged[],
  list: readonly string[],
  kills: readonly Kill[],
): number {
  const present = new Set(list.map(Number));
  const lost = acknowledged.filter(({ value }) => !present.has(value));
  const deaths = kills.filter((kill) => kill.name === name && kill.role === "master");
  const unexplained = lost.filter(
    ({ atMs }) => !deaths.some((death) => Math.abs(atMs - death.atMs) <= tailMs),
  );
  expect(unexplained, `${name}: lost, and not with a master`).toEqual([]);
  return lost.length;
}

test(
  `${killsCount} random kills in a row over ten instances, seed ${seed}`,
  () =>
    withUp({ agents: 3, ports: 200 }, async (up) => {
      const random = createRandom(seed);
      const names = Array.from({ length: 10 }, (_, index) => `row-${index}`);
      for (const name of names) await create(up, { name, slaves: 2 });
      for (const name of names) await waitStatus(up, name, "RUNNING", deadlineMs);
      const writers = new Map(names.map((name) => [name, appendTo(up, name)]));
      const kills: Kill[] = [];
      const startedAtMs = performance.now();
      const histories = new Map<string, readonly Acknowledged[]>();
      try {
        for (let index = 0; index < killsCount; index += 1) {
          kills.push(await killOneOf(up, random.pick(names), random.integer(0, 5)));
        }
        for (const name of names) await waitWhole(up, name, 3);
      } finally {
        for (const [name, stop] of writers) histories.set(name, await stop());
      }
      const tookMs = Math.round(performance.now() - startedAtMs);
      const last = await Promise.all(names.map((name) => waitWhole(up, name, 3)));
      await waitShape(up, names);
      let lost = 0;
      let written = 0;
      for (const shown of last) {
        const acknowledged = histories.get(shown.name) ?? [];
        expect(acknowledged.length, shown.name).toBeGreaterThan(0);
        const list = await withRedis(masterOf(shown), (redis) => redis.lrange("list", 0, -1));
        lost += checkLost(shown.name, acknowledged, list, kills);
        written += acknowledged.length;
        for (const replica of replicasOf(shown)) {
          await eventually(
            async () =>
              expect(await withRedis(replica, (redis) => redis.lrange("list", 0, -1))).toEqual(
                list,
              ),
            { deadlineMs, what: `port ${replica.port} has what the master of ${shown.name} has` },
          );
        }
      }
      const masters = kills.filter(({ role }) => role === "master").length;
      process.stdout.write(
        `seed ${seed}: ${kills.length} kills (${masters} masters) in ${tookMs} ms; ${written} writes acknowledged, ${lost} of them lost\n`,
      );
    }),
  240_000,
);
