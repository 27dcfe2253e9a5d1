/**
 * Owns the chaos over the state: three schedulers on one store with a server. For a minute clients create and delete
 * instances without pause while, by a printed seed, leaders are killed, frozen and started again, and the store's server
 * is frozen, killed and started again. Then every create that was answered 201 and not deleted must exist and run, every
 * delete that was accepted must be gone, nothing else may run, and Mesos must know one framework.
 * MRR_CHAOS_SECONDS (30 on each store; 300 is the long version) and MRR_SEED choose another chaos.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  callApi,
  createRandom,
  eventually,
  type Program,
  pause,
  type Random,
  type Site,
  type StoreServer,
  signalProcess,
  startSite,
  startStoreServer,
} from "@mr-redis/testing";
import { describe, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

const seconds = Number(process.env.MRR_CHAOS_SECONDS ?? 30);
const seed = Number(process.env.MRR_SEED ?? 20261122);
const schedulersCount = 3;
const leaseTtlMs = 2_000;
/** Most instances that live at one time; more would measure redis-servers and not the state. */
const livingMax = 24;
/** Callers at a time. */
const clientsCount = 3;
/** Time for everything to be as asked again after the last blow. */
const calmDeadlineMs = 90_000;

/** What was asked and answered, by name. */
interface Promises {
  /** Replicas of what was answered 201 and not deleted; null after an answered delete. */
  readonly kept: Map<string, number | null>;
  /** Asked for, but nobody answered: either outcome is right. */
  readonly doubtful: Set<string>;
}

interface Chaos {
  readonly site: Site;
  readonly server: StoreServer;
  readonly random: Random;
  readonly promises: Promises;
  readonly schedulers: (Program | null)[];
  readonly done: string[];
}

/** Statuses that say: surely not done. */
const isRefusal = (status: number): boolean => status >= 400 && status < 500;

/** Asks one scheduler; a redirect is followed. Null when there is no answer. */
async function ask(
  { site }: Chaos,
  number: number,
  method: string,
  path: string,
  body?: unknown,
): Promise<number | null> {
  const endpoint = site.endpoints[number % site.endpoints.length] ?? "";
  return callApi(endpoint, method, path, body).then(
    (answer) => answer.status,
    () => null,
  );
}

async function create(chaos: Chaos, name: string, via: number, slaves: number): Promise<void> {
  const { kept, doubtful } = chaos.promises;
  doubtful.add(name);
  const status = await ask(chaos, via, "POST", "/v2/instances", { name, memory: 100, slaves });
  if (status === 201) kept.set(name, slaves);
  // Any other answer may come from a second asking of a scheduler whose first answer was lost: it stays doubtful.
  if (status === 201 || (status !== null && isRefusal(status) && status !== 409)) {
    doubtful.delete(name);
  }
}

async function remove(chaos: Chaos, name: string, via: number): Promise<void> {
  const { kept, doubtful } = chaos.promises;
  doubtful.add(name);
  const status = await ask(chaos, via, "DELETE", `/v2/instances/${name}`);
  if (status !== 202) return;
  kept.set(name, null);
  doubtful.delete(name);
}

/** Creates and deletes until `endMs`. */
async function client(chaos: Chaos, id: number, endMs: number): Promise<void> {
  const random = createRandom(seed + 1_000 * (id + 1));
  for (let round = 0; performance.now() < endMs; round += 1) {
    const mine = [...chaos.promises.kept].filter(
      ([name, slaves]) => slaves !== null && name.startsWith(`c${id}-`),
    );
    const via = random.integer(0, schedulersCount - 1);
    if (mine.length < livingMax / clientsCount && random.integer(0, 2) > 0) {
      await create(chaos, `c${id}-${round}`, via, random.integer(0, 1));
    } else {
      const chosen = mine[random.integer(0, Math.max(0, mine.length - 1))];
      if (chosen !== undefined) await remove(chaos, chosen[0], via);
    }
    await pause(random.integer(0, 60));
  }
}

const startScheduler = async (chaos: Chaos, number: number): Promise<void> => {
  chaos.schedulers[number] = await chaos.site.startScheduler({}, { number, untilReady: false });
};

/** The number of the scheduler that says of itself that it leads; null when none does. */
async function leaderOf(site: Site): Promise<number | null> {
  const answers = await Promise.all(
    site.endpoints.map((endpoint) =>
      fetch(`${endpoint}/readyz`, { redirect: "manual", signal: AbortSignal.timeout(500) }).then(
        async (answer) => {
          await answer.body?.cancel();
          return answer.status === 200;
        },
        () => false,
      ),
    ),
  );
  const leader = answers.indexOf(true);
  return leader < 0 ? null : leader;
}

/** One blow; what it did, for the message of a failure. */
async function blow(chaos: Chaos): Promise<string> {
  const { random, schedulers, server, site } = chaos;
  const kind = random.integer(0, 99);
  const leader = (await leaderOf(site)) ?? random.integer(0, schedulersCount - 1);
  if (kind < 40) {
    schedulers[leader]?.signal("SIGKILL");
    await schedulers[leader]?.exited;
    await pause(random.integer(0, 1_500));
    await startScheduler(chaos, leader);
    return `kill scheduler ${leader}`;
  }
  if (kind < 65) {
    const frozenMs = random.integer(200, 2 * leaseTtlMs);
    const pid = schedulers[leader]?.pid ?? 0;
    signalProcess(pid, "SIGSTOP");
    await pause(frozenMs);
    signalProcess(pid, "SIGCONT");
    return `freeze scheduler ${leader} for ${frozenMs} ms`;
  }
  if (kind < 75) {
    const other = (leader + 1) % schedulersCount;
    schedulers[other]?.signal("SIGKILL");
    await schedulers[other]?.exited;
    await startScheduler(chaos, other);
    return `kill scheduler ${other}, which stands by`;
  }
  if (kind < 90) {
    await server.kill();
    const awayMs = random.integer(0, leaseTtlMs);
    await pause(awayMs);
    await server.start();
    return `kill the store, away for ${awayMs} ms`;
  }
  const frozenMs = random.integer(200, 2 * leaseTtlMs);
  server.freeze();
  await pause(frozenMs);
  server.thaw();
  return `freeze the store for ${frozenMs} ms`;
}

