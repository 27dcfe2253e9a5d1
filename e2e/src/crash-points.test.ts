/**
 * Owns the proof that the scheduler may be killed at any instant: for each crash point of create, delete, promotion and
 * replacement it ends there, is started again, and the instance is exactly as asked.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  eventually,
  type Program,
  type Site,
  signalProcess,
  siteStoreOfRun,
  startSite,
  until,
} from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";

let site: Site;
let scheduler: Program;
let frameworks: unknown;
let count = 0;

const crashFile = () => join(site.directory, "crash-at");
const environment = () => ({ MRR_TEST: "1", MRR_CRASH_AT: `@${crashFile()}` });

const frameworkIds = async (): Promise<string[]> => {
  const answer = await fetch(`${site.mesosEndpoint}/state`);
  const state = (await answer.json()) as { frameworks: { id: string }[] };
  return state.frameworks.map((framework) => framework.id);
};

beforeAll(async () => {
  site = await startSite({ agents: 4, redisPorts: 60, config: { ReviveBurst: "50" } });
  scheduler = await site.startScheduler(environment());
  frameworks = await frameworkIds();
});

afterAll(async () => {
  await site.destroy();
});

/** A failed case must not spoil the next one. */
afterEach(async () => {
  if (site.redisServers().length === 0 || scheduler.exit !== null) return;
  await ask("DELETE", `/v2/instances/crash-${count}`);
  await eventually(() => expect(site.redisServers()).toEqual([]), { deadlineMs: 10_000 });
});

const show = async (name: string): Promise<ShownInstance | null> => {
  const answer = await site.api("GET", `/v2/instances/${name}`);
  if (answer.status === 404) return null;
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json as ShownInstance;
};

const waitRunning = (name: string) =>
  eventually(
    async () => {
      const shown = await show(name);
      if (shown?.status !== "RUNNING") throw new Error(JSON.stringify(shown?.reason ?? null));
      return shown;
    },
    { deadlineMs: 20_000, what: `${name} is RUNNING` },
  );

/** The answer's status, or null when the scheduler was gone before it answered. */
const ask = async (method: string, path: string, body?: unknown): Promise<number | null> =>
  site.api(method, path, body).then(
    (answer) => answer.status,
    () => null,
  );

/** The next `point` ends the scheduler; `act` is done meanwhile; then it is started again. */
async function crashing(point: string, act: () => Promise<number | null>): Promise<number | null> {
  await writeFile(crashFile(), point);
  signalProcess(scheduler.pid, "SIGUSR2");
  // The program takes the file when the instant is chosen.
  await eventually(() => expect(existsSync(crashFile())).toBe(false));
  const status = await act();
  const limit = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error(`${point} was not reached\n${scheduler.log}`)), 15_000),
  );
  const exit = await Promise.race([scheduler.exited, limit]);
  expect(exit.signal, scheduler.log).toBe("SIGKILL");
  scheduler = await site.startScheduler(environment());
  return status;
}

/** Exactly the processes that the instance shows run for it; the framework is the same one. */
async function expectExactly(name: string, processes: number): Promise<void> {
  await eventually(
    async () => {
      const shown = await show(name);
      const ports = (shown?.processes ?? []).map((process) => process.port).sort();
      expect(ports).toHaveLength(processes);
      expect(
        site
          .redisServers()
          .map((server) => server.port)
          .sort(),
      ).toEqual(ports);
    },
    { deadlineMs: 15_000, what: `exactly ${processes} redis-servers` },
  );
  expect(await frameworkIds()).toEqual(frameworks);
}

async function deleteNow(name: string): Promise<void> {
  await site.api("DELETE", `/v2/instances/${name}`);
  await eventually(async () => expect((await show(name))?.status).toBe("DELETED"), {
    deadlineMs: 15_000,
  });
  expect(site.redisServers()).toEqual([]);
}

const nextName = (): string => {
  count += 1;
  return `crash-${count}`;
};

const createRunning = async (name: string, slaves: number): Promise<ShownInstance> => {
  expect(await ask("POST", "/v2/instances", { name, memory: 100, slaves })).toBe(201);
  return waitRunning(name);
};

const killAt = (port: number): void => {
  const server = site.redisServers().find((each) => each.port === port);
  if (server === undefined) throw new Error(`no redis-server on ${port}`);
  signalProcess(server.pid, "SIGKILL");
};

/**
 * All of them where a crash costs half a second; every fourth on a store where each waits for a lease to run out, others
 * on each store. MRR_CRASH_ALL=1: all of them there too.
 */
function sample(points: readonly string[]): readonly string[] {
  const store = siteStoreOfRun();
  if (store === "embedded" || process.env.MRR_CRASH_ALL === "1") return points;
  const first = store === "etcd" ? 0 : 2;
  return points.filter((_, index) => index % 4 === first);
}

const creating = sample([
  "received:create-requested",
  "decided:create-requested",
  "before:commit-document",
  "after:commit-document",
  "decided:commit-finished",
  "before:reply",
  "after:reply",
  "before:revive-offers",
  "after:revive-offers",
  "received:offers-received",
  "decided:offers-received",
  "after:commit-document#2",
  "before:accept-offers",
  "before:accept-offers#2",
  "after:accept-offers",
  "received:task-updated",
  "decided:task-updated",
  "after:commit-document#3",
  "before:acknowledge",
  "after:acknowledge",
  "decided:reports-received",
]);

