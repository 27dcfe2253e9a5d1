/**
 * Tests what one client of a proxy sees while the master is killed again and again: it counts up through one address, is
 * cut for a moment at each kill, and its numbers never go back beyond what the records of the failovers say was given up.
 * Not: how fast (bench/proxy-failover.mjs).
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import {
  eventually,
  freePortRange,
  pause,
  type Site,
  signalProcess,
  startSite,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client, deadlineMs, endpointsOf, type RunningProxy, startProxy } from "./proxy-program.js";

/** How long the client counts at least, and how often its master is killed meanwhile. */
const countingMs = Number(process.env.MRR_COUNTING_SECONDS ?? "60") * 1_000;
const kills = 10;

/** From a kill to the next accepted write. Some 0.2 s on an idle machine; a loaded one must not fail here. */
const writerlessMsMax = 30_000;

/** Of `INCR counter` in the stream of replication: what each write that is lost was, at least. */
const writeBytes = Buffer.byteLength("*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n");

/** Most time for all of it, beside the counting: resyncs on a busy machine. */
const testMsMax = 300_000;

let site: Site;
let proxy: RunningProxy;

beforeAll(async () => {
  const { first, last } = await freePortRange(10);
  site = await startSite({
    agents: 4,
    redisPorts: 60,
    config: { ProxyPorts: `${first}-${last}` },
  });
  await site.startScheduler();
  const stateFile = join(site.directory, "proxy.json");
  proxy = await startProxy({ schedulers: [site.endpoint], stateFile });
}, 120_000);

afterAll(async () => {
  await proxy?.program.kill();
  await site?.destroy();
});

interface Shown {
  readonly status: string;
  readonly epoch: number;
  readonly processes: readonly {
    readonly ready: boolean;
    readonly role: string;
    readonly port: number;
  }[];
  readonly failovers: readonly {
    readonly epoch: number;
    readonly kind: string;
    readonly bytesGivenUp: number | null;
  }[];
}

const show = async (): Promise<Shown> =>
  (await site.api("GET", "/v2/instances/counted")).json as Shown;

/** Counts by one command at a time, over connections that follow one another. */
class Counter {
  /** Last number that was acknowledged. */
  last = 0;
  acknowledged = 0;
  connections = 0;
  /** When the last one was (performance.now). */
  lastAtMs = 0;
  /** Acknowledged writes that were found lost since {@link takeLost}. */
  #lost = 0;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(port: number) {
    this.#done = this.#run(port);
  }

  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(port: number): Promise<void> {
    while (!this.#isStopped) {
      const client = new Client(port);
      this.connections += 1;
      try {
        for (let answer = ""; !this.#isStopped; ) {
          answer = await client.say("INCR counter");
          if (!/^:\d+$/.test(answer)) break;
          const value = Number(answer.slice(1));
          // A number that was there before: what was counted from it on is gone.
          if (value <= this.last) this.#lost += this.last - value + 1;
          this.last = value;
          this.acknowledged += 1;
          this.lastAtMs = performance.now();
          await pause(1);
        }
      } catch {
        // Cut, or nobody there: again.
      }
      client.close();
      await pause(5);
    }
  }
}

const waitWhole = (epoch: number): Promise<Shown> =>
  eventually(
    async () => {
      const shown = await show();
      expect([shown.status, shown.epoch]).toEqual(["RUNNING", epoch]);
      expect(shown.processes.map(({ ready }) => ready)).toEqual([true, true, true]);
      return shown;
    },
    { deadlineMs, what: `three processes are ready in reign ${epoch}` },
  );

test(
  "a client that counts is cut for a moment at each kill, and loses what the records say",
  async () => {
    const wish = { name: "counted", memory: 100, slaves: 2 };
    const answer = await site.api("POST", "/v2/instances?wait=60", wish);
    expect(answer.status).toBe(201);
    const { proxy: ports } = await endpointsOf(site, "counted");
    const counter = new Counter(ports?.write ?? 0);
    const beganMs = performance.now();
    const gaps: number[] = [];
    const losses: [epoch: number, lost: number, givenUp: number | null][] = [];
    try {
      for (let kill = 1; kill <= kills; kill += 1) {
        const shown = await waitWhole(kill);
        // Spread over the time of counting.
        const dueMs = beganMs + ((kill - 0.5) * countingMs) / kills;
        await eventually(() => expect(performance.now()).toBeGreaterThanOrEqual(dueMs), {
          deadlineMs: countingMs + deadlineMs,
          what: "the time of the next kill",
        });
        const port = shown.processes.find(({ role }) => role === "master")?.port;
        const server = site.redisServers().find((each) => each.port === port);
        if (server === undefined) throw new Error(`no redis-server at ${port}`);
        const { connections } = counter;
        const killedMs = performance.now();
        signalProcess(server.pid, "SIGKILL");
        await eventually(() => expect(counter.connections).toBeGreaterThan(connections), {
          deadlineMs,
          what: "the client is cut",
        });
        await eventually(() => expect(counter.lastAtMs).toBeGreaterThan(killedMs + 1), {
          deadlineMs,
          what: "a write is accepted again",
        });
        gaps.push(counter.lastAtMs - killedMs);
        const { failovers } = await waitWhole(kill + 1);
        const record = failovers.find(({ epoch }) => epoch === kill + 1);
        losses.push([kill + 1, counter.takeLost(), record?.bytesGivenUp ?? null]);
      }
      await eventually(
        () => expect(performance.now()).toBeGreaterThanOrEqual(beganMs + countingMs),
        { deadlineMs: countingMs + deadlineMs, what: "the end of counting" },
      );
    } finally {
      await counter.stop();
    }
    expect(gaps).toHaveLength(kills);
    expect(Math.max(...gaps)).toBeLessThan(writerlessMsMax);
    // Every failover says how many bytes of the old master's stream were given up, and no more writes than these are gone.
    for (const [epoch, lost, givenUp] of losses) {
      expect(givenUp, `reign ${epoch} tells what was given up`).not.toBeNull();
      const lostMax = Math.floor((givenUp ?? 0) / writeBytes);
      expect(lost, `reign ${epoch} gave up ${givenUp} bytes`).toBeLessThanOrEqual(lostMax);
    }
    // What the client knows to be there is there: it counted at least as far as it was acknowledged.
    const client = new Client(ports?.write ?? 0);
    const value = Number((await client.say("INCR counter")).slice(1));
    client.close();
    expect(value).toBeGreaterThan(counter.last);
    expect(counter.acknowledged).toBeGreaterThan(kills);
    expect(await proxy.metric("waits_total", "counted/write")).toBeGreaterThanOrEqual(1);
  },
  testMsMax + countingMs,
);
