/**
 * Owns the tests of the ZooKeeper driver: the conformance suite against a real server, and what only it has.
 * SPDX-License-Identifier: Apache-2.0
 */
import { startZookeeper, until, type ZookeeperServer } from "@mr-redis/testing";
import { afterAll, beforeAll } from "vitest";
import type { StoreHarness } from "../src/conformance/harness.js";
import { storeConformance } from "../src/conformance/index.js";
import { loadNative } from "../src/zookeeper/native.js";
import type { Session } from "../src/zookeeper/session.js";
import { openZookeeperStore, ZookeeperStore } from "../src/zookeeper/store.js";
import { systemClock as clock } from "./system-clock.js";
import { startZookeeperLink, type ZookeeperLink } from "./zookeeper-link.js";

let server: ZookeeperServer;
let link: ZookeeperLink;
let cases = 0;

/** Of leaders: two ticks of the test's server, three times. */
const leaseTtlMs = 3000;

beforeAll(async () => {
  server = await startZookeeper();
  link = await startZookeeperLink(server.port);
}, 120_000);
afterAll(async () => {
  await link.close();
  await server.stop();
});

/** Ends a session as the server does when it expires: its holder is told when it comes back. */
async function expire(session: Session): Promise<void> {
  const Native = loadNative();
  const native = new Native({
    connect: server.endpoint,
    timeout: leaseTtlMs,
    debug_level: 0,
    client_id: session.id,
    client_password: session.password,
  });
  await new Promise<void>((resolve) => {
    native.on("connect", () => resolve());
    native.init({});
  });
  native.close();
}

async function createHarness(): Promise<StoreHarness> {
  cases += 1;
  const stores: ZookeeperStore[] = [];
  const prefix = `/mr-redis-${cases}`;
  const open = async () => {
    const endpoints = [link.endpoint];
    const options = { driver: "zookeeper", clock, endpoints, prefix, leaseTtlMs };
    const store = await openZookeeperStore(options);
    if (!(store instanceof ZookeeperStore)) throw new Error("another driver");
    stores.push(store);
    return store;
  };
  return {
    open,
    leaseTtlMs,
    depose: async () => {
      const session = stores.map((each) => each.leadingSession).find((each) => each !== null);
      if (session === undefined || session === null) throw new Error("nobody leads");
      await expire(session);
      await until(() => session.endError !== null, { what: "the deposed one is told" });
    },
    unknownNext: (written) => link.loseNext(written ? "answer" : "request"),
    remove: async () => {},
  };
}

storeConformance({ name: "zookeeper", create: createHarness });
