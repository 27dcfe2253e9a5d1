/**
 * Owns the proof that an instance keeps its ports at proxies: over kill -9 of the scheduler and another range, and that
 * an older instance gets some at the first start with a range; that delete and create give the old ones.
 * Not: the proxies (proxy-*.test.ts): nobody listens on these ports.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, killProcess, type Program, type Site, startSite } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

interface Connection {
  readonly host: string | null;
  readonly port: number | null;
  readonly readPort: number | null;
  readonly writer: string;
  readonly redisCli: string | null;
  readonly problem: { readonly code: string } | null;
  readonly direct: { readonly master: string | null; readonly replicas: readonly string[] };
}

const limit = { deadlineMs: 60_000 };

let site: Site;
let scheduler: Program;

beforeAll(async () => {
  site = await startSite({ agents: 2, redisPorts: 20, config: { ProxyPorts: "" } });
  scheduler = await site.startScheduler();
});

afterAll(() => site.destroy());

const connectionOf = async (name: string): Promise<Connection> => {
  const answer = await site.api("GET", `/v2/instances/${name}/connection`);
  expect(answer.status).toBe(200);
  return answer.json as Connection;
};

const create = async (name: string, slaves: number): Promise<void> => {
  const created = await site.api("POST", "/v2/instances?wait=30", { name, memory: 100, slaves });
  expect([created.status, (created.json as ShownInstance).status]).toEqual([201, "RUNNING"]);
};

/** kill -9, and a start with these ports. */
async function startWith(proxyPorts: string): Promise<void> {
  await killProcess(scheduler.pid);
  const file = join(site.directory, "config-0.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...config, ProxyPorts: proxyPorts }));
  scheduler = await site.startScheduler();
}

test("an instance that is older than the range gets its ports, and keeps them", async () => {
  await create("old", 1);
  expect(await connectionOf("old")).toMatchObject({
    host: null,
    port: null,
    problem: { code: "no-proxy-ports" },
    direct: { master: expect.any(String), replicas: [expect.any(String)] },
  });

  await startWith("21000-21002");
  const given = await eventually(async () => {
    const connection = await connectionOf("old");
    expect(connection).toMatchObject({ host: "127.0.0.1", writer: "ready", problem: null });
    return connection;
  }, limit);
  const ports = [given.port, given.readPort];
  expect(new Set(ports).size).toBe(2);
  expect(ports.every((port) => port !== null && port >= 21_000 && port <= 21_002)).toBe(true);
  expect(given.redisCli).toBe(`redis-cli -h 127.0.0.1 -p ${given.port}`);

  // One port is left: enough for a single, not for one with a replica.
  await create("wide", 1);
  expect(await connectionOf("wide")).toMatchObject({
    port: null,
    problem: { code: "proxy-ports-exhausted" },
  });
  await create("single", 0);
  const single = await connectionOf("single");
  expect(single).toMatchObject({ port: expect.any(Number), readPort: null });

  await startWith("21500-21599");
  await eventually(async () => {
    const wide = await connectionOf("wide");
    expect([wide.port !== null && wide.port >= 21_500, wide.problem]).toEqual([true, null]);
  }, limit);
  const after = [await connectionOf("old"), await connectionOf("single")];
  expect(after.map(({ port, readPort }) => [port, readPort])).toEqual([ports, [single.port, null]]);
});

test("a name that is deleted and created again has its old ports", async () => {
  await create("again", 1);
  const before = await connectionOf("again");
  expect((await site.api("DELETE", "/v2/instances/again")).status).toBe(202);
  await eventually(async () => {
    const { status } = await site.api("GET", "/v2/instances/again/connection");
    expect(status).toBe(409);
  }, limit);
  await create("again", 1);
  const { port, readPort } = await connectionOf("again");
  expect([port, readPort]).toEqual([before.port, before.readPort]);
});
