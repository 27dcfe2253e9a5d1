/**
 * Owns the tests of goals: what each process should be, and when a report agrees.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import type { ProcessReport } from "../goal/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { type GoalContent, isReady, reportAgrees } from "./goals.js";
import { World } from "./world.test-support.js";

const content: GoalContent = {
  processId: "a::1",
  epoch: 3,
  role: "replica",
  master: { processId: "a::2", address: "10.0.0.1", port: 7000, user: "replica-1", secret: "s" },
  writeQuorum: 1,
  lagSecondsMax: 3,
  followers: [],
  leaseMs: null,
};

const report: ProcessReport = {
  processId: "a::1",
  startId: "start",
  pid: 1,
  phase: "serving",
  exit: null,
  stamp: { term: 1, counter: 1 },
  epoch: 3,
  role: "replica",
  writeQuorum: 1,
  closed: null,
  lagSecondsMax: 3,
  goodReplicas: -1,
  following: "10.0.0.1:7000",
  linkUp: true,
  loading: false,
  synced: true,
  dataEpoch: 3,
  diverged: false,
  offset: 0,
  replicationId: "",
  stats: null,
};

describe("a report agrees with a goal", () => {
  it("when everything that was read back is what is wanted", () => {
    expect(reportAgrees(report, content)).toBe(true);
  });

  it.each([
    { phase: "starting" },
    { epoch: 2 },
    { role: "master" },
    { writeQuorum: 0 },
    { following: "10.0.0.1:7001" },
    { following: null },
  ] as const)("not with %j", (change) => {
    expect(reportAgrees({ ...report, ...change }, content)).toBe(false);
  });

  it("when the quorum is larger than Redis can hold, with the largest that it can", () => {
    const closed = { ...content, writeQuorum: Number.MAX_SAFE_INTEGER };
    expect(reportAgrees({ ...report, writeQuorum: writeQuorumMax }, closed)).toBe(true);
    expect(reportAgrees(report, closed)).toBe(false);
  });
});

describe("a replica is in sync", () => {
  const world = new World(
    [0, 1].map((index) => ({
      agentId: `S${index}`,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_099 + 100 * index] as const,
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  world.run();
  const spec = {
    ...({ memoryMib: 100, masters: 1, slaves: 1, distribution: null, config: {} } as const),
    ...({ fencing: "on", onUnreachable: "replace" } as const),
  };
  world.send({ type: "create-requested", requestId: "c", name: "a", spec });
  world.live(2_000);
  const document = world.document("a");
  const master = document.processes.find(({ id }) => id === document.masterId);
  const replica = document.processes.find(({ id }) => id !== document.masterId);
  const stats = { memoryUsedBytes: 1, uptimeSeconds: 1, clients: 1, opsPerSecond: 1 };

  it.each([
    [0, true],
    [2, true],
    [3, false],
    [60, false],
  ])("when its master was heard %d s ago: %s", (lastIoSeconds, isInSync) => {
    if (replica === undefined || master === undefined) throw new Error("no pair");
    const following = `${master.address}:${master.port}`;
    const seen = { ...report, processId: replica.id, epoch: document.epoch, following };
    const heard = { ...seen, stats: { ...stats, lastIoSeconds } };
    expect(isReady(document, replica, heard)).toBe(isInSync);
  });
});
