/**
 * Tests of partitions: the master's agent, the scheduler and the store are cut off in every way while clients on both
 * sides write without pause. Never two masters that acknowledge at the same time; no acknowledged write is lost that the
 * record of a failover does not state; afterwards everything runs as asked.
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import {
  type NetworkSite,
  networkProblem,
  requireProgram,
  startNetworkSite,
  until,
} from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Acknowledged, missingIn, overlapsOf } from "./history.js";
import { replicasOf } from "./look.js";
import { partitionConfig as config, Partition } from "./partition.js";

const problem = networkProblem();
if (problem !== null) process.stderr.write(`NETWORK TESTS ARE LEFT OUT: ${problem}\n`);

/** A busy machine needs far less; only defects reach it. */
const deadlineMs = 50_000;

let partition: Partition | null = null;
afterEach(async () => {
  await partition?.end();
  partition = null;
});

test("the judge of histories sees two writers at a time, and what is missing", () => {
  const write = (processId: string, sentAtMs: number): Acknowledged => ({
    ...{ processId, value: `${processId}/${sentAtMs}`, sentAtMs, ackedAtMs: sentAtMs + 2 },
  });
  const first = [write("a", 0), write("a", 10)];
  const history = [...first, write("b", 9)];
  expect(overlapsOf(history)).toEqual([]);
  expect(overlapsOf([...history, write("a", 12)])).toEqual(["a and b for 1.0 ms"]);
  expect(missingIn(history, ["a/0", "b/9"])).toEqual([first[1]]);
});

describe.skipIf(problem !== null)("a partition", { timeout: 180_000 }, () => {
  let site: NetworkSite;
  beforeAll(async () => {
    site = await startNetworkSite({ agents: ["rack:r1", "rack:r2", "rack:r3"], config });
  });
  afterEach(() => {
    site?.network.heal();
  });
  afterAll(async () => {
    await site?.destroy();
  });

  const begin = async (name: string, slaves: number): Promise<Partition> => {
    partition = await Partition.begin(site, name, slaves);
    return partition;
  };

  const othersOf = (name: string): string[] =>
    ["master", "scheduler", ...site.agents.map((agent) => agent.name)].filter(
      (other) => other !== name,
    );

  test.each([
    ["isolated", 2],
    ["pair", 1],
  ])(
    "the master's agent from all (%s): one of 1 + %d takes over once it is fenced",
    async (name, slaves) => {
      const one = await begin(name, slaves);
      one.cut((network) => network.isolate(one.master.hostname));
      await one.waitSuccessor();
      await one.judge({ failovers: 1 });
    },
  );

  test("nothing of the master's agent reaches anybody: a replica takes over", async () => {
    const one = await begin("mute", 2);
    const { hostname } = one.master;
    one.cut((network) => {
      for (const other of othersOf(hostname)) network.cutOneWay(hostname, other);
    });
    await one.waitSuccessor();
    await one.judge({ failovers: 1 });
  });

  test("nothing reaches the master's agent: a replica takes over", async () => {
    const one = await begin("deaf", 2);
    const { hostname } = one.master;
    one.cut((network) => {
      for (const other of othersOf(hostname)) network.cutOneWay(other, hostname);
    });
    await one.waitSuccessor();
    await one.judge({ failovers: 1 });
  });

  test("the master's agent from the scheduler alone: it keeps its replicas, its reign and its clients", async () => {
    const one = await begin("unheard", 2);
    one.cut((network) => {
      // Executors speak to the scheduler by way of the Mesos master.
      for (const other of ["master", "scheduler"]) network.cut(one.master.hostname, other);
    });
    await one.waitReason(["silent", "unreachable"]);
    await one.waitWrites();
    await one.judge({ failovers: 0 });
  });

  test("the master from its replicas alone: it is told to go on without them, and gets them back", async () => {
    const one = await begin("alone", 2);
    one.cut((network) => {
      for (const { hostname } of replicasOf(one.before)) network.cut(one.master.hostname, hostname);
    });
    await one.waitQuorum(0);
    await one.waitReason(["replicas-starting"]);
    await one.waitWrites();
    await one.judge({ failovers: 0 });
  });

  test("the scheduler with its store from all: data goes on", async () => {
    const one = await begin("unled", 2);
    one.cut((network) => network.isolate("scheduler"));
    // Whether the executors' silence or the lost session is noticed first is a matter of milliseconds.
    await one.waitUnwell();
    await one.waitWrites();
    await one.judge({ failovers: 0 });
  });
});

test.skipIf(problem !== null)(
  "the store from all: nobody leads, data goes on, and the reign after it is as before",
  { timeout: 180_000 },
  async () => {
    const site = await startNetworkSite({
      agents: ["rack:r1", "rack:r2"],
      config: { ...config, DBType: "etcd", LeaseTtlMs: 2_000, DBTimeLimitMs: 1_000 },
      others: ["store"],
      async prepare(network, directory) {
        requireProgram("etcd", "etcd-server");
        const { ip, launch } = network.node("store");
        const url = `http://${ip}:2379`;
        const args = ["--data-dir", join(directory, "etcd"), "--log-level", "error"];
        args.push("--listen-client-urls", url, "--advertise-client-urls", url);
        args.push("--heartbeat-interval", "50", "--election-timeout", "500");
        const etcd = await launch({ command: "etcd", args });
        const isThere = async () => (await fetch(`${url}/health`).catch(() => null))?.ok === true;
        await until(isThere, { deadlineMs, what: `etcd serves\n${etcd.log}` });
        return { DBEndPoint: url };
      },
    });
    try {
      const one = await Partition.begin(site, "kept", 1);
      partition = one;
      const isLed = async () => (await site.api("GET", "/readyz")).status === 200;
      one.cut((network) => network.isolate("store"));
      await until(async () => !(await isLed()), { deadlineMs, what: "nobody leads" });
      await one.waitWrites();
      site.network.heal();
      await until(isLed, { deadlineMs, what: "somebody leads" });
      await one.judge({ failovers: 0 });
    } finally {
      await partition?.end();
      await site.destroy();
    }
  },
);