/**
 * The scheduler holds no offers and waits for none: only then does a create have to wait for one. What an instance that
 * was deleted a moment ago held is offered again, and a create may be served from that.
 */
async function noOffersHeld(): Promise<void> {
  let quiet = 0;
  await eventually(
    async () => {
      const { agents } = (await site.api("GET", "/v2/agents")).json as {
        agents: { offered: unknown }[];
      };
      quiet = agents.every((agent) => agent.offered === null) ? quiet + 1 : 0;
      expect(quiet).toBeGreaterThanOrEqual(5);
    },
    { deadlineMs: 20_000, intervalMs: 50, what: "no offers are held" },
  );
}

const needsOffers = (point: string): boolean => /:(?:offers-received|revive-offers)/.test(point);

test.each(creating)("create, killed at %s", async (point) => {
  const name = nextName();
  if (needsOffers(point)) await noOffersHeld();
  const status = await crashing(point, () =>
    ask("POST", "/v2/instances", { name, memory: 100, slaves: 1 }),
  );
  // What was answered is there. What was not may be there, and then it is whole.
  if (status !== null) expect(status).toBe(201);
  if (status !== null || (await show(name)) !== null) {
    await waitRunning(name);
    await expectExactly(name, 2);
    await deleteNow(name);
  } else expect(site.redisServers()).toEqual([]);
});

const deleting = sample([
  "received:delete-requested",
  "decided:delete-requested",
  "after:commit-document",
  "before:reply",
  "before:kill-task",
  "after:kill-task",
  "received:task-updated",
  "after:commit-document#2",
  "after:acknowledge",
]);

test.each(deleting)("delete, killed at %s", async (point) => {
  const name = nextName();
  await createRunning(name, 1);
  const status = await crashing(point, () => ask("DELETE", `/v2/instances/${name}`));
  if (status !== null) expect(status).toBe(202);
  if (status === null) {
    // It may have ended before it took the delete in; at first it does not yet know what runs.
    const settled = await eventually(
      async () => {
        const shown = await show(name);
        expect(["RUNNING", "DELETED"]).toContain(shown?.status);
        return shown?.status;
      },
      { deadlineMs: 20_000 },
    );
    if (settled === "RUNNING") {
      await expectExactly(name, 2);
      await deleteNow(name);
    }
  }
  await eventually(async () => expect((await show(name))?.status).toBe("DELETED"), {
    deadlineMs: 15_000,
  });
  expect(site.redisServers()).toEqual([]);
});

const promoting = sample([
  "received:reports-received",
  "decided:reports-received",
  "before:send-goals",
  "after:send-goals",
  "before:commit-document#2",
  "after:commit-document",
  "after:commit-document#2",
  "before:send-goals#3",
  "after:send-goals#3",
  "after:send-goals#4",
]);

test.each(promoting)("promotion, killed at %s", async (point) => {
  const name = nextName();
  const before = await createRunning(name, 2);
  const master = before.processes.find((process) => process.role === "master");
  if (master === undefined) throw new Error("no master");
  await withRedis({ ip: "127.0.0.1", port: master.port }, async (redis) => {
    await redis.set("kept", "value");
    expect(await redis.wait(2, 2_000)).toBe(2);
  });
  await crashing(point, async () => {
    killAt(master.port);
    return null;
  });
  const after = await eventually(
    async () => {
      const shown = await waitRunning(name);
      expect(shown.epoch).toBeGreaterThan(before.epoch);
      return shown;
    },
    { deadlineMs: 25_000 },
  );
  await expectExactly(name, 3);
  const promoted = after.processes.find((process) => process.role === "master");
  await withRedis({ ip: "127.0.0.1", port: promoted?.port ?? 0 }, async (redis) =>
    expect(await redis.get("kept")).toBe("value"),
  );
  await deleteNow(name);
});

const replacing = sample([
  "received:reports-received",
  "after:commit-document",
  "before:revive-offers",
  "after:commit-document#2",
  "before:accept-offers",
  "after:accept-offers",
  "decided:task-updated#2",
  "after:acknowledge#2",
]);

test.each(replacing)("replacement, killed at %s", async (point) => {
  const name = nextName();
  const before = await createRunning(name, 1);
  const replica = before.processes.find((process) => process.role === "replica");
  if (replica === undefined) throw new Error("no replica");
  if (needsOffers(point)) await noOffersHeld();
  await crashing(point, async () => {
    killAt(replica.port);
    return null;
  });
  await eventually(
    async () => {
      const shown = await waitRunning(name);
      expect(shown.processes.map((process) => process.id)).not.toContain(replica.id);
    },
    { deadlineMs: 25_000 },
  );
  await expectExactly(name, 2);
  await deleteNow(name);
});

const starting = ["before:campaign", "after:campaign", "after:load"];

test.each(starting)("a start, killed at %s", async (point) => {
  const name = nextName();
  await createRunning(name, 1);
  const pids = site.redisServers().map((server) => server.pid);
  scheduler.signal("SIGKILL");
  await scheduler.exited;
  const dying = await site.startScheduler(
    { MRR_TEST: "1", MRR_CRASH_AT: point },
    { untilReady: false },
  );
  await until(() => dying.exit !== null, { deadlineMs: 20_000, what: `it dies at ${point}` });
  expect(dying.exit?.signal, dying.log).toBe("SIGKILL");
  scheduler = await site.startScheduler(environment());
  await waitRunning(name);
  expect(site.redisServers().map((server) => server.pid)).toEqual(pids);
  await expectExactly(name, 2);
  await deleteNow(name);
});