/** Looks all the time for who leads; resolves with the longest time without anybody. */
async function watchLeader(site: Site, endMs: number): Promise<number> {
  let longestMs = 0;
  let sinceMs = performance.now();
  while (performance.now() < endMs) {
    const isLed = (await leaderOf(site)) !== null;
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - sinceMs);
    if (isLed) sinceMs = nowMs;
    await pause(50);
  }
  return Math.round(longestMs);
}

const frameworkIds = async (site: Site): Promise<string[]> => {
  const answer = await fetch(`${site.mesosEndpoint}/state`);
  const state = (await answer.json()) as { frameworks: { id: string }[] };
  return state.frameworks.map((framework) => framework.id);
};

type Listed = ShownInstance & { readonly slaves: number };

/** Every instance that a leading scheduler shows, page by page; deleted ones stay for an hour. */
async function list(site: Site): Promise<readonly Listed[]> {
  const leader = await leaderOf(site);
  if (leader === null) throw new Error("nobody leads");
  const listed: Listed[] = [];
  for (let after = ""; ; ) {
    const path = `/v2/instances?limit=500${after}`;
    const answer = await callApi(site.endpoints[leader] ?? "", "GET", path);
    const page = answer.json as { instances: readonly Listed[]; next: string | null };
    listed.push(...page.instances);
    if (page.next === null) return listed;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

/** Throws while anything is not as it was promised. */
async function checkPromises({ site, promises }: Chaos): Promise<void> {
  const instances = await list(site);
  const byName = new Map(instances.map((each) => [each.name, each]));
  for (const [name, slaves] of promises.kept) {
    if (promises.doubtful.has(name)) continue;
    const instance = byName.get(name);
    const was = `${name}: ${instance?.status} ${JSON.stringify(instance?.reason ?? null)}`;
    if (slaves === null) expect(["DELETED", undefined], was).toContain(instance?.status);
    else expect([instance?.status, instance?.slaves], was).toEqual(["RUNNING", slaves]);
  }
  for (const each of instances) {
    const was = `${each.name}: ${each.status} ${JSON.stringify(each.reason)}`;
    expect(["RUNNING", "DELETED"], was).toContain(each.status);
    if (each.status === "RUNNING") expect(each.processes, was).toHaveLength(1 + each.slaves);
  }
  const ports = instances.flatMap((each) => each.processes.map((process) => process.port));
  const running = site.redisServers().map((server) => server.port);
  expect(running.sort(), "exactly the processes that are shown").toEqual(ports.sort());
}

// Side by side: what is looked at is the state after the storm, and no time. Each has a site of its own.
describe.concurrent.each(["etcd", "zookeeper"] as const)("%s", (store) => {
  test(
    `creates and deletes through ${seconds} s of kills, seed ${seed}`,
    async () => {
      const server = await startStoreServer(store);
      const site = await startSite({
        agents: 3,
        redisPorts: 200,
        schedulers: schedulersCount,
        config: { ...server.config, LeaseTtlMs: `${leaseTtlMs}`, DBTimeLimitMs: "1000" },
      });
      try {
        const chaos: Chaos = {
          site,
          server,
          random: createRandom(seed),
          promises: { kept: new Map(), doubtful: new Set() },
          schedulers: [],
          done: [],
        };
        chaos.schedulers[0] = await site.startScheduler();
        const frameworks = await frameworkIds(site);
        expect(frameworks).toHaveLength(1);
        for (let number = 1; number < schedulersCount; number += 1) {
          await startScheduler(chaos, number);
        }
        const endMs = performance.now() + seconds * 1_000;
        const clients = Array.from({ length: clientsCount }, (_, id) => client(chaos, id, endMs));
        const leaderless = watchLeader(site, endMs);
        while (performance.now() < endMs) {
          chaos.done.push(await blow(chaos));
          await pause(chaos.random.integer(0, 2_000));
        }
        await Promise.all(clients);
        const { kept, doubtful } = chaos.promises;
        const deleted = [...kept.values()].filter((slaves) => slaves === null).length;
        const longestMs = await leaderless;
        process.stdout.write(
          `chaos on ${store}: seed ${seed}, ${chaos.done.length} blows in ${seconds} s, ` +
            `${kept.size} creates and ${deleted} deletes accepted, ${doubtful.size} without an answer, ` +
            `longest time without a leader ${longestMs} ms\n`,
        );
        // Three schedulers run again: a killed one was started, a frozen one went on or ended by itself.
        const story = `seed ${seed}: ${chaos.done.join(", ")}`;
        for (let number = 0; number < schedulersCount; number += 1) {
          if (chaos.schedulers[number]?.exit !== null) await startScheduler(chaos, number);
        }
        await eventually(() => checkPromises(chaos), { deadlineMs: calmDeadlineMs, what: story });
        expect(kept.size, story).toBeGreaterThan(10);
        expect(await frameworkIds(site), story).toEqual(frameworks);
      } finally {
        await site.destroy();
        await server.stop();
      }
    },
    (seconds + 180) * 1_000,
  );
});
