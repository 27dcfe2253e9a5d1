/**
 * Owns the proof that the leading master is found by a list: past dead ones and those without a leader, by redirects.
 * SPDX-License-Identifier: Apache-2.0
 */
import { callApi, eventually, freePort, type Site, startSite, until } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";
import { type MasterFront, startMasterFront } from "./master-front.js";

let fronts: readonly [MasterFront, MasterFront];
let site: Site;

const start = async (masters: readonly string[]): Promise<void> => {
  site = await startSite({ agents: 2, redisPorts: 20, config: { Master: masters.join(",") } });
};

beforeEach(async () => {
  fronts = [
    await startMasterFront({ type: "no-leader" }),
    await startMasterFront({ type: "no-leader" }),
  ];
});

afterEach(async () => {
  await site.destroy();
  await Promise.all(fronts.map((front) => front.close()));
});

const limit = { deadlineMs: 60_000 };

const isReady = async (): Promise<boolean> =>
  (await callApi(site.endpoint, "GET", "/readyz")).status === 200;

const create = async (name: string): Promise<void> => {
  const wish = { name, memory: 100, slaves: 1 };
  const created = await callApi(site.endpoint, "POST", "/v2/instances?wait=20", wish);
  expect([created.status, (created.json as ShownInstance).status]).toEqual([201, "RUNNING"]);
};

test("a list of masters before the election: past a dead one, each is asked until one leads", async () => {
  const [first, second] = fronts;
  const dead = `127.0.0.1:${await freePort()}`;
  await start([dead, first.address, second.address]);
  await site.startScheduler({}, { untilReady: false });
  await eventually(async () => {
    const { status, json } = await callApi(site.endpoint, "GET", "/readyz");
    expect([status, (json as { reason: string }).reason]).toEqual([
      503,
      expect.stringContaining("the master answered 503 No leader elected"),
    ]);
    expect([first.requestsCount > 0, second.requestsCount > 0]).toEqual([true, true]);
  }, limit);
  first.mode = { type: "forward", to: new URL(site.mesosEndpoint).host, authorization: null };
  await until(isReady, { ...limit, what: "it finds the one that leads" });
  await create("elected");
});

test("the master with the stream is gone: another one of the list redirects to the leader", async () => {
  const [first, second] = fronts;
  await start([first.address, second.address]);
  const to = new URL(site.mesosEndpoint).host;
  first.mode = { type: "forward", to, authorization: null };
  second.mode = { type: "redirect", to };
  await site.startScheduler();
  await create("before");
  await first.close();
  await until(async () => second.requestsCount > 0 && (await isReady()), {
    ...limit,
    what: "it follows the redirect",
  });
  await create("after");
  const shown = await callApi(site.endpoint, "GET", "/v2/instances/before");
  expect((shown.json as ShownInstance).status).toBe("RUNNING");
  expect(site.redisServers()).toHaveLength(4);
});
