/**
 * Owns the tests of what only the etcd driver has: late requests, quotas and limits of the server, foreign values, a
 * leader's key that is taken away.
 * Not: what every driver does (etcd.test.ts), nor how etcd is reached (etcd-access.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type EtcdServer, startEtcd } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  commitOne,
  create,
  eventually,
  lead,
  mustCommit,
  never,
  sized,
} from "../src/conformance/harness.js";
import { type CallLimits, EtcdMember } from "../src/etcd/member.js";
import { openEtcdStore } from "../src/etcd/store.js";
import type { Store } from "../src/index.js";
import { etcdGet, etcdPut } from "./etcd-harness.js";
import { removeLeaderProgram, startLeaderProcess } from "./leader-process.js";
import { systemClock as clock } from "./system-clock.js";

const key = "instance/a" as const;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let server: EtcdServer;
let prefixes = 0;
let prefix = "";
const stores: Store[] = [];

beforeAll(async () => {
  server = await startEtcd();
}, 60_000);
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});
afterAll(async () => {
  await server?.stop();
  await removeLeaderProgram();
});

function newPrefix(): string {
  prefixes += 1;
  prefix = `/own-${prefixes}`;
  return prefix;
}

type Options = Parameters<typeof openEtcdStore>[0];

async function open(options: Partial<Options> = {}): Promise<Store> {
  const store = await openEtcdStore({
    endpoints: [server.endpoint],
    credentials: null,
    tls: null,
    leaseTtlMs: 10_000,
    prefix,
    clock,
    timeLimitMs: 10_000,
    ...options,
  });
  stores.push(store);
  return store;
}

/** A connection that says NOSPACE of a transaction that was applied, as etcd does of one that fills it. */
class FullMember extends EtcdMember {
  isFull = false;

  override async exec<T>(
    ...parts: [Parameters<EtcdMember["exec"]>[0], string, unknown, CallLimits?]
  ): Promise<T> {
    const answer = await super.exec<T>(...parts);
    if (!this.isFull || parts[1] !== "txn") return answer;
    this.isFull = false;
    const details = "etcdserver: mvcc: database space exceeded";
    throw Object.assign(new Error(details), { code: 8, details });
  }
}

test("NOSPACE that is said of what was applied is no refusal", async () => {
  newPrefix();
  let member: FullMember | null = null;
  const store = await open({
    openMember: (...parts) => {
      member = new FullMember(...parts);
      return member;
    },
  });
  const way = member as FullMember | null;
  if (way === null) throw new Error("no connection");
  const leadership = await lead(store);
  const revision = await mustCommit(store, leadership, create(key, "1"));
  const changes = [create("instance/b", "2"), { key, basedOn: revision, value: null }];
  way.isFull = true;
  const outcomes = await store.commit(leadership, changes);
  expect(outcomes.map((outcome) => outcome.type)).toEqual(["unknown", "unknown"]);
  const current = await store.read("instance/b");
  expect(current?.value).toBe("2");
  expect(await store.commit(leadership, changes)).toEqual([
    { type: "refused", reason: "stale", current },
    { type: "refused", reason: "stale", current: null },
  ]);
  expect(leadership.isValid()).toBe(true);
});

/** A connection that says that a transaction failed, and sends it only when it is let go. */
class LateMember extends EtcdMember {
  isLate = false;
  readonly late: (() => Promise<unknown>)[] = [];

  override async exec<T>(
    ...parts: [Parameters<EtcdMember["exec"]>[0], string, unknown, CallLimits?]
  ): Promise<T> {
    if (!this.isLate || parts[1] !== "txn") return super.exec<T>(...parts);
    this.isLate = false;
    const [service, method, payload] = parts;
    this.late.push(() => super.exec(service, method, payload));
    throw Object.assign(new Error("cut"), { code: 14, details: "cut" });
  }
}

