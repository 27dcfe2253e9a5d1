/**
 * Owns the storm of faults: 20 instances, and for a minute the real scheduler and executors meet, by a seed and all at
 * once, what a real Mesos may do: masters that fail over, streams that end, freeze and lag, messages that are lost, doubled
 * and late, offers that are stale, agents that vanish, return, are restarted, drain and go. Instances are created and
 * deleted meanwhile, and redis-servers killed. Then every promise must have been kept, no task may be without a record,
 * no offer without an answer. MRR_FAULT_STORM_SECONDS (60; 600 is the long version) and MRR_SEED choose another storm.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  createRandom,
  freePorts,
  type Program,
  pause,
  type Random,
  signalProcess,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { calmDown, dealBlow, type Storm } from "./fault-blows.js";
import { type FaultySite, startFaultySite, untilCalm } from "./faulty-site.js";

const seconds = Number(process.env.MRR_FAULT_STORM_SECONDS ?? 60);
const seed = Number(process.env.MRR_SEED ?? 20261122);
const agentsCount = 6;
const instancesCount = 20;
/** Time for everything to be as asked again after the last blow: the longest waits of Mesos and of the scheduler. */
const calmDeadlineMs = 150_000;

let faulty: FaultySite;
let scheduler: Program;
let frameworkId: string | undefined;

/** Replicas of what was accepted by name, null after an accepted delete; and what nobody answered. */
const kept = new Map<string, number | null>();
const doubtful = new Set<string>();

beforeAll(async () => {
  const [otherPort = 0] = await freePorts(1);
  faulty = await startFaultySite({
    agents: agentsCount,
    redisPorts: 240,
    mastersBeside: [`127.0.0.1:${otherPort}`],
  });
  scheduler = await faulty.site.startScheduler();
  await faulty.inflict({ type: "add-master", port: otherPort });
  frameworkId = (await faulty.seen()).mesos?.frameworks[0]?.id;
});
afterAll(() => faulty.site.destroy());

const ask = (method: string, path: string, body?: unknown): Promise<number | null> =>
  faulty.site.api(method, path, body).then(
    (answer) => answer.status,
    () => null,
  );

async function create(name: string, slaves: number): Promise<void> {
  doubtful.add(name);
  if ((await ask("POST", "/v2/instances", { name, memory: 100, slaves })) !== 201) return;
  kept.set(name, slaves);
  doubtful.delete(name);
}

async function remove(name: string): Promise<void> {
  doubtful.add(name);
  if ((await ask("DELETE", `/v2/instances/${name}`)) !== 202) return;
  kept.set(name, null);
  doubtful.delete(name);
}

/** Starts the scheduler again when somebody took its framework over, which is the one reason to end that it has. */
async function watchOver(endMs: number): Promise<void> {
  while (performance.now() < endMs) {
    if (scheduler.exit !== null) {
      expect(scheduler.exit.code, scheduler.log.slice(-2_000)).toBe(7);
      scheduler = await faulty.site.startScheduler({}, { untilReady: false });
    }
    await pause(100);
  }
}

/** Creates, deletes, and ends a redis-server now and then, until `endMs`. */
async function live(random: Random, endMs: number): Promise<void> {
  for (let number = 0; performance.now() < endMs; number += 1) {
    const kind = random.integer(0, 9);
    const extra = [...kept].filter(([name, slaves]) => slaves !== null && /^extra/.test(name));
    const chosen = extra[random.integer(0, Math.max(0, extra.length - 1))];
    if (kind < 4 && extra.length < 8) await create(`extra-${number}`, random.integer(0, 2));
    else if (kind < 7 && chosen !== undefined) await remove(chosen[0]);
    else if (kind < 9) {
      const servers = faulty.site.redisServers();
      const victim = servers[random.integer(0, Math.max(0, servers.length - 1))];
      if (victim !== undefined) signalProcess(victim.pid, "SIGKILL");
    }
    await pause(random.integer(100, 900));
  }
}

test(
  `${instancesCount} instances in a storm of faults of ${seconds} s, seed ${seed}`,
  async () => {
    const random = createRandom(seed);
    for (let index = 0; index < instancesCount; index += 1)
      await create(`kept-${index}`, index % 3);
    expect(kept.size).toBe(instancesCount);
    const storm: Storm = {
      faulty,
      random: random.fork("blows"),
      agentsCount,
      mastersCount: 2,
      busy: new Set(),
      dealt: new Map(),
      pending: new Set(),
    };
    const endMs = performance.now() + seconds * 1_000;
    const living = Promise.all([live(random.fork("life"), endMs), watchOver(endMs)]);
    while (performance.now() < endMs) {
      await dealBlow(storm);
      await pause(random.integer(0, 400));
    }
    await living;
    await calmDown(storm);
    const counts = [...storm.dealt].sort().map(([name, count]) => `${count} ${name}`);
    const total = [...storm.dealt.values()].reduce((sum, count) => sum + count, 0);
    const story = `seed ${seed}: ${total} faults in ${seconds} s: ${counts.join(", ")}`;
    process.stdout.write(`storm of faults, ${story}\n`);
    // The last one may have ended just now.
    await watchOver(performance.now() + 1_000);
    for (const name of doubtful) kept.delete(name);
    const startMs = performance.now();
    const instances = await untilCalm(faulty, kept, story, calmDeadlineMs);
    process.stdout.write(`calm after ${Math.round(performance.now() - startMs)} ms\n`);
    expect(instances.length).toBeGreaterThanOrEqual(instancesCount);
    expect((await faulty.seen()).mesos?.frameworks.map(({ id }) => id)).toEqual([frameworkId]);
  },
  (seconds + 240) * 1_000,
);
