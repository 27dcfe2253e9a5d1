/**
 * Owns the proof that the scheduler may be killed at any instant: for each crash point of create, delete, promotion and
 * replacement it ends there, is started again, and the instance is exactly as asked.
 * Two sites share the points: most of the time of one is waiting, for a start or a lease.
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
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";

/** One site with its scheduler: one point at a time. */
class CrashSite {
  readonly site: Site;
  readonly #frameworks: readonly string[];
  #scheduler: Program;
  /** The instance of the present case. */
  #name = "";

  private constructor(site: Site, scheduler: Program, frameworks: readonly string[]) {
    this.site = site;
    this.#scheduler = scheduler;
    this.#frameworks = frameworks;
  }

  static async start(): Promise<CrashSite> {
    const site = await startSite({ agents: 4, redisPorts: 60, config: { ReviveBurst: "50" } });
    try {
      const scheduler = await site.startScheduler(environmentOf(site));
      return new CrashSite(site, scheduler, await frameworkIds(site));
    } catch (error) {
      await site.destroy();
      throw error;
    }
  }

  nextName(): string {
    count += 1;
    this.#name = `crash-${count}`;
    return this.#name;
  }

  /** A failed case must not spoil the next one. */
  async clean(): Promise<void> {
    if (this.site.redisServers().length === 0 || this.#scheduler.exit !== null) return;
    await this.ask("DELETE", `/v2/instances/${this.#name}`);
    await eventually(() => expect(this.site.redisServers()).toEqual([]), { deadlineMs: 10_000 });
  }

  async show(name: string): Promise<ShownInstance | null> {
    const answer = await this.site.api("GET", `/v2/instances/${name}`);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    return answer.json as ShownInstance;
  }

  waitRunning(name: string): Promise<ShownInstance> {
    return eventually(
      async () => {
        const shown = await this.show(name);
        if (shown?.status !== "RUNNING") throw new Error(JSON.stringify(shown?.reason ?? null));
        return shown;
      },
      { deadlineMs: 20_000, what: `${name} is RUNNING` },
    );
  }

  /** The answer's status, or null when the scheduler was gone before it answered. */
  ask(method: string, path: string, body?: unknown): Promise<number | null> {
    return this.site.api(method, path, body).then(
      (answer) => answer.status,
      () => null,
    );
  }

  /** The next `point` ends the scheduler; `act` is done meanwhile; then it is started again. */
  async crashing(point: string, act: () => Promise<number | null>): Promise<number | null> {
    const scheduler = this.#scheduler;
    await writeFile(crashFileOf(this.site), point);
    signalProcess(scheduler.pid, "SIGUSR2");
    // The program takes the file when the instant is chosen.
    await eventually(() => expect(existsSync(crashFileOf(this.site))).toBe(false));
    const status = await act();
    const limit = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`${point} was not reached\n${scheduler.log}`)), 15_000),
    );
    const exit = await Promise.race([scheduler.exited, limit]);
    expect(exit.signal, scheduler.log).toBe("SIGKILL");
    await this.startAgain();
    return status;
  }

  async startAgain(): Promise<void> {
    this.#scheduler = await this.site.startScheduler(environmentOf(this.site));
  }

  async kill(): Promise<void> {
    this.#scheduler.signal("SIGKILL");
    await this.#scheduler.exited;
  }

  /** Exactly the processes that the instance shows run for it; the framework is the same one. */
  async expectExactly(name: string, processes: number): Promise<void> {
    await eventually(
      async () => {
        const shown = await this.show(name);
        const ports = (shown?.processes ?? []).map((process) => process.port).sort();
        expect(ports).toHaveLength(processes);
        const servers = this.site.redisServers();
        expect(servers.map((server) => server.port).sort()).toEqual(ports);
      },
      { deadlineMs: 15_000, what: `exactly ${processes} redis-servers` },
    );
    expect(await frameworkIds(this.site)).toEqual(this.#frameworks);
  }

  async deleteNow(name: string): Promise<void> {
    await this.site.api("DELETE", `/v2/instances/${name}`);
    await eventually(async () => expect((await this.show(name))?.status).toBe("DELETED"), {
      deadlineMs: 15_000,
    });
    expect(this.site.redisServers()).toEqual([]);
  }

  async createRunning(slaves: number): Promise<ShownInstance & { readonly name: string }> {
    const name = this.nextName();
    expect(await this.ask("POST", "/v2/instances", { name, memory: 100, slaves })).toBe(201);
    return { ...(await this.waitRunning(name)), name };
  }

  killAt(port: number): void {
    const server = this.site.redisServers().find((each) => each.port === port);
    if (server === undefined) throw new Error(`no redis-server on ${port}`);
    signalProcess(server.pid, "SIGKILL");
  }

  /**
   * The scheduler holds no offers and waits for none: only then does a create have to wait for one. What an instance
   * that was deleted a moment ago held is offered again, and a create may be served from that.
   */
  async noOffersHeld(): Promise<void> {
    let quiet = 0;
    await eventually(
      async () => {
        const { agents } = (await this.site.api("GET", "/v2/agents")).json as {
          agents: { offered: unknown }[];
        };
        quiet = agents.every((agent) => agent.offered === null) ? quiet + 1 : 0;
        expect(quiet).toBeGreaterThanOrEqual(5);
      },
      { deadlineMs: 20_000, intervalMs: 50, what: "no offers are held" },
    );
  }
}

let count = 0;

const crashFileOf = (site: Site): string => join(site.directory, "crash-at");

const environmentOf = (site: Site) => ({ MRR_TEST: "1", MRR_CRASH_AT: `@${crashFileOf(site)}` });

