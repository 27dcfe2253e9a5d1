/**
 * Owns the tests of what the ZooKeeper driver asks of most of the servers, of what it leaves as it was, and of how it gets
 * over a stranger: seen from the calls that it makes. Not: what every driver does (zookeeper.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer as createHttpServer } from "node:http";
import { until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { create, eventually, lead, mustCommit, never } from "../src/conformance/harness.js";
import { loadNative, type NativeClient } from "../src/zookeeper/native.js";
import type { ZookeeperStore } from "../src/zookeeper/store.js";
import { startZookeeperLink } from "./zookeeper-link.js";
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
const credentials = { user: "mrr", password: "s:ecret" };

// Far above what they need: the machine may have much else to do.
vi.setConfig({ testTimeout: 90_000 });

let site: ZookeeperSite;
const opened: { close(): unknown }[] = [];

beforeAll(async () => {
  site = await ZookeeperSite.start();
}, 120_000);
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});
afterAll(() => site.stop());

async function open(options: Partial<Parameters<typeof openStore>[0]>): Promise<ZookeeperStore> {
  const store = await openStore({ endpoints: [site.server.endpoint], ...options });
  opened.push(store);
  return store;
}

async function dial(secret: string | null = null): Promise<NativeClient> {
  const client = await dialNative(site.server.endpoint, null, secret);
  opened.push(client);
  return client;
}

/** One call, or the answer to a `set` that was done. */
interface Call {
  readonly client: NativeClient;
  readonly type: "create" | "set" | "done" | "remove" | "protect" | "get" | "children";
  readonly path: string;
}

/** What a store does with its clients. */
class Recorder {
  calls: Call[] = [];
  /** What watches said, as `<type> <path>`. */
  readonly news: string[] = [];
  /** As at a leader of the servers that was cut off: it answers all but writes. */
  isCutOff = false;

  readonly load = (): unknown => {
    const Native = loadNative();
    const recorder = this;
    return class extends Native {
      constructor(config: object) {
        super(config);
        for (const type of ["created", "changed", "deleted", "child"]) {
          this.on(type, (_, path) => recorder.news.push(`${type} ${String(path)}`));
        }
      }

      override a_create(...args: Parameters<NativeClient["a_create"]>): number {
        recorder.calls.push({ client: this, type: "create", path: args[0] });
        return super.a_create(...args);
      }

      override a_set(...args: Parameters<NativeClient["a_set"]>): number {
        const [path, data, version, done] = args;
        recorder.calls.push({ client: this, type: "set", path });
        if (recorder.isCutOff) return 0;
        return super.a_set(path, data, version, (code, text, stat) => {
          if (code === 0) recorder.calls.push({ client: this, type: "done", path });
          done(code, text, stat);
        });
      }

      override a_delete_(...args: Parameters<NativeClient["a_delete_"]>): number {
        recorder.calls.push({ client: this, type: "remove", path: args[0] });
        return super.a_delete_(...args);
      }

      override a_set_acl(...args: Parameters<NativeClient["a_set_acl"]>): number {
        recorder.calls.push({ client: this, type: "protect", path: args[0] });
        return super.a_set_acl(...args);
      }

      override a_get(...args: Parameters<NativeClient["a_get"]>): number {
        recorder.calls.push({ client: this, type: "get", path: args[0] });
        return super.a_get(...args);
      }

      override a_get_children(...args: Parameters<NativeClient["a_get_children"]>): number {
        recorder.calls.push({ client: this, type: "children", path: args[0] });
        return super.a_get_children(...args);
      }
    };
  };

  pathsOf(...types: readonly Call["type"][]): string[] {
    return this.calls.filter((each) => types.includes(each.type)).map((each) => each.path);
  }
}

interface Versions {
  readonly version: number;
  /** Changes of who may use it. */
  readonly aversion: number;
}

const versionsOf = (client: NativeClient, path: string): Promise<Versions> =>
  new Promise((resolve, reject) => {
    client.a_exists(path, false, (code, text, stat) => {
      if (code === 0) resolve(stat as unknown as Versions);
      else reject(new Error(`${path}: ${text}`));
    });
  });

test("a leader writes its node again and again, and wakes nobody who waits with that", async () => {
  const prefix = site.newPrefix();
  const path = `${prefix}/leader`;
  const leader = await open({ prefix });
  const leadership = await leader.campaign("first", never());
  const client = await dial();
  const waiting = new Recorder();
  const standby = await open({ prefix, load: waiting.load });
  const next = standby.campaign("second", never());
  const isWatching = () => waiting.pathsOf("children").includes(path);
  await until(isWatching, { deadlineMs: 20_000, what: "the standby watches" });
  const before = await versionsOf(client, path);
  await eventually("it was written", async () => {
    return (await versionsOf(client, path)).version >= before.version + 3;
  });
  const ofLeader = () => waiting.news.filter((each) => each.endsWith(path));
  expect(ofLeader()).toEqual([]);
  expect(await standby.readLeader()).toEqual({ holder: "first", term: leadership.term });
  expect(leadership.isValid()).toBe(true);
  await leadership.resign();
  expect((await next).term).toBe(leadership.term + 1);
  expect(ofLeader()[0]).toBe(`deleted ${path}`);
});

