/**
 * Tests two proxies of one scheduler, side by side at addresses of their own: both serve an instance at the same ports, and
 * both cut and lead on when its master is killed. Not: what one of them does (proxy-follow.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import { eventually, freePortRange, type Site, signalProcess, startSite } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client, deadlineMs, endpointsOf, type RunningProxy, startProxy } from "./proxy-program.js";

const hosts = ["127.0.0.1", "127.0.0.2"] as const;

let site: Site;
const proxies: RunningProxy[] = [];

beforeAll(async () => {
  const { first, last } = await freePortRange(10);
  site = await startSite({ agents: 3, redisPorts: 30, config: { ProxyPorts: `${first}-${last}` } });
  await site.startScheduler();
  for (const host of hosts) {
    const stateFile = join(site.directory, `proxy-${host}.json`);
    const args = ["-bind", host];
    proxies.push(await startProxy({ schedulers: [site.endpoint], stateFile, args }));
  }
}, 120_000);

afterAll(async () => {
  for (const { program } of proxies) await program.kill();
  await site?.destroy();
});

/** A client of the proxy at `host`, once it gets this answer: events reach each proxy in its own time. */
const connected = (host: string, port: number, command: string, answer: string): Promise<Client> =>
  eventually(
    async () => {
      const client = new Client(port, host);
      try {
        expect(await client.say(command)).toBe(answer);
        return client;
      } catch (error) {
        client.close();
        throw error;
      }
    },
    { deadlineMs, what: `${command} at ${host} gives ${answer}` },
  );

test("both lead to the master, and on to the next one when it is killed", async () => {
  const wish = { name: "shared", memory: 100, slaves: 1 };
  const made = await site.api("POST", "/v2/instances?wait=60", wish);
  expect([made.status, (made.json as { status: string }).status]).toEqual([201, "RUNNING"]);
  const before = await endpointsOf(site, "shared");
  const port = before.proxy?.write ?? 0;
  const [one, two] = hosts;
  const clients = [
    await connected(one, port, "SET counter 1", "+OK"),
    await connected(two, port, "INCR counter", ":2"),
  ];
  const master = site.redisServers().find((each) => each.port === before.master?.port);
  if (master === undefined) throw new Error("no master");
  signalProcess(master.pid, "SIGKILL");
  for (const { ended } of clients) await ended;
  // A write through one is read through the other: both are at the same master.
  const again = await connected(one, port, "SET after 1", "+OK");
  const other = await connected(two, port, "INCR after", ":2");
  expect(await again.say("INCR after")).toBe(":3");
  const now = await endpointsOf(site, "shared");
  expect(now.proxy).toEqual(before.proxy);
  expect(now.epoch).toBeGreaterThan(before.epoch);
  for (const client of [again, other]) client.close();
  for (const proxy of proxies) {
    expect(await proxy.metric("connections_total", "shared/write")).toBeGreaterThanOrEqual(2);
  }
});
