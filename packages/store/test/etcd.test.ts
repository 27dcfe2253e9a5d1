/**
 * Owns the run of the conformance suite on a real etcd.
 * Not: what only etcd has (etcd-own.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type EtcdServer, startEtcd } from "@mr-redis/testing";
import { afterAll, beforeAll } from "vitest";
import { storeConformance } from "../src/conformance/index.js";
import { etcdHarness } from "./etcd-harness.js";
import { removeLeaderProgram } from "./leader-process.js";

let server: EtcdServer;

beforeAll(async () => {
  server = await startEtcd();
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await removeLeaderProgram();
});

storeConformance({ name: "etcd", create: (id) => etcdHarness(server, id) });
