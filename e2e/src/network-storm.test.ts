/**
 * A storm on a site of namespaces: links are cut (one way, between two, from all) and healed, the master and agents are
 * killed and started, agents freeze. When it is over everything runs as asked, and nothing runs that nobody knows of.
 * MRR_NETWORK_STORM_SECONDS (5) and MRR_SEED choose another storm.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  createRandom,
  eventually,
  type NetworkSite,
  networkProblem,
  pause,
  startNetworkSite,
} from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

const problem = networkProblem();
if (problem !== null) process.stderr.write(`NETWORK TESTS ARE LEFT OUT: ${problem}\n`);

const seed = Number(process.env.MRR_SEED ?? 20261122);
const stormMs = Number(process.env.MRR_NETWORK_STORM_SECONDS ?? 5) * 1_000;

/** For everything to run again: detection, back-off of all sides, and a busy machine. */
const calmMs = 90_000;

const agents = ["agent1", "agent2", "agent3", "agent4"];
const nodes = ["master", "scheduler", ...agents];

let site: NetworkSite | null = null;
afterEach(async () => {
  await site?.destroy();
});

test.skipIf(problem !== null)(
  `after a storm everything runs as asked, and nothing else (seed ${seed})`,
  { timeout: stormMs + 3 * calmMs },
  async () => {
    const made = await startNetworkSite({
      agents: agents.map((_, index) => `rack:r${index}`),
      pingTimeoutMs: 300,
      config: { ReviveBurst: "50" },
    });
    site = made;
    const names = ["a", "b", "c", "d", "e", "f"];
    for (const [index, name] of names.entries()) {
      const wish = { name, memory: 20, slaves: index % 3 };
      expect((await made.api("POST", "/v2/instances", wish)).status).toBe(201);
    }
    await running(made, names);
    await storm(made);
    made.network.heal();
    await running(made, names);
    await eventually(
      async () => {
        const known = (await showAll(made, names))
          .flatMap(({ processes }) => processes.map(({ hostname, port }) => `${hostname}:${port}`))
          .sort();
        const seen = agents
          .flatMap((name) => made.redisServers(name).map(({ port }) => `${name}:${port}`))
          .sort();
        expect(seen).toEqual(known);
        const { tasks } = await made.state();
        expect(tasks.filter(({ state }) => state === "TASK_RUNNING")).toHaveLength(known.length);
      },
      { deadlineMs: calmMs, what: `what runs is what is known (seed ${seed})` },
    );
  },
);

const showAll = async (made: NetworkSite, names: readonly string[]): Promise<ShownInstance[]> =>
  (await Promise.all(names.map((name) => made.api("GET", `/v2/instances/${name}`)))).map(
    ({ json }) => json as ShownInstance,
  );

const running = (made: NetworkSite, names: readonly string[]): Promise<void> =>
  eventually(
    async () => {
      const shown = await showAll(made, names);
      const states = shown.map(({ name, status, reason }) => [name, status, reason?.text]);
      expect(states).toEqual(names.map((name) => [name, "RUNNING", undefined]));
    },
    { deadlineMs: calmMs, what: `everything is RUNNING (seed ${seed})` },
  );

/** One thing after the other until the time is over; killed programs are there again at its end. */
async function storm({ network, program, start }: NetworkSite): Promise<void> {
  const random = createRandom(seed);
  const pick = (list: readonly string[]): string => random.pick(list);
  const restart = async (name: string): Promise<void> => {
    // A program that is started must find its master to be ready.
    network.heal();
    await program(name).kill();
    await start(name);
  };
  const endMs = performance.now() + stormMs;
  while (performance.now() < endMs) {
    const from = pick(nodes);
    const to = pick(nodes.filter((name) => name !== from));
    const agent = pick(agents);
    const draw = random.integer(0, 99);
    if (draw < 30) network.cutOneWay(from, to);
    else if (draw < 50) network.cut(from, to);
    else if (draw < 75) network.heal();
    else if (draw < 80) network.isolate(agent);
    else if (draw < 88) await restart("master");
    else if (draw < 94) await restart(agent);
    else {
      program(agent).signal("SIGSTOP");
      await pause(random.integer(0, 2_000));
      program(agent).signal("SIGCONT");
    }
    await pause(random.integer(0, 1_000));
  }
}
