/**
 * Owns the proof that the leading Mesos master is found in ZooKeeper: before there is one, when one is elected, and when
 * another one is.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  callApi,
  eventually,
  type Site,
  startSite,
  startZookeeper,
  until,
  type ZookeeperServer,
} from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import ZooKeeper from "zookeeper";
import type { ShownInstance } from "./look.js";

let zookeeper: ZookeeperServer;
let site: Site;
let client: ZooKeeper;

beforeEach(async () => {
  zookeeper = await startZookeeper();
  site = await startSite({
    agents: 2,
    redisPorts: 20,
    config: { DBType: "embedded", Master: `zk://${zookeeper.endpoint}/mesos` },
  });
  client = new ZooKeeper({ connect: zookeeper.endpoint, timeout: 10_000, debug_level: 0 });
  await new Promise<void>((resolve) => client.connect({}, () => resolve()));
});

afterEach(async () => {
  client.close();
  await site.destroy();
  await zookeeper.stop();
});

/** As a master announces itself. */
const announced = (port: number): string =>
  JSON.stringify({
    address: { hostname: "localhost", ip: "127.0.0.1", port },
    hostname: "localhost",
    id: `master-at-${port}`,
    ip: 16_777_343,
    port,
  });

const readyz = async () => {
  const answer = await callApi(site.endpoint, "GET", "/readyz");
  return { status: answer.status, reason: (answer.json as { reason: string | null }).reason };
};

test("the master that leads is found, and followed when another one leads", async () => {
  await client.create("/mesos", "", 0);
  await site.startScheduler({}, { untilReady: false });
  await eventually(
    async () => {
      const { status, reason } = await readyz();
      expect(status).toBe(503);
      expect(reason).toMatch(/master/);
    },
    { deadlineMs: 20_000, what: "it waits for a master" },
  );

  const port = Number(new URL(site.mesosEndpoint).port);
  await client.create("/mesos/json.info_0000000007", announced(port), 0);
  await client.create("/mesos/log_replicas", "", 0);
  await until(async () => (await readyz()).status === 200, {
    deadlineMs: 20_000,
    what: "it is subscribed at the leader",
  });
  const wish = { name: "found", memory: 100, slaves: 1 };
  const created = await callApi(site.endpoint, "POST", "/v2/instances?wait=20", wish);
  expect([created.status, (created.json as ShownInstance).status]).toEqual([201, "RUNNING"]);

  // The next one is dead; the one after it is the first again.
  await client.create("/mesos/json.info_0000000008", announced(1), 0);
  await client.delete_("/mesos/json.info_0000000007", -1);
  await until(async () => (await readyz()).status === 503, {
    deadlineMs: 20_000,
    what: "it leaves the deposed master",
  });
  await client.create("/mesos/json.info_0000000009", announced(port), 0);
  await client.delete_("/mesos/json.info_0000000008", -1);
  await until(async () => (await readyz()).status === 200, {
    deadlineMs: 20_000,
    what: "it is back",
  });
  await eventually(async () => {
    const shown = await callApi(site.endpoint, "GET", "/v2/instances/found");
    expect((shown.json as ShownInstance).status).toBe("RUNNING");
  });
  expect(site.redisServers()).toHaveLength(2);
});
