/**
 * Owns the tests of goals: what each process should be, and when a report agrees.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import type { ProcessReport } from "../goal/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { type GoalContent, reportAgrees } from "./goals.js";

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
