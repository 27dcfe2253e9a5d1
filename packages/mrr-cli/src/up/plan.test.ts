/**
 * Tests of the sizes that `mrr up` gives its agents: with core's own placement on what such agents offer.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type AgentOffer,
  executorNeed,
  type InstanceDocument,
  match,
  parseConfig,
  redisNeed,
  type Wanted,
} from "@mr-redis/core";
import { describe, expect, test } from "vitest";
import { upDefaults } from "./defaults.js";
import type { UpOptions } from "./options.js";
import {
  apiUrl,
  localArguments,
  planUp,
  proxyArguments,
  schedulerArguments,
  upPaths,
} from "./plan.js";

const configOf = (file: Readonly<Record<string, unknown>> = {}) => {
  const result = parseConfig(file, {});
  if (!result.ok) throw new Error("a test's configuration is wrong");
  return result.value.config;
};

const options: UpOptions = { ...upDefaults, proxy: true };
/** 16 GB as Linux shows them: less what the firmware and the kernel keep. */
const machine = { cores: 2, memoryMib: 15_667 };

const planOf = (changes: Partial<UpOptions> = {}, on = machine, config = configOf()) => {
  const plan = planUp({ ...options, ...changes }, config, on);
  if (!plan.ok) throw new Error(JSON.stringify(plan.problems));
  return plan.value;
};

/** What Mesos would offer of the planned agents, before anything runs. */
function offersOf(plan: ReturnType<typeof planOf>): AgentOffer[] {
  const { redisPorts, agents } = plan;
  const share = Math.floor((redisPorts.last - redisPorts.first + 1) / agents);
  return Array.from({ length: agents }, (_, index) => ({
    offerId: `offer-${index}`,
    agentId: `agent-${index}`,
    hostname: `127.0.0.${index + 2}`,
    address: "127.0.0.1",
    cpusMilli: plan.agentCpus * 1_000,
    memMilliMib: plan.agentMemoryMib * 1_000,
    ports: [
      {
        begin: redisPorts.first + index * share,
        end: redisPorts.first + (index + 1) * share - 1,
      },
    ],
    hasExecutor: false,
  }));
}

function wantedOf(name: string, slaves: number): Wanted {
  const document: InstanceDocument = {
    version: 2,
    name,
    incarnation: name,
    spec: {
      memoryMib: 100,
      masters: 1,
      slaves,
      distribution: null,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
    },
    createdAtMs: 0,
    status: "CREATING",
    reason: null,
    wasRunning: false,
    epoch: 0,
    masterId: null,
    writeQuorum: 0,
    processes: [],
    failovers: [],
    deletedAtMs: null,
  };
  const roles = ["master" as const, ...Array(slaves).fill("replica" as const)];
  return { document, roles, need: redisNeed(configOf(), 100) };
}

test("the defaults hold 1 + 50 and 70 singles of 100 MB on a machine of 16 GB", () => {
  const plan = planOf();
  const wanted = [
    wantedOf("hello50", 50),
    ...Array.from({ length: 70 }, (_, index) => wantedOf(`single${index}`, 0)),
  ];
  const result = match({
    offers: offersOf(plan),
    wanted,
    knownAgents: [],
    executorNeed: executorNeed(configOf()),
    avoid: new Set(),
    portStarts: new Map(),
  });
  expect(result.unplaced).toEqual([]);
  expect(result.assignments).toHaveLength(121);
});

