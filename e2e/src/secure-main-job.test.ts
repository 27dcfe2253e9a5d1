/**
 * Owns the proof that the main job, a failover and a kill -9 go with TLS and tokens as they do without, that nobody gets in
 * without a token, and that what is secret is found nowhere but where it belongs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { freePort, type Program } from "@mr-redis/testing";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { masterOf, type ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";
import { type Allowed, findSecrets, judge } from "./secret-search.js";
import { SecureSite, until } from "./secure-site.js";

/** Where what is secret belongs, and why; nowhere else may it be found. */
const allowed: readonly Allowed[] = [
  {
    secret: /^secret of (?:executor|replica)/,
    place: /\/redis\.conf(?: \(\d+\))?$/,
    why: "a redis-server knows whom it asks for what; the file is for its user alone, and goes with it",
  },
  {
    secret: /^secret of replica/,
    place: /^call \d+ of the master$/,
    why: "launches and goals tell executors how replicas log in to their master",
  },
  {
    secret: /^secret of replica/,
    place: /\/meta\/agent\.jsonl(?: \(\d+\))?$/,
    why: "an agent keeps what it was told to launch, for its own restart",
  },
  {
    secret: /^secret of replica/,
    place: /\/data\/store\//,
    why: "the store keeps what a next scheduler must tell executors",
  },
];

const secure = new SecureSite();
let scheduler: Program | null = null;

beforeAll(() => secure.start());
afterAll(() => secure.stop());

const show = async (name: string): Promise<ShownInstance> => {
  const { status, text } = await secure.ask("GET", `/v2/instances/${name}`, "read");
  expect(status).toBe(200);
  return JSON.parse(text) as ShownInstance;
};

const create = async (name: string): Promise<void> => {
  const words = ["create", "-n", name, "-m", "100", "-s", "1", "-w"];
  expect(await secure.mrr("operate", ...words)).toMatchObject({ exitCode: 0 });
};

test("the main job, a failover, a proxy, and a scheduler that is killed, with TLS and tokens", async () => {
  scheduler = await secure.startScheduler();
  await create("inst");
  const first = masterOf(await show("inst"));
  await withRedis(first, (redis) => redis.set("foo", "bar"));
  const status = await secure.mrr("read", "status", "-n", "inst");
  expect([status.exitCode, status.stdout]).toEqual([
    0,
    expect.stringContaining(
      `Status = RUNNING\nType = MS\nCapacity = 100\nMaster = ${first.ip}:${first.port}\n`,
    ),
  ]);

  // A proxy follows with a token that may only read.
  await secure.startProgram("proxy", [
    ...["-scheduler", secure.endpoint, "-token-file", secure.file("read.token")],
    ...["-ca-file", secure.authority.caFile, "-bind", "127.0.0.1", "-state", ""],
    ...["-http-port", String(await freePort())],
  ]);
  const { text } = await secure.ask("GET", "/v2/instances/inst/connection", "operate");
  const { host, port } = JSON.parse(text) as { host: string; port: number };
  const atProxy = <T>(work: (redis: Redis) => Promise<T>): Promise<T> =>
    until("the proxy leads there", () => withRedis({ ip: host, port }, work));
  expect(await atProxy((redis) => redis.set("through", "proxy"))).toBe("OK");

  expect((await secure.mrr("operate", "failover", "-n", "inst")).exitCode).toBe(0);
  await until("another master", async () => {
    const shown = await show("inst");
    expect([shown.status, masterOf(shown).id === first.id]).toEqual(["RUNNING", false]);
  });
  const before = secure.site
    .redisServers()
    .map(({ pid }) => pid)
    .sort();
  scheduler.signal("SIGKILL");
  await scheduler.exited;
  scheduler = await secure.startScheduler();
  await create("other");
  const after = secure.site.redisServers().map(({ pid }) => pid);
  expect(after).toEqual(expect.arrayContaining(before));
  const second = masterOf(await show("inst"));
  expect(await withRedis(second, (redis) => redis.get("foo"))).toBe("bar");
  expect(await atProxy((redis) => redis.get("through"))).toBe("proxy");
  expect(await atProxy((redis) => redis.set("through", "another"))).toBe("OK");
});

test("nobody gets in without a token, with too little of one, or with one that was withdrawn", async () => {
  const codes: (number | null)[] = [];
  for (const owner of [null, "read"] as const) {
    codes.push((await secure.mrr(owner, "delete", "-n", "other")).exitCode);
  }
  codes.push((await secure.mrr(null, "list")).exitCode);
  expect(codes).toEqual([6, 6, 6]);
  expect((await show("other")).status).toBe("RUNNING");

  const line = await secure.makeToken("late", "read");
  secure.write("tokens", `${line}${await secure.makeToken("later", "admin")}`);
  await until("the old token is refused", async () => {
    expect((await secure.ask("GET", "/v2/instances", "admin")).status).toBe(401);
  });
  expect((await secure.ask("GET", "/v2/instances", "late")).status).toBe(200);
});

test("what is secret is found nowhere but where it belongs", async () => {
  const paths = [
    ...["/v2/instances", "/v2/instances/inst", "/v2/instances/inst/connection", "/v2/endpoints"],
    ...["/v1/STATUS", "/v2/agents", "/v2/openapi.json", "/metrics", "/readyz", "/nowhere"],
  ];
  for (const owner of [null, "read", "late", "later"]) {
    for (const path of paths) await secure.ask("GET", path, owner);
  }
  for (const path of ["/state", "/metrics/snapshot"]) {
    const answer = await fetch(secure.site.mesosEndpoint + path);
    secure.witness.note(`answer of the master to ${path}`, await answer.text());
  }
  scheduler?.signal("SIGKILL");
  await scheduler?.exited;
  // The files of a store may be compressed; this shows what is in them.
  expect(await secure.dump()).toContain('"inst"');

  const places = secure.places();
  const secrets = secure.secrets();
  expect([...secrets.keys()]).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^secret of executor/),
      expect.stringMatching(/^secret of replica/),
    ]),
  );
  const found = findSecrets(secrets, places);
  expect(judge(found, allowed)).toEqual({ misplaced: [], unused: [] });
  // The search does find what is there.
  const seen = [...places].filter(([, content]) => content.includes("inst"));
  expect(seen.map(([place]) => place)).toEqual(
    expect.arrayContaining([
      "output of store dump",
      "output of mrr create",
      "answer to GET /v2/instances",
      expect.stringMatching(/^output of program/),
      expect.stringMatching(/^call \d+ of the master/),
      expect.stringMatching(/executors.*stdout$/),
      expect.stringMatching(/agent\.jsonl$/),
    ]),
  );
  for (const name of ["cmdline", "environ"]) {
    expect([...places.keys()]).toEqual(
      expect.arrayContaining([`${name} of node`, `${name} of redis-server`]),
    );
  }
  expect([...places.keys()].filter((place) => /\/core(?:\.\d+)?$/.test(place))).toEqual([]);
});
