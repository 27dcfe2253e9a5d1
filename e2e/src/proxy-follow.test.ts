/**
 * Tests of the proxy that follows a scheduler: instances come, move and go; the scheduler ends and comes back; the proxy
 * is killed and starts while nobody answers; ports are taken; a scheduler answers nonsense.
 * Not: speed, nor the planes by themselves (packages/proxy).
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import {
  closeServer,
  eventually,
  freePortRange,
  listen,
  type Program,
  redisCommand,
  type Site,
  startSite,
} from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  Client,
  deadlineMs,
  type Endpoints,
  endpointsOf,
  type RunningProxy,
  startProxy,
  waitTopology,
} from "./proxy-program.js";

let site: Site;
let scheduler: Program;
let proxy: RunningProxy;
let stateFile: string;

beforeAll(async () => {
  const { first, last } = await freePortRange(20);
  site = await startSite({
    agents: 3,
    redisPorts: 30,
    config: { ProxyPorts: `${first}-${last}` },
  });
  scheduler = await site.startScheduler();
  stateFile = join(site.directory, "proxy.json");
  proxy = await startProxy({ schedulers: [site.endpoint], stateFile });
}, 120_000);

afterAll(async () => {
  await proxy?.program.kill();
  await site?.destroy();
});

/** Creates an instance and waits until it runs; gives where it is. */
async function created(name: string, slaves: number): Promise<Endpoints & { write: number }> {
  const wish = { name, memory: 100, slaves };
  const answer = await site.api("POST", "/v2/instances?wait=60", wish);
  expect([answer.status, (answer.json as { status: string }).status]).toEqual([201, "RUNNING"]);
  const found = await endpointsOf(site, name);
  if (found.proxy === null) throw new Error(`${name} has no ports`);
  return { ...found, write: found.proxy.write };
}

/** Asks until the answer is this: an event may be on its way. */
const expectAnswer = (port: number, command: string, answer: string | RegExp): Promise<void> =>
  eventually(
    async () => {
      const given = await redisCommand(port, command, 20_000);
      if (typeof answer === "string") expect(given).toBe(answer);
      else expect(given).toMatch(answer);
    },
    { deadlineMs, what: `${command} at ${port} gives ${answer}` },
  );

test("an instance is served at its ports while it lives", async () => {
  const made = await created("come", 1);
  const read = made.proxy?.read ?? 0;
  await expectAnswer(made.write, "SET key value", "+OK");
  await expectAnswer(made.write, "INFO replication", /role:master/);
  await expectAnswer(read, "INFO replication", /role:slave/);
  await expectAnswer(read, "GET key", "$5\r\nvalue");
  expect(await proxy.metric("connections_total", "come/write")).toBeGreaterThanOrEqual(2);
  const text = await proxy.put("/Update/", { Name: "come/write", Addr: "127.0.0.1:1" });
  expect(text).toContain("come/write follows the scheduler");
  const client = new Client(made.write);
  expect(await client.say("PING")).toBe("+PONG");
  await site.api("DELETE", "/v2/instances/come");
  await client.ended;
  await eventually(() => expect(redisCommand(made.write, "PING")).rejects.toThrow("ECONNREFUSED"), {
    deadlineMs,
    what: "nobody listens any more",
  });
  expect(await proxy.metric("connections_total", "come/write")).toBeNull();
});

test("a promotion cuts who is at the old master, and leads on to the new one", async () => {
  const made = await created("moved", 2);
  const other = await created("other", 0);
  const client = new Client(made.write);
  const bystander = new Client(other.write);
  expect(await client.say("SET key value")).toBe("+OK");
  expect(await bystander.say("PING")).toBe("+PONG");
  const asked = await site.api("POST", "/v2/instances/moved/failover", {});
  expect(asked.status).toBe(202);
  await client.ended;
  await expectAnswer(made.write, "INFO replication", /role:master/);
  await expectAnswer(made.write, "GET key", "$5\r\nvalue");
  const now = await endpointsOf(site, "moved");
  expect(now.master?.processId).not.toBe(made.master?.processId);
  expect(now.proxy).toEqual(made.proxy);
  expect(await proxy.metric("cuts_total", "moved/write")).toBeGreaterThanOrEqual(1);
  expect(await bystander.say("PING")).toBe("+PONG");
  bystander.close();
});

test("a scheduler that ends and comes back disturbs nobody", async () => {
  const { proxy: ports } = await endpointsOf(site, "other");
  const port = ports?.write ?? 0;
  const client = new Client(port);
  expect(await client.say("SET key 1")).toBe("+OK");
  await scheduler.kill();
  expect(await waitTopology(proxy, "last-known")).toMatchObject({ status: 200, instances: 2 });
  expect(await client.say("INCR key")).toBe(":2");
  await expectAnswer(port, "PING", "+PONG");
  scheduler = await site.startScheduler();
  expect(await waitTopology(proxy, "following")).toMatchObject({ status: 200, instances: 2 });
  // What it changes is followed again.
  const made = await created("later", 0);
  await expectAnswer(made.write, "PING", "+PONG");
  expect(await client.say("INCR key")).toBe(":3");
  client.close();
});

test("a proxy that was killed serves what it knew, though nobody answers and a port is taken", async () => {
  const other = (await endpointsOf(site, "other")).proxy?.write ?? 0;
  const later = (await endpointsOf(site, "later")).proxy?.write ?? 0;
  await eventually(
    async () => {
      expect(await readFile(stateFile, "utf8")).toContain('"name":"later"');
    },
    { deadlineMs, what: "the state file" },
  );
  await proxy.program.kill();
  await scheduler.kill();
  const squatter = await listen(later);
  try {
    proxy = await startProxy({ schedulers: [site.endpoint], stateFile });
    await expectAnswer(other, "PING", "+PONG");
    expect(await waitTopology(proxy, "last-known")).toMatchObject({ status: 200, instances: 3 });
    await eventually(async () => expect(await proxy.metric("listening", "later/write")).toBe(0), {
      deadlineMs,
      what: "the taken port is known",
    });
    expect(proxy.program.stderr).toContain("EADDRINUSE");
  } finally {
    await closeServer(squatter);
  }
  await expectAnswer(later, "PING", "+PONG");
  scheduler = await site.startScheduler();
  await waitTopology(proxy, "following");
});

test("a scheduler that answers nonsense is said so once, and the next one is followed", async () => {
  const fake = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end("event: instance\ndata: {{{\n\n".repeat(500));
  });
  await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
  const nonsense = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`;
  const args = ["-plane", "userspace"];
  const none = join(site.directory, "other.json");
  const second = await startProxy({ schedulers: [nonsense, site.endpoint], stateFile: none, args });
  try {
    const readiness = await waitTopology(second, "following");
    expect(readiness).toMatchObject({ scheduler: site.endpoint, instances: 3 });
    expect(second.program.stderr).toContain("the scheduler says what cannot be read");
    // All its ports are those of the first one.
    await eventually(async () => expect(await second.metric("listening", "other/write")).toBe(0), {
      deadlineMs,
      what: "the taken ports are known",
    });
  } finally {
    await second.program.kill();
    fake.closeAllConnections();
    await closeServer(fake);
  }
});