test("a server that answers reads and syncs, but no writes, keeps no leader", async () => {
  const recorder = new Recorder();
  const leaseTtlMs = leaseMs.short;
  const store = await open({ prefix: site.newPrefix(), load: recorder.load, leaseTtlMs });
  const leadership = await lead(store);
  recorder.isCutOff = true;
  expect(await store.readAll()).toEqual([]);
  expect((await leadership.lost).because).toContain("has not answered");
  expect(leadership.isValid()).toBe(false);
  recorder.isCutOff = false;
});

test("a leader reads on the session that it writes on, behind a write on each connection", async () => {
  const prefix = site.newPrefix();
  const recorder = new Recorder();
  const link = await startZookeeperLink(site.server.port);
  opened.push(link);
  const endpoints = [link.endpoint];
  const leaseTtlMs = 50_000;
  const store = await open({ endpoints, prefix, load: recorder.load, leaseTtlMs });
  const leadership = await lead(store);
  const revision = await mustCommit(store, leadership, create(key, "1"));
  const ofLeader = store.leadingSession?.id;
  const reads = () => recorder.calls.filter(({ type }) => type === "get" || type === "children");
  recorder.calls = [];
  expect(await store.readAll()).toEqual([{ key, revision, value: "1" }]);
  expect((await store.read(key))?.value).toBe("1");
  expect(reads().length).toBeGreaterThan(3);
  expect(new Set(reads().map((each) => each.client.client_id))).toEqual(new Set([ofLeader]));
  link.cut();
  const isCut = () => store.leadingSession?.isConnected === false;
  await until(isCut, { deadlineMs: 20_000, what: "the connection is gone" });
  recorder.calls = [];
  const reading = store.readAll();
  link.release();
  expect(await reading).toEqual([{ key, revision, value: "1" }]);
  expect(leadership.isValid()).toBe(true);
  const first = recorder.calls.findIndex(({ path }) => path === `${prefix}/instance`);
  const { client } = recorder.calls[first] ?? {};
  expect(client?.client_id).toBe(ofLeader);
  const before = recorder.calls.slice(0, first).filter((each) => each.client === client);
  expect(before.map(({ type, path }) => `${type} ${path}`)).toContain(`done ${prefix}/leader`);
});

test("nodes that were there stay as open as they were; only new ones are for our user", async () => {
  const prefix = site.newPrefix();
  const [stranger, friend] = [await dial(), await dial("mrr:s:ecret")];
  await poke(stranger, prefix, "theirs");
  await poke(stranger, `${prefix}/instance`, "");
  const store = await open({ prefix, credentials });
  const leadership = await lead(store);
  await mustCommit(store, leadership, create(key, "1"));
  for (const path of [prefix, `${prefix}/instance`]) {
    expect((await versionsOf(friend, path)).aversion).toBe(0);
  }
  expect(await peek(stranger, prefix)).toBe("theirs");
  await expect(peek(stranger, `${prefix}/instance/a`)).rejects.toThrow("not authenticated");
  const ours = site.newPrefix();
  for (let times = 0; times < 2; times += 1) {
    const again = await open({ prefix: ours, credentials });
    await (await lead(again)).resign();
    const root = await versionsOf(friend, ours);
    expect(root.aversion).toBe(1);
  }
});

test("read-only: a tree that is missing reads as empty, and nothing is written", async () => {
  const recorder = new Recorder();
  const prefix = site.newPrefix();
  const store = await open({ prefix, load: recorder.load, readOnly: true });
  expect(await store.readAll()).toEqual([]);
  expect(await store.read(key)).toBe(null);
  expect(await store.readLeader()).toBe(null);
  const refusal = { code: "config-invalid", message: expect.stringContaining("read-only") };
  await expect(store.campaign("x", never())).rejects.toMatchObject(refusal);
  expect(await peek(await dial(), prefix)).toBe(null);
  const full = await open({ prefix, credentials });
  await mustCommit(full, await lead(full), create(key, "1"));
  const reader = await open({ prefix, load: recorder.load, readOnly: true, credentials });
  expect((await reader.readAll()).map((each) => each.value)).toEqual(["1"]);
  expect(recorder.pathsOf("create", "set", "remove", "protect")).toEqual([]);
  const wrong = open({ prefix, readOnly: true, credentials: { ...credentials, password: "x" } });
  await expect(wrong).rejects.toMatchObject({ code: "config-invalid" });
});

test("a stranger that answered for a while ends nothing for good", async () => {
  const prefix = site.newPrefix();
  const store = await open({ prefix, timeLimitMs: limitMs.short });
  expect(await store.readAll()).toEqual([]);
  await site.server.kill();
  const web = createHttpServer();
  try {
    await new Promise<void>((resolve) => web.listen(site.server.port, "127.0.0.1", resolve));
    await eventually("calls name the stranger", async () => {
      const failure = await store.readAll().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "config-invalid" });
      return true;
    });
  } finally {
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
    await site.server.start();
  }
  await eventually("it reads again", async () => (await store.readAll()).length === 0);
  await lead(store);
});