describe("sizes", () => {
  test("of the 16 GB machine, and that cpus never run out before the memory", () => {
    expect(planOf()).toEqual({
      agents: 3,
      agentCpus: 5,
      agentMemoryMib: 5_051,
      attributes: null,
      redisPorts: { first: 6380, last: 6979 },
      mesosPort: 5050,
      proxy: { ports: { first: 20_000, last: 29_999 }, httpPort: 7979 },
      newFramework: false,
    });
    expect(planOf({ proxy: false }).proxy).toBe(null);
  });

  test.each([
    ["a small machine keeps half for itself", { cores: 1, memoryMib: 900 }, 150, 1],
    ["many cores are offered", { cores: 64, memoryMib: 15_667 }, 5_051, 64],
    ["much memory needs more logical cpus", { cores: 4, memoryMib: 200_000 }, 66_496, 58],
  ])("%s", (_what, on, memory, cpus) => {
    const { agentMemoryMib, agentCpus } = planOf({}, on);
    expect([agentMemoryMib, agentCpus]).toEqual([memory, cpus]);
  });

  test("what is given counts, and a larger share of cpus for each Redis is followed", () => {
    expect(planOf({ agents: 1, agentMemory: 700, agentCpus: 0.5 })).toMatchObject({
      agents: 1,
      agentMemoryMib: 700,
      agentCpus: 0.5,
    });
    const costly = configOf({ RedisCpus: "1" });
    expect(planOf({}, machine, costly).agentCpus).toBe(43);
  });
});

describe("command lines and addresses", () => {
  test("of the programs", () => {
    const paths = upPaths("/data");
    expect(localArguments(planOf({ agentCpus: 1.5, agentMemory: 700 }), paths)).toEqual([
      ..."--port 5050 --agents 3 --agent-cpus 1.5 --agent-memory 700".split(" "),
      ..."--ports 6380-6979 --work-dir /data/agents --exit-with-parent".split(" "),
    ]);
    const attributes = "rack:r{agent}";
    expect(localArguments(planOf({ attributes }), paths)).toEqual(
      expect.arrayContaining(["--attributes", attributes]),
    );
    expect(schedulerArguments(planOf(), paths)).toEqual([
      "-config=/data/scheduler.json",
      "--exit-with-parent",
    ]);
    expect(schedulerArguments(planOf({ newFramework: true }), paths)).toContain("-new-framework");
    const proxy = { ports: null, httpPort: 7979 };
    expect(proxyArguments(proxy, configOf({ HTTPBind: "0.0.0.0" }), paths, {})).toEqual([
      ..."--scheduler http://127.0.0.1:5656 --bind 127.0.0.1 --plane userspace".split(" "),
      ..."--http-port 7979 --state /data/proxy.json --exit-with-parent".split(" "),
    ]);
    const access = { tokenFile: "/t", caFile: "/c" };
    const words = proxyArguments(proxy, configOf(), paths, access).join(" ");
    expect(words).toMatch(/ --token-file \/t --ca-file \/c --exit-with-parent$/);
  });

  test.each([
    [{ HTTPBind: "127.0.0.1" }, "http://127.0.0.1:5656"],
    [{ HTTPBind: "0.0.0.0", HTTPPort: "80" }, "http://127.0.0.1:80"],
    [{ HTTPBind: "::" }, "http://[::1]:5656"],
    [{ HTTPBind: "10.0.0.7" }, "http://10.0.0.7:5656"],
  ])("%j is reached at %s", (file, url) => {
    expect(apiUrl(configOf(file))).toBe(url);
  });
});

describe("what does not fit together", () => {
  test.each([
    [{ ports: "nine" }, ["--ports must be FIRST-LAST"]],
    [{ ports: "7000-7001" }, ["--ports has 2 ports for 3 agents"]],
    [{ ports: "5000-6000" }, ["--mesos-port 5050 lies", "--http-port", "--artifact-port"]],
    [{ mesosPort: 5656 }, ["--http-port (HTTPPort) is 5656, as is --mesos-port"]],
    [{ proxyHttpPort: 5656 }, ["--proxy-http-port is 5656, as is --http-port"]],
    [
      { ports: "19000-20000", mesosPort: 25_000 },
      ["20000-29999 overlaps with --ports", "--mesos-port 25000 lies within --proxy-ports"],
    ],
  ])("%j", (changes, texts) => {
    const plan = planUp({ ...options, ...changes }, configOf(), machine);
    const said = plan.ok ? [] : plan.problems.map(({ path, rule }) => `${path} ${rule}`);
    expect(said).toEqual(texts.map((text) => expect.stringContaining(text)));
  });
});
