/**
 * Owns the tests of what only the ZooKeeper driver has: chroot, digest, restarts, frozen servers, a missing package,
 * nodes of other programs. Not: what every driver does (zookeeper.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer as createHttpServer } from "node:http";
import { createRequire } from "node:module";
import type { Clock } from "@mr-redis/core";
import { freePort, until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import {
  commitOne,
  create,
  lead,
  mustCommit,
  never,
  notLeader,
} from "../src/conformance/harness.js";
import type { Store, WatchEvent } from "../src/port.js";
import type { NativeClient } from "../src/zookeeper/native.js";
import { openZookeeperStore } from "../src/zookeeper/store.js";
import { systemClock as clock } from "./system-clock.js";
import {
  dialNative,
  leaseMs,
  limitMs,
  openStore,
  peek,
  poke,
  ZookeeperSite,
} from "./zookeeper-site.js";

const key = "instance/a" as const;
const invalid = (text: string) => ({
  code: "config-invalid",
  message: expect.stringContaining(text),
});

// Far above what they need: the machine may have much else to do.
vi.setConfig({ testTimeout: 60_000 });

let site: ZookeeperSite;
const opened: (Store | NativeClient)[] = [];

beforeAll(async () => {
  site = await ZookeeperSite.start();
}, 120_000);
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});
afterAll(() => site.stop());

const open: typeof openStore = async (options) => {
  const store = await openStore(options);
  opened.push(store);
  return store;
};

async function dial(secret: string | null = null): Promise<NativeClient> {
  const client = await dialNative(site.server.endpoint, null, secret);
  opened.push(client);
  return client;
}

test("a chroot after the last endpoint is made, and holds everything", async () => {
  const chroot = `${site.newPrefix()}/apps/redis`;
  const store = await open({ endpoints: [`${site.server.endpoint}${chroot}`], prefix: "/mrr" });
  await mustCommit(store, await lead(store), create("instance/a b", "1"));
  expect(await peek(await dial(), `${chroot}/mrr/instance/a%20b`)).toBe("mr-redis/1 1.1\n1");
  const again = await open({ endpoints: [`${site.server.endpoint}${chroot}/`], prefix: "/mrr" });
  expect((await again.readAll()).map((each) => each.key)).toEqual(["instance/a b"]);
});

test("what is no endpoint is refused with the key of the configuration", async () => {
  const wrong = [
    [],
    [""],
    ["zk1"],
    ["zk1:0"],
    ["zk1:70000"],
    ["a b:1"],
    ["http://zk1:2181"],
    ["[::]"],
  ];
  for (const endpoints of [...wrong, ["zk1:1/a", "zk2:1"], ["zk1:1/a/../b"]]) {
    await expect(openStore({ endpoints })).rejects.toMatchObject(invalid("DBEndPoint"));
  }
});

test("another kind of server is refused with the key of the configuration", async () => {
  const web = createHttpServer();
  const port = await freePort();
  await new Promise<void>((resolve) => web.listen(port, "127.0.0.1", resolve));
  try {
    const endpoints = [`127.0.0.1:${port}`];
    await expect(openStore({ endpoints })).rejects.toMatchObject(invalid("DBEndPoint"));
  } finally {
    await new Promise((resolve) => web.close(resolve));
  }
});

test("the package that is not installed, or not built, is told with the command", async () => {
  const require = createRequire(import.meta.url);
  const endpoints = [site.server.endpoint];
  const missing = () => {
    throw Object.assign(new Error("Cannot find module 'zookeeper'"), { code: "MODULE_NOT_FOUND" });
  };
  await expect(openStore({ endpoints, load: missing })).rejects.toMatchObject(
    invalid("not installed: npm install --include=optional"),
  );
  const unbuilt = () => require("node-gyp-build")("/nonexistent");
  await expect(openStore({ endpoints, load: unbuilt })).rejects.toMatchObject(
    invalid("npm rebuild zookeeper"),
  );
});

test("with a user every node is for that user alone", async () => {
  const endpoints = [site.server.endpoint];
  const prefix = site.newPrefix();
  const credentials = { user: "mrr", password: "s:ecret" };
  const store = await open({ endpoints, prefix, credentials });
  const leadership = await lead(store);
  const revision = await mustCommit(store, leadership, create(key, "1"));
  await mustCommit(store, leadership, { key, basedOn: revision, value: "2" });
  await mustCommit(store, leadership, create("framework", "3"));
  expect(await commitOne(store, leadership, create(key, "4"))).toMatchObject({
    reason: "stale",
    current: { value: "2" },
  });
  const [stranger, friend] = [await dial(), await dial("mrr:s:ecret")];
  const paths = ["", "/instance", "/instance/a", "/framework", "/leader", "/term"];
  for (const path of paths.map((each) => `${prefix}${each}`)) {
    await expect(peek(stranger, path)).rejects.toThrow("not authenticated");
    await expect(poke(stranger, path, "x")).rejects.toThrow();
    await expect(poke(stranger, `${path}/below`, "x")).rejects.toThrow();
    expect(await peek(friend, path)).not.toBe(null);
  }
  expect(await peek(friend, `${prefix}/instance/a`)).toContain("\n2");
});

test("a wrong or missing password is refused with the keys of the configuration", async () => {
  const endpoints = [site.server.endpoint];
  const prefix = site.newPrefix();
  await open({ endpoints, prefix, credentials: { user: "mrr", password: "right" } });
  for (const credentials of [{ user: "mrr", password: "amiss" }, null]) {
    const refusal = openStore({ endpoints, prefix, credentials });
    await expect(refusal).rejects.toMatchObject(invalid("DBUser or DBPassword"));
    await expect(refusal).rejects.not.toThrow("amiss");
  }
});

test("a node that waits for its text is no document, and is written by the next create", async () => {
  const endpoints = [site.server.endpoint];
  const prefix = site.newPrefix();
  const store = await open({ endpoints, prefix });
  const events: WatchEvent[] = [];
  await store.watch((event) => events.push(event));
  await poke(await dial(), `${prefix}/instance/a`, Buffer.from([0xff]));
  expect(await store.readAll()).toEqual([]);
  expect(await store.read(key)).toBe(null);
  const leadership = await lead(store);
  const removal = { key, basedOn: null, value: null };
  expect(await commitOne(store, leadership, removal)).toEqual({ type: "done", revision: null });
  const revision = await mustCommit(store, leadership, create(key, "1"));
  expect(await store.readAll()).toEqual([{ key, revision, value: "1" }]);
  await until(() => events.length > 0, { what: "the document is told" });
  expect(events).toEqual([{ key, revision, value: "1" }]);
});

test("what another program wrote among the documents is named and left alone", async () => {
  const endpoints = [site.server.endpoint];
  const prefix = site.newPrefix();
  const store = await open({ endpoints, prefix });
  const leadership = await lead(store);
  await mustCommit(store, leadership, create("instance/good", "1"));
  const client = await dial();
  await poke(client, `${prefix}/instance/bad`, Buffer.from("mr-redis/1 1.1\n\xc3(", "latin1"));
  await poke(client, `${prefix}/instance/else`, '{"a":1}');
  await poke(client, `${prefix}/instance/later`, "mr-redis/2 1.1\n1");
  await poke(client, `${prefix}/instance/not a name`, "x");
  await expect(store.readAll()).rejects.toMatchObject({
    code: "store-corrupt",
    details: {
      broken: expect.arrayContaining(
        ["bad", "else", "later", "not a name"].map((name) => `instance/${name}`),
      ),
      readable: ["instance/good"],
    },
  });
  await expect(store.read("instance/bad")).rejects.toMatchObject({ code: "store-corrupt" });
  expect((await store.read("instance/good"))?.value).toBe("1");
  expect((await commitOne(store, leadership, create("instance/bad", "1"))).type).toBe("unknown");
  expect(await peek(client, `${prefix}/instance/not a name`)).toBe("x");
});

test("a leader's node or a term of another program ends a campaign with its path", async () => {
  const endpoints = [site.server.endpoint];
  const client = await dial();
  for (const [node, value] of [
    ["leader", "x"],
    ["term", "many"],
  ] as const) {
    const prefix = site.newPrefix();
    const store = await open({ endpoints, prefix });
    await poke(client, `${prefix}/${node}`, value);
    await expect(lead(store)).rejects.toMatchObject({
      code: "store-corrupt",
      message: expect.stringContaining(`${prefix}/${node}`),
    });
    expect(await peek(client, `${prefix}/${node}`)).toBe(value);
  }
});

test("a leader's node that is removed by hand ends the leadership", async () => {
  const prefix = site.newPrefix();
  const store = await open({ endpoints: [site.server.endpoint], prefix });
  const leadership = await lead(store);
  const client = await dial();
  await new Promise((resolve) => client.a_delete_(`${prefix}/leader`, -1, resolve));
  expect((await leadership.lost).because).toContain("leader is not ours");
  expect(await commitOne(store, leadership, create(key, "1"))).toEqual(notLeader);
  expect((await lead(store)).term).toBe(leadership.term + 1);
});

test("a leader whose clock has jumped finds itself deposed before any timer tells", async () => {
  let offsetMs = 0;
  const jumping: Clock = { ...clock, monotonicMs: () => clock.monotonicMs() + offsetMs };
  const endpoints = [site.server.endpoint];
  const store = await open({ endpoints, prefix: site.newPrefix(), clock: jumping });
  const leadership = await lead(store);
  offsetMs = leaseMs.long;
  expect(await commitOne(store, leadership, create(key, "1"))).toEqual(notLeader);
  expect(leadership.isValid()).toBe(false);
  expect((await leadership.lost).because).toContain("not answered");
  expect(await store.read(key)).toBe(null);
});

test("a leader outlives a short restart of the server, with its watches", async () => {
  const prefix = site.newPrefix();
  const endpoints = [site.server.endpoint];
  // A session long enough for a restart on a slow machine.
  const store = await open({ endpoints, prefix, leaseTtlMs: 50_000, timeLimitMs: 30_000 });
  const leadership = await lead(store);
  const events: WatchEvent[] = [];
  await store.watch((event) => events.push(event));
  const first = await mustCommit(store, leadership, create(key, "1"));
  await until(() => events.length === 1, { what: "the create is told" });
  await site.server.kill();
  const late = store.commit(leadership, [{ key, basedOn: first, value: "2" }]);
  const reading = store.read(key);
  await site.server.start();
  const [outcome] = await late;
  expect(["done", "unknown"]).toContain(outcome?.type);
  expect(["1", "2"]).toContain((await reading)?.value);
  expect(leadership.isValid()).toBe(true);
  const now = await store.read(key);
  await mustCommit(store, leadership, { key, basedOn: now?.revision ?? null, value: "3" });
  await until(() => events.at(-1)?.value === "3", { what: "the last change is told" });
});

test("a frozen server: calls end at their limit, the leader stops, and leads again", async () => {
  const prefix = site.newPrefix();
  const endpoints = [site.server.endpoint];
  const leaseTtlMs = leaseMs.short;
  const store = await open({ endpoints, prefix, leaseTtlMs, timeLimitMs: limitMs.short });
  const leadership = await lead(store);
  site.server.freeze();
  try {
    expect((await commitOne(store, leadership, create(key, "1"))).type).toBe("unknown");
    await expect(store.readAll()).rejects.toMatchObject({ code: "store-unavailable" });
    await leadership.lost;
    await expect(lead(store)).rejects.toMatchObject({ code: "store-unavailable" });
  } finally {
    site.server.thaw();
  }
  const again = await store.campaign("again", AbortSignal.timeout(20_000));
  expect(again.term).toBeGreaterThan(leadership.term);
  expect(await commitOne(store, leadership, create(key, "2"))).toEqual(notLeader);
});

test("servers that are away at the start are waited for", async () => {
  const port = await freePort();
  const store = await open({ endpoints: [`127.0.0.1:${port}`], timeLimitMs: 500 });
  await expect(store.readAll()).rejects.toMatchObject({ code: "store-unavailable" });
  await expect(store.campaign("x", never())).rejects.toMatchObject({ code: "store-unavailable" });
});

test("a campaign is aborted at once while the servers are away, and by closing", async () => {
  const port = await freePort();
  const store = await open({ endpoints: [`127.0.0.1:${port}`], timeLimitMs: 500 });
  const reason = new Error("enough");
  const abort = new AbortController();
  const campaign = store.campaign("x", abort.signal);
  abort.abort(reason);
  await expect(campaign).rejects.toBe(reason);
  const closing = store.campaign("x", never());
  await store.close();
  await expect(closing).rejects.toMatchObject({ message: "the store is closed" });
});

test("of several servers one is enough", async () => {
  const dead = await freePort();
  const endpoints = [`127.0.0.1:${dead}`, site.server.endpoint];
  const store = await open({ endpoints, prefix: site.newPrefix(), timeLimitMs: 20_000 });
  await mustCommit(store, await lead(store), create(key, "1"));
});

test("the lists of many instances are whole, far above a megabyte", async () => {
  const prefix = site.newPrefix();
  const store = await open({ endpoints: [site.server.endpoint], prefix, timeLimitMs: 60_000 });
  const leadership = await lead(store);
  const count = 2200;
  const name = (index: number) => `instance/${"n".repeat(490)}${index}` as const;
  const changes = Array.from({ length: count }, (_, index) => create(name(index), "1"));
  const outcomes = await store.commit(leadership, changes);
  expect(outcomes.filter((each) => each.type !== "done")).toEqual([]);
  expect(await store.readAll()).toHaveLength(count);
});

test("more changes than can wait are unknown, at once", async () => {
  const store = await openZookeeperStore({
    driver: "zookeeper",
    clock,
    endpoints: [site.server.endpoint],
    prefix: site.newPrefix(),
  });
  opened.push(store);
  const leadership = await lead(store);
  const changes = Array.from({ length: 20_001 }, () => create(key, "1"));
  const outcomes = await store.commit(leadership, changes);
  expect(new Set(outcomes.map((each) => each.type))).toEqual(new Set(["unknown"]));
});
