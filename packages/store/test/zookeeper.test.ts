/**
 * Owns the conformance of the ZooKeeper driver, against a real server. Not: what only this driver has
 * (zookeeper-driver.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { afterAll, beforeAll } from "vitest";
import { storeConformance } from "../src/conformance/index.js";
import { ZookeeperSite } from "./zookeeper-site.js";

let site: ZookeeperSite;
beforeAll(async () => {
  site = await ZookeeperSite.start();
}, 120_000);
afterAll(() => site.stop());

storeConformance({ name: "zookeeper", create: (id) => site.createHarness(id) });
