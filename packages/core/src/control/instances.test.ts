/**
 * Owns the tests of what a report does to the record of its process.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { fencingRules } from "../failover/rules.js";
import type { ProcessReport } from "../goal/types.js";
import type { ProcessRecord } from "../instance/types.js";
import { createCell } from "./cell.js";
import { takeReport } from "./instances.js";
import { newDocument, processOf } from "./transitions.js";

const record: ProcessRecord = {
  id: "i::r",
  role: "replica",
  state: "running",
  agentId: "a",
  hostname: "h",
  executorId: "e",
  address: "127.0.0.1",
  port: 7001,
  memoryMib: 100,
  secret: "s",
  replicaSecret: "r",
  replicaUser: "replica-1",
  member: true,
  expelled: false,
  plannedAtMs: 0,
  plannedEpoch: 1,
  startId: "s1",
  dataEpoch: 3,
};

const report: ProcessReport = {
  processId: "i::r",
  startId: "s1",
  pid: 1,
  phase: "serving",
  exit: null,
  stamp: { term: 1, counter: 1 },
  epoch: 3,
  role: "replica",
  writeQuorum: 0,
  lagSecondsMax: 3,
  goodReplicas: 0,
  closed: null,
  following: "127.0.0.1:7000",
  linkUp: false,
  loading: false,
  synced: false,
  dataEpoch: 0,
  diverged: false,
  offset: 0,
  replicationId: "x",
  stats: null,
};

const epochAfter = (dataEpoch: number): number | undefined => {
  const document = newDocument({
    name: "i",
    incarnation: "1",
    atMs: 0,
    spec: {
      memoryMib: 100,
      masters: 1,
      slaves: 1,
      distribution: null,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
    },
  });
  const cell = createCell({ ...document, epoch: 3, processes: [record] }, null);
  takeReport(
    cell,
    { ...report, dataEpoch },
    {
      atMs: 1,
      monotonicMs: 1,
      settings: { rules: fencingRules },
    },
  );
  return processOf(cell.document, "i::r")?.dataEpoch;
};

test("a report never lowers the reign that the data may belong to: it may be older than it looks", () => {
  expect([0, 2, 3, 4].map(epochAfter)).toEqual([3, 3, 3, 4]);
});