test("a request that arrives after its retry was told has no effect", async () => {
  newPrefix();
  let member: LateMember | null = null;
  const store = await open({
    openMember: (...parts) => {
      member = new LateMember(...parts);
      return member;
    },
  });
  const way = member as LateMember | null;
  if (way === null) throw new Error("no connection");
  const leadership = await lead(store);
  way.isLate = true;
  const change = create(key, "1");
  expect((await commitOne(store, leadership, change)).type).toBe("unknown");
  const revision = await mustCommit(store, leadership, change);
  await mustCommit(store, leadership, { key, basedOn: revision, value: null });
  // As on the first day: only the leader's key keeps the late one out.
  for (const send of way.late) await send();
  expect(await store.read(key)).toBe(null);
  // A removal does not write the leader's key; the sealing before it does.
  way.isLate = true;
  expect((await commitOne(store, leadership, change)).type).toBe("unknown");
  const nothing = { key, basedOn: null, value: null };
  expect(await commitOne(store, leadership, nothing)).toEqual({ type: "done", revision: null });
  for (const send of way.late) await send();
  expect(await store.read(key)).toBe(null);
  // The sealing itself may be late too.
  way.isLate = true;
  expect((await commitOne(store, leadership, change)).type).toBe("unknown");
  way.isLate = true;
  expect((await commitOne(store, leadership, change)).type).toBe("unknown");
  await mustCommit(store, leadership, create("instance/b", "2"));
  for (const send of way.late) await send();
  await mustCommit(store, leadership, create("instance/c", "3"));
  expect((await store.readAll()).map((each) => each.key).sort()).toEqual([
    "instance/b",
    "instance/c",
  ]);
  expect(leadership.isValid()).toBe(true);
});

test("a leader's key that somebody removes ends the leadership", { timeout: 60_000 }, async () => {
  newPrefix();
  const store = await open({ leaseTtlMs: 2_000 });
  for (const isIdle of [true, false]) {
    const leadership = await lead(store);
    await server.call("/v3/kv/deleterange", { key: base64(`${prefix}/leader`) });
    if (!isIdle) {
      expect(await commitOne(store, leadership, create(key, "1"))).toEqual({
        type: "refused",
        reason: "not-leader",
      });
    }
    expect((await leadership.lost).because).toContain("leader's key was removed");
    expect(await store.read(key)).toBe(null);
  }
});

test("the next term follows the last one though nobody led for long", async () => {
  newPrefix();
  await etcdPut(server, `${prefix}/term`, "41");
  const store = await open();
  expect((await lead(store)).term).toBe(42);
});

test("what another program keeps at our keys is told by name, and stays", async () => {
  for (const [name, value] of [
    ["term", "mine"],
    ["term", "0"],
    ["leader", "mine"],
    ["leader", '{"holder":"x","term":1}'],
  ]) {
    newPrefix();
    await etcdPut(server, `${prefix}/${name}`, value ?? "");
    const store = await open().catch((error: unknown) => {
      expect(error).toMatchObject({ code: "store-corrupt" });
      return null;
    });
    if (store !== null) {
      const refusal = expect(lead(store)).rejects;
      await refusal.toMatchObject({
        code: "store-corrupt",
        message: expect.stringContaining(`${prefix}/${name}`),
      });
    }
    const { kvs } = await etcdGet(server, `${prefix}/${name}`);
    expect(kvs?.[0]?.value).toBe(base64(value ?? ""));
  }
});

test("a text that is no document is read as it is; bytes that are no text are told by name", async () => {
  newPrefix();
  const store = await open();
  await etcdPut(server, `${prefix}/instance/x`, "no document");
  expect((await store.readAll()).map((each) => each.value)).toEqual(["no document"]);
  await server.call("/v3/kv/put", { key: base64(`${prefix}/instance/y`), value: "/w==" });
  const corrupt = { code: "store-corrupt", details: { broken: ["instance/y"] } };
  await expect(store.readAll()).rejects.toMatchObject({
    ...corrupt,
    details: { broken: ["instance/y"], readable: ["instance/x"] },
  });
  await expect(store.read("instance/y")).rejects.toMatchObject(corrupt);
  const leadership = await lead(store);
  const outcome = await commitOne(store, leadership, create("instance/y", "1"));
  expect(outcome).toMatchObject({ type: "unknown", cause: expect.stringContaining("instance/y") });
});

test("the tree of the ancestor, and all else outside the prefix, stays as it is", async () => {
  newPrefix();
  const foreign = ["/MrRedis/inst/a", `${prefix}x/instance/a`, "/other"];
  for (const each of foreign) await etcdPut(server, each, each);
  const store = await open();
  await mustCommit(store, await lead(store), create(key, "1"));
  expect((await store.readAll()).map((each) => each.key)).toEqual([key]);
  for (const each of foreign) {
    expect((await etcdGet(server, each)).kvs?.[0]?.value).toBe(base64(each));
  }
});

