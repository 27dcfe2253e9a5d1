/**
 * Tests of stores that cannot be used: each is told at the start with the key of the configuration, ends the scheduler
 * with exit code 2, and nothing in the store is changed.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EtcdServer,
  freePort,
  freePorts,
  launch,
  repositoryRoot,
  startEtcd,
  startRedisServer,
  startZookeeper,
  until,
} from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

let directory = "";
let etcd: EtcdServer;

beforeAll(async () => {
  etcd = await startEtcd({ auth: { user: "mrr", password: "the-right-one" } });
});

afterAll(() => etcd.stop());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-store-"));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Starts a scheduler with these keys and gives what it said when it has ended. */
async function failing(
  keys: Readonly<Record<string, string>>,
): Promise<{ code: number | null; said: string }> {
  const [http = 0, artifact = 0, mesos = 0] = await freePorts(3);
  const file = join(directory, "config.json");
  const base = {
    UserName: "",
    DataDir: join(directory, "data"),
    Master: `127.0.0.1:${mesos}`,
    ArtifactIP: "127.0.0.1",
    ArtifactPort: `${artifact}`,
    HTTPBind: "127.0.0.1",
    HTTPPort: `${http}`,
    LogFile: join(directory, "log"),
  };
  await writeFile(file, JSON.stringify({ ...base, ...keys }));
  const program = await launch({
    command: process.execPath,
    args: [join(repositoryRoot(), "packages/scheduler/dist/main.js"), `-config=${file}`],
  });
  try {
    await until(() => program.exit !== null, {
      deadlineMs: 20_000,
      what: "mrr-scheduler ends",
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${program.log}`);
    });
    return { code: program.exit?.code ?? null, said: program.stdout + program.stderr };
  } finally {
    await program.kill();
  }
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const withUser = { DBUser: "mrr", DBPassword: "the-right-one" };

/** All keys of the etcd with their values and revisions. */
const everything = async (): Promise<unknown> =>
  (await etcd.call("/v3/kv/range", { key: base64("\0"), range_end: base64("\0") })).kvs ?? [];

test("an unknown DBType: the known ones are named", async () => {
  const { code, said } = await failing({ DBType: "mongodb" });
  expect(code).toBe(2);
  expect(said).toMatch(/DBType.*embedded.*etcd.*zookeeper/s);
});

test.each([
  ["etcd", ""],
  ["etcd", "127.0.0.1:port"],
  ["etcd", "ftp://127.0.0.1:2379"],
  ["zookeeper", "127.0.0.1:2181/a b"],
  ["zookeeper", "127.0.0.1:99999"],
])("%s at %s: no endpoint", async (DBType, DBEndPoint) => {
  const { code, said } = await failing({ DBType, DBEndPoint });
  expect(code).toBe(2);
  expect(said).toContain("DBEndPoint");
});

test("etcd: a stranger answers there, a Redis", async () => {
  const redis = await startRedisServer();
  try {
    const { code, said } = await failing({
      DBType: "etcd",
      DBEndPoint: `127.0.0.1:${redis.port}`,
    });
    expect(code, said).toBe(2);
    expect(said).toContain("DBEndPoint");
  } finally {
    await redis.stop();
  }
});

test("ZooKeeper: a stranger answers there, a web server", async () => {
  const server = createServer((_, response) => response.end("hello"));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  try {
    const { code, said } = await failing({
      DBType: "zookeeper",
      DBEndPoint: `127.0.0.1:${port}`,
    });
    expect(code, said).toBe(2);
    expect(said).toContain("DBEndPoint");
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("etcd: a wrong password, and none", async () => {
  const at = { DBType: "etcd", DBEndPoint: etcd.endpoint };
  const before = await everything();
  const wrong = await failing({ ...at, DBUser: "mrr", DBPassword: "the-wrong-one" });
  expect([wrong.code, wrong.said.includes("the-wrong-one")]).toEqual([2, false]);
  expect(wrong.said).toContain("DBPassword");
  const none = await failing(at);
  expect(none.code).toBe(2);
  expect(none.said).toContain("DBUser");
  expect(await everything()).toEqual(before);
});

test.each([
  ["another program's data", "instance/there", "not ours at all", /instance\/there/],
  ["a record of a newer version", "instance/there", '{"version":999}', /instance\/there.*newer/s],
  ["a broken record of the framework", "framework", "{}", /framework/],
])("etcd: %s", async (_, key, value, text) => {
  const path = base64(`/mr-redis/${key}`);
  await etcd.call("/v3/kv/put", { key: path, value: base64(value) });
  const found = await etcd.call("/v3/kv/range", { key: path });
  const { code, said } = await failing({ DBType: "etcd", DBEndPoint: etcd.endpoint, ...withUser });
  expect(code, said).toBe(2);
  expect(said).toMatch(text);
  expect((await etcd.call("/v3/kv/range", { key: path })).kvs).toEqual(found.kvs);
  await etcd.call("/v3/kv/deleterange", { key: path });
});

test.each([
  ["another program's data", "somebody else's", /instance\/there/],
  ["a record of a newer version", 'mr-redis/1 1.1\n{"version":999}', /instance\/there.*newer/s],
])("ZooKeeper: %s", async (_, value, text) => {
  const zookeeper = await startZookeeper();
  try {
    const { default: ZooKeeper } = await import("zookeeper");
    const client = new ZooKeeper({ connect: zookeeper.endpoint, timeout: 10_000, debug_level: 0 });
    await new Promise<void>((resolve) => client.connect({}, () => resolve()));
    for (const path of ["/mr-redis", "/mr-redis/instance"]) await client.create(path, "", 0);
    await client.create("/mr-redis/instance/there", value, 0);
    const { code, said } = await failing({
      DBType: "zookeeper",
      DBEndPoint: zookeeper.endpoint,
    });
    expect(code, said).toBe(2);
    expect(said).toMatch(text);
    expect(String((await client.get("/mr-redis/instance/there", false))[1])).toBe(value);
    client.close();
  } finally {
    await zookeeper.stop();
  }
});
