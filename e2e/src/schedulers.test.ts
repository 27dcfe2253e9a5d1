/**
 * Owns the proof that several schedulers on one store are one: one leads, the others send on to it and take over, a
 * leader without its store stops, and Redis never notices.
 * Not: chance (chaos.test.ts). Each store is a real server.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  callApi,
  eventually,
  type Program,
  type Site,
  type StoreServer,
  signalProcess,
  startSite,
  startStoreServer,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { masterOf, type ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";

const leaseTtlMs = 3_000;
/** What part 3 promises, on top of the lease. */
const takeoverMsMax = leaseTtlMs + 1_000;

const idsOf = ({ processes }: ShownInstance): string[] => processes.map(({ id }) => id);

describe.each(["etcd", "zookeeper"] as const)("%s", (store) => {
  let server: StoreServer;
  let site: Site;
  let schedulers: Program[];

  const call = (number: number, method: string, path: string, body?: unknown) =>
    callApi(site.endpoints[number] ?? "", method, path, body);
  const readyz = async (number: number) => {
    const answer = await call(number, "GET", "/readyz");
    return { status: answer.status, ...(answer.json as { role: string; reason: string | null }) };
  };
  const isReady = (number: number) =>
    readyz(number).then(
      ({ status }) => status === 200,
      () => false,
    );
  const waitRole = (number: number, role: string) =>
    eventually(async () => expect((await readyz(number)).role).toBe(role), {
      deadlineMs: 20_000,
      what: `scheduler ${number}: ${role}`,
    });
  const show = async (number: number, name: string): Promise<ShownInstance> =>
    (await call(number, "GET", `/v2/instances/${name}`)).json as ShownInstance;
  /** A store on a busy machine may miss the limit of a second: then it is asked again, as clients do. */
  const createRunning = async (number: number, name: string): Promise<ShownInstance> => {
    const wish = { name, memory: 100, slaves: 1 };
    const taken = [201];
    await eventually(
      async () => {
        const { status } = await call(number, "POST", "/v2/instances?wait=20", wish);
        // The refused one may have been stored.
        if (status === 503) taken.push(409);
        expect(taken).toContain(status);
      },
      { deadlineMs: 30_000, what: `${name} is created` },
    );
    await waitRunning(number, name);
    return await show(number, name);
  };
  const waitRunning = (number: number, name: string) =>
    eventually(async () => expect((await show(number, name)).status).toBe("RUNNING"), {
      deadlineMs: 20_000,
      what: `${name} is RUNNING`,
    });
  const redisPids = () => site.redisServers().map(({ pid }) => pid);
  const frameworks = async (): Promise<string[]> => {
    const answer = await fetch(`${site.mesosEndpoint}/state`);
    const state = (await answer.json()) as { frameworks: { id: string }[] };
    return state.frameworks.map(({ id }) => id);
  };

  beforeEach(async () => {
    server = await startStoreServer(store);
    site = await startSite({
      agents: 2,
      redisPorts: 30,
      schedulers: 2,
      config: { ...server.config, LeaseTtlMs: `${leaseTtlMs}`, DBTimeLimitMs: "1000" },
    });
    schedulers = [await site.startScheduler()];
    schedulers.push(await site.startScheduler({}, { number: 1, untilReady: false }));
    await waitRole(1, "standby");
  });

  afterEach(async () => {
    server.thaw();
    await site.destroy();
    await server.stop();
  });

  test("one leads, the other sends on to it; killed, it is replaced within the lease and a second", async () => {
    const direct = await fetch(`${site.endpoints[1]}/v1/STATUS`, { redirect: "manual" });
    expect([direct.status, direct.headers.get("location")]).toEqual([
      307,
      `${site.endpoint}/v1/STATUS`,
    ]);
    expect((await readyz(1)).status).toBe(503);
    // The body goes along.
    await createRunning(1, "kept");
    const [pids, ids] = [redisPids(), await frameworks()];

    const startMs = performance.now();
    schedulers[0]?.signal("SIGKILL");
    await until(() => isReady(1), { deadlineMs: 30_000, what: "the other one leads" });
    const tookMs = Math.round(performance.now() - startMs);
    process.stdout.write(`${store}: takeover after kill -9 in ${tookMs} ms\n`);
    expect(tookMs).toBeLessThan(takeoverMsMax);

    // Killed before it had stored that the instance runs, the next one learns it from the executors.
    await waitRunning(1, "kept");
    expect([redisPids(), await frameworks()]).toEqual([pids, ids]);
    await createRunning(1, "later");
  });

  test("a frozen leader finds itself deposed", async () => {
    const before = await createRunning(0, "kept");
    const [ids] = [await frameworks()];
    const pid = schedulers[0]?.pid ?? 0;
    signalProcess(pid, "SIGSTOP");
    await until(() => isReady(1), { deadlineMs: 30_000, what: "the other one leads" });
    const during = await createRunning(1, "during");
    // These wait in its sockets, and are the first that it sees.
    const late = Array.from({ length: 5 }, (_, index) =>
      call(0, "POST", "/v2/instances", { name: `late-${index}`, memory: 100 }),
    );
    signalProcess(pid, "SIGCONT");
    const answers = await Promise.allSettled(late);
    await waitRole(0, "standby");
    // Sent on to the leader, or refused: nothing that the deposed one says done is lost.
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "fulfilled" && answer.value.status === 201) {
        expect((await show(1, `late-${index}`)).name).toBe(`late-${index}`);
      }
    }
    expect(idsOf(await show(1, "kept"))).toEqual(idsOf(before));
    expect(idsOf(await show(1, "during"))).toEqual(idsOf(during));
    expect(await frameworks()).toEqual(ids);
  });

  test("without the store: reads from memory with their age, 503 for changes, Redis goes on", async () => {
    const instance = await createRunning(0, "kept");
    const [pids, ids] = [redisPids(), await frameworks()];
    await server.kill();
    const refused = await eventually(async () => {
      const answer = await call(0, "POST", "/v2/instances", { name: "no", memory: 100 });
      expect(answer.status).toBe(503);
      return answer;
    });
    expect(refused.text).toMatch(/store/);
    // Beyond the lease, too.
    await waitRole(0, "none");
    const shown = await call(0, "GET", "/v2/instances/kept");
    expect([shown.status, (shown.json as ShownInstance).status]).toEqual([200, "RUNNING"]);
    expect(Number(shown.headers.get("mr-redis-state-age-ms"))).toBeGreaterThan(1_000);
    expect((await call(0, "DELETE", "/v2/instances/kept")).status).toBe(503);
    await withRedis(masterOf(instance), async (redis) => {
      expect(await redis.set("still", "served")).toBe("OK");
    });
    expect(redisPids()).toEqual(pids);

    await server.start();
    const leader = await eventually(
      async () => {
        const ready = await Promise.all([isReady(0), isReady(1)]);
        expect(ready.filter(Boolean)).toHaveLength(1);
        return ready.indexOf(true);
      },
      { deadlineMs: 30_000, what: "one leads again" },
    );
    expect(idsOf(await show(leader, "kept"))).toEqual(idsOf(instance));
    await createRunning(leader, "after");
    expect(await frameworks()).toEqual(ids);
    expect(redisPids()).toEqual(expect.arrayContaining(pids));
  });

  test("started without the store: it waits, says so, and becomes the same framework", async () => {
    await createRunning(0, "kept");
    const [pids, ids] = [redisPids(), await frameworks()];
    for (const scheduler of schedulers) {
      scheduler.signal("SIGKILL");
      await scheduler.exited;
    }
    await server.kill();
    const late = await site.startScheduler({}, { untilReady: false });
    await eventually(
      async () => {
        const { status, role, reason } = await readyz(0);
        expect([status, role]).toEqual([503, "none"]);
        expect(reason).toMatch(/store/);
      },
      { deadlineMs: 20_000, what: "it says why it is not ready" },
    );
    expect((await call(0, "GET", "/healthz")).status).toBe(200);
    expect((await call(0, "POST", "/v2/instances", { name: "no", memory: 100 })).status).toBe(503);
    await server.start();
    await until(() => isReady(0), { deadlineMs: 30_000, what: "it leads" });
    expect(late.exit).toBe(null);
    await waitRunning(0, "kept");
    expect([redisPids(), await frameworks()]).toEqual([pids, ids]);
  });
});