test("many documents, small ones before large ones, are read in pages", {
  timeout: 300_000,
}, async () => {
  newPrefix();
  const store = await open({ timeLimitMs: 120_000, leaseTtlMs: 60_000 });
  const leadership = await lead(store);
  const small = Array.from({ length: 1500 }, (_, index) => create(`instance/a${index}`, "1"));
  const large = Array.from({ length: 135 }, (_, index) =>
    create(`instance/b${index}`, sized(500_000, index)),
  );
  const outcomes = await store.commit(leadership, [...small, ...large]);
  expect(outcomes.filter((outcome) => outcome.type !== "done")).toEqual([]);
  const all = new Map((await store.readAll()).map((each) => [each.key, each.value]));
  expect(all).toEqual(new Map([...small, ...large].map((each) => [each.key, each.value])));
});

test("a server with lower limits takes the changes in smaller parts", {
  timeout: 60_000,
}, async () => {
  const strict = await startEtcd({ flags: ["--max-txn-ops", "8", "--max-request-bytes", "40000"] });
  try {
    newPrefix();
    const store = await open({ endpoints: [strict.endpoint] });
    const leadership = await lead(store);
    const changes = Array.from({ length: 100 }, (_, index) =>
      create(`instance/i${index}`, sized(10_000, index)),
    );
    const outcomes = await store.commit(leadership, changes);
    expect(outcomes.filter((outcome) => outcome.type !== "done")).toEqual([]);
    expect(await store.readAll()).toHaveLength(100);
    const large = await commitOne(store, leadership, create(key, sized(50_000, 1)));
    expect(large).toMatchObject({ type: "unknown", cause: expect.stringContaining("too large") });
    await store.close();
  } finally {
    await strict.stop();
  }
});

test("NOSPACE: commits are told why, reads, removals and the leader go on, and space helps", {
  timeout: 120_000,
}, async () => {
  const small = await startEtcd({ quotaBytes: 4 * 1024 * 1024 });
  try {
    newPrefix();
    const store = await open({
      endpoints: [small.endpoint],
      leaseTtlMs: 3_000,
      timeLimitMs: 4_000,
    });
    const leadership = await lead(store);
    const revision = await mustCommit(store, leadership, create(key, "1"));
    let stored = 0;
    let cause = "";
    while (cause === "") {
      const change = create(`instance/i${stored}`, sized(200_000, stored));
      const outcome = await commitOne(store, leadership, change);
      if (outcome.type === "done") stored += 1;
      else if (outcome.type === "unknown") cause = outcome.cause;
      else throw new Error(JSON.stringify(outcome));
      expect(stored).toBeLessThan(100);
    }
    expect(cause).toMatch(/NOSPACE.*defragment/);
    const mixed = await store.commit(leadership, [
      create("instance/no", "x"),
      { key, basedOn: revision, value: null },
    ]);
    expect(mixed.map((outcome) => outcome.type)).toEqual(["unknown", "done"]);
    // etcd says it also of what it has applied.
    const all = await store.readAll();
    expect([stored, stored + 1]).toContain(all.length);
    const removals = all.map((each) => ({ key: each.key, basedOn: each.revision, value: null }));
    const removed = await store.commit(leadership, removals);
    expect(removed.filter((outcome) => outcome.type !== "done")).toEqual([]);
    await leadership.resign();
    await expect(store.campaign("x", never())).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringContaining("NOSPACE"),
    });
    const { header } = await etcdGet(small, "x");
    await small.call("/v3/kv/compaction", { revision: header.revision, physical: true });
    await small.call("/v3/maintenance/defragment", {});
    const alarms = await small.call("/v3/maintenance/alarm", { action: "GET" });
    for (const { memberID } of alarms.alarms as { memberID: string }[]) {
      await small.call("/v3/maintenance/alarm", {
        action: "DEACTIVATE",
        memberID,
        alarm: "NOSPACE",
      });
    }
    const again = await lead(store);
    await mustCommit(store, again, create(key, "2"));
    expect(again.term).toBe(leadership.term + 1);
    await store.close();
  } finally {
    await small.stop();
  }
});

test("a process whose lease was lost ends when it has closed its store", {
  timeout: 60_000,
}, async () => {
  newPrefix();
  const options = { driver: "etcd", endpoints: [server.endpoint], leaseTtlMs: 1_000, prefix };
  const leader = await startLeaderProcess(options, key);
  try {
    await eventually("it counts", () => leader.lines.includes("done 5"));
    server.freeze();
    await eventually("it is lost", () => leader.lines.some((line) => line.startsWith("lost ")));
    server.thaw();
    await leader.ended;
    expect(leader.lines).toContain("refused not-leader");
  } finally {
    server.thaw();
    await leader.kill();
  }
});