async function frameworkIds(site: Site): Promise<string[]> {
  const answer = await fetch(`${site.mesosEndpoint}/state`);
  const state = (await answer.json()) as { frameworks: { id: string }[] };
  return state.frameworks.map((framework) => framework.id);
}

/** Limit of a case with its wait for a site, on a machine that others load too. */
const caseMsMax = 150_000;

/** As many cases run at a time. */
const sitesCount = 2;
const sites: CrashSite[] = [];
/** Those that no case has now. */
const free: CrashSite[] = [];
const waiting: ((site: CrashSite) => void)[] = [];

beforeAll(async () => {
  for (let number = 0; number < sitesCount; number += 1) sites.push(await CrashSite.start());
  free.push(...sites);
});

afterAll(async () => {
  for (const { site } of sites) await site.destroy();
});

/** A case on a site of its own, as soon as one is free; who waits longest is next. */
async function onSite(act: (site: CrashSite) => Promise<void>): Promise<void> {
  const site = free.pop() ?? (await new Promise<CrashSite>((resolve) => waiting.push(resolve)));
  try {
    await act(site);
  } finally {
    await site.clean().finally(() => {
      const next = waiting.shift();
      if (next === undefined) free.push(site);
      else next(site);
    });
  }
}

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

const needsOffers = (point: string): boolean => /:(?:offers-received|revive-offers)/.test(point);

test.concurrent.each(creating)(
  "create, killed at %s",
  (point) =>
    onSite(async (on) => {
      const name = on.nextName();
      if (needsOffers(point)) await on.noOffersHeld();
      const status = await on.crashing(point, () =>
        on.ask("POST", "/v2/instances", { name, memory: 100, slaves: 1 }),
      );
      // What was answered is there. What was not may be there, and then it is whole.
      if (status !== null) expect(status).toBe(201);
      if (status !== null || (await on.show(name)) !== null) {
        await on.waitRunning(name);
        await on.expectExactly(name, 2);
        await on.deleteNow(name);
      } else expect(on.site.redisServers()).toEqual([]);
    }),
  caseMsMax,
);

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

test.concurrent.each(deleting)(
  "delete, killed at %s",
  (point) =>
    onSite(async (on) => {
      const { name } = await on.createRunning(1);
      const status = await on.crashing(point, () => on.ask("DELETE", `/v2/instances/${name}`));
      if (status !== null) expect(status).toBe(202);
      if (status === null) {
        // It may have ended before it took the delete in; at first it does not yet know what runs.
        const settled = await eventually(
          async () => {
            const shown = await on.show(name);
            expect(["RUNNING", "DELETED"]).toContain(shown?.status);
            return shown?.status;
          },
          { deadlineMs: 20_000 },
        );
        if (settled === "RUNNING") {
          await on.expectExactly(name, 2);
          await on.deleteNow(name);
        }
      }
      await eventually(async () => expect((await on.show(name))?.status).toBe("DELETED"), {
        deadlineMs: 15_000,
      });
      expect(on.site.redisServers()).toEqual([]);
    }),
  caseMsMax,
);

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

test.concurrent.each(promoting)(
  "promotion, killed at %s",
  (point) =>
    onSite(async (on) => {
      const before = await on.createRunning(2);
      const { name } = before;
      const master = before.processes.find((process) => process.role === "master");
      if (master === undefined) throw new Error("no master");
      await withRedis({ ip: "127.0.0.1", port: master.port }, async (redis) => {
        await redis.set("kept", "value");
        expect(await redis.wait(2, 20_000)).toBe(2);
      });
      await on.crashing(point, async () => {
        on.killAt(master.port);
        return null;
      });
      const after = await eventually(
        async () => {
          const shown = await on.waitRunning(name);
          expect(shown.epoch).toBeGreaterThan(before.epoch);
          return shown;
        },
        { deadlineMs: 25_000 },
      );
      await on.expectExactly(name, 3);
      const promoted = after.processes.find((process) => process.role === "master");
      await withRedis({ ip: "127.0.0.1", port: promoted?.port ?? 0 }, async (redis) =>
        expect(await redis.get("kept")).toBe("value"),
      );
      await on.deleteNow(name);
    }),
  caseMsMax,
);

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

test.concurrent.each(replacing)(
  "replacement, killed at %s",
  (point) =>
    onSite(async (on) => {
      const before = await on.createRunning(1);
      const { name } = before;
      const replica = before.processes.find((process) => process.role === "replica");
      if (replica === undefined) throw new Error("no replica");
      if (needsOffers(point)) await on.noOffersHeld();
      await on.crashing(point, async () => {
        on.killAt(replica.port);
        return null;
      });
      await eventually(
        async () => {
          const shown = await on.waitRunning(name);
          expect(shown.processes.map((process) => process.id)).not.toContain(replica.id);
        },
        { deadlineMs: 25_000 },
      );
      await on.expectExactly(name, 2);
      await on.deleteNow(name);
    }),
  caseMsMax,
);

const starting = ["before:campaign", "after:campaign", "after:load"];

test.concurrent.each(starting)(
  "a start, killed at %s",
  (point) =>
    onSite(async (on) => {
      const { name } = await on.createRunning(1);
      const pids = on.site.redisServers().map((server) => server.pid);
      await on.kill();
      const dying = await on.site.startScheduler(
        { MRR_TEST: "1", MRR_CRASH_AT: point },
        { untilReady: false },
      );
      await until(() => dying.exit !== null, { deadlineMs: 20_000, what: `it dies at ${point}` });
      expect(dying.exit?.signal, dying.log).toBe("SIGKILL");
      await on.startAgain();
      await on.waitRunning(name);
      expect(on.site.redisServers().map((server) => server.pid)).toEqual(pids);
      await on.expectExactly(name, 2);
      await on.deleteNow(name);
    }),
  caseMsMax,
);
