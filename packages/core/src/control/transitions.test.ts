/**
 * Owns the tests of which roles a document has no process for: above all, when an empty master must wait.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { InstanceDocument, ProcessRecord } from "../instance/types.js";
import { newDocument, wantedRoles } from "./transitions.js";

const replica: ProcessRecord = {
  id: "i::r",
  role: "replica",
  state: "unreachable",
  agentId: "a",
  hostname: "h",
  executorId: "e",
  address: "127.0.0.1",
  port: 7001,
  memoryMib: 100,
  secret: "s",
  replicaSecret: "r",
  replicaUser: "replica-1",
  member: false,
  expelled: true,
  plannedAtMs: 0,
  plannedEpoch: 1,
  startId: "s1",
  dataEpoch: 0,
};

const documentOf = (slaves: number, processes: readonly ProcessRecord[]): InstanceDocument => ({
  ...newDocument({
    name: "i",
    incarnation: "1",
    atMs: 0,
    spec: {
      memoryMib: 100,
      masters: 1,
      slaves,
      distribution: null,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
    },
  }),
  wasRunning: true,
  epoch: 1,
  masterId: "i::m",
  processes,
});

test("an instance that lost everything is begun anew, master first", () => {
  expect(wantedRoles(documentOf(2, []))).toEqual(["master"]);
});

test("no empty master while an expelled replica can come back, even one of which no sync was heard", () => {
  expect(wantedRoles(documentOf(1, [replica]))).toEqual([]);
  expect(wantedRoles(documentOf(1, [{ ...replica, dataEpoch: 1 }]))).toEqual([]);
});

test("a single that was given up does not hold its successor back", () => {
  const single = { ...replica, id: "i::m", role: "master", dataEpoch: 1 } as const;
  const document = { ...documentOf(0, [single]), masterId: "i::gone" };
  expect(wantedRoles(document)).toEqual(["master"]);
});
