/**
 * Tests of a site whose programs have addresses of their own: master, scheduler and three agents in network namespaces,
 * real executors and Redis; links that are cut and heal, programs that are killed and come back.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  eventually,
  isAlive,
  type NetworkSite,
  networkProblem,
  startNetworkSite,
  until,
} from "@mr-redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { masterOf, type ShownInstance, spreadOf } from "./look.js";
import { withRedis, writeKey } from "./redis-client.js";

const problem = networkProblem();
if (problem !== null) process.stderr.write(`NETWORK TESTS ARE LEFT OUT: ${problem}\n`);

/** A busy machine needs far less; only defects reach it. */
const deadlineMs = 40_000;

describe.skipIf(problem !== null)("a site of namespaces", { timeout: 120_000 }, () => {
  let site: NetworkSite;
  beforeAll(async () => {
    const agents = ["rack:r1;zone:z1", "rack:r2;zone:z1", "rack:r3;zone:z2"];
    site = await startNetworkSite({ agents, config: { ReviveBurst: "50" } });
  });
  afterAll(async () => {
    await site?.destroy();
  });

  async function show(name: string): Promise<ShownInstance> {
    const answer = await site.api("GET", `/v2/instances/${name}`);
    if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${answer.text}`);
    return answer.json as ShownInstance;
  }

  const waitRunning = (name: string): Promise<ShownInstance> =>
    eventually(
      async () => {
        const shown = await show(name);
        if (shown.status === "RUNNING") return shown;
        throw new Error(`${shown.status}: ${shown.reason?.text}\n${JSON.stringify(shown)}`);
      },
      { deadlineMs, what: `${name} is RUNNING` },
    );

  async function create(wish: Readonly<Record<string, unknown>>): Promise<ShownInstance> {
    const answer = await site.api("POST", "/v2/instances", { memory: 50, slaves: 0, ...wish });
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
    return waitRunning(String(wish.name));
  }

  const waitAgent = (hostname: string, state: string): Promise<void> =>
    until(
      async () =>
        (await site.state()).agents.some((one) => one.hostname === hostname && one.state === state),
      { deadlineMs, what: `${hostname} is ${state}` },
    );

  const pidsOf = (instance: ShownInstance): number[] =>
    instance.processes.flatMap(({ hostname, port }) =>
      site.redisServers(hostname).flatMap((seen) => (seen.port === port ? [seen.pid] : [])),
    );

  test("every process listens at its agent's address and there alone; a replica is elsewhere", async () => {
    const instance = await create({ name: "pair", slaves: 1 });
    expect(spreadOf(instance)).toEqual([1, 1]);
    for (const { ip, port, hostname } of instance.processes) {
      const node = site.network.node(hostname);
      expect(node.ip).toBe(ip);
      const sockets = await node.run({ command: "ss", args: ["-Hltn"] });
      const listening = sockets.stdout.split("\n").filter((line) => line.includes(`:${port} `));
      expect(listening).toHaveLength(1);
      expect(listening[0]).toContain(`${ip}:${port} `);
    }
    const master = masterOf(instance);
    await writeKey(master, "k", "v");
    const replica = instance.processes.find(({ role }) => role === "replica");
    expect(replica?.ip).not.toBe(master.ip);
    await eventually(
      async () => {
        expect(await withRedis(replica ?? master, (redis) => redis.get("k"))).toBe("v");
      },
      { deadlineMs },
    );
    const single = await create({ name: "single" });
    expect(await withRedis(masterOf(single), (redis) => redis.ping())).toBe("PONG");
  });

  test("an agent that is cut off is unreachable; what runs there goes on, and comes back as it was", async () => {
    const before = await create({ name: "cut", slaves: 1 });
    const master = masterOf(before);
    await writeKey(master, "k", "v");
    const pids = pidsOf(before);
    site.network.isolate(master.hostname);
    await waitAgent(master.hostname, "unreachable");
    await until(async () => (await show("cut")).status !== "RUNNING", {
      deadlineMs,
      what: "the instance has lost its master",
    });
    expect(await withRedis(master, (redis) => redis.get("k"))).toBe("v");
    site.network.heal();
    await waitAgent(master.hostname, "registered");
    const after = await waitRunning("cut");
    expect([after.epoch, masterOf(after).id, masterOf(after).port]).toEqual([
      before.epoch,
      master.id,
      master.port,
    ]);
    expect(pids.map(isAlive)).toEqual([true, true]);
    expect(await withRedis(master, (redis) => redis.get("k"))).toBe("v");
  });

  test("a cut in one direction alone is noticed, too", async () => {
    site.network.cutOneWay("agent3", "master");
    await waitAgent("agent3", "unreachable");
    site.network.heal();
    await waitAgent("agent3", "registered");
    site.network.cutOneWay("master", "agent3");
    await waitAgent("agent3", "unreachable");
    site.network.heal();
    await waitAgent("agent3", "registered");
  });

  test("kill -9 of the master, then of an agent: no redis-server ends, and new instances are placed", async () => {
    const before = await create({ name: "kept", slaves: 1 });
    const pids = pidsOf(before);
    expect(pids).toHaveLength(2);
    await site.program("master").kill();
    await site.start("master");
    for (const { name } of site.agents) await waitAgent(name, "registered");
    await site.program(masterOf(before).hostname).kill();
    await site.start(masterOf(before).hostname);
    const after = await waitRunning("kept");
    expect(after.processes.map(({ id }) => id)).toEqual(before.processes.map(({ id }) => id));
    expect(pids.map(isAlive)).toEqual([true, true]);
    await create({ name: "later", slaves: 2 });
  });

  test("SIGTERM of an agent ends what runs there; it is made anew on the others", async () => {
    const before = await create({ name: "moved" });
    const { hostname } = masterOf(before);
    await site.program(hostname).stop(deadlineMs);
    const after = await eventually(
      async () => {
        const shown = await waitRunning("moved");
        if (masterOf(shown).hostname === hostname) throw new Error("it is where it was");
        return shown;
      },
      { deadlineMs },
    );
    expect(await withRedis(masterOf(after), (redis) => redis.ping())).toBe("PONG");
    await site.start(hostname);
  });
});
