/**
 * Owns the proof that a whole run with everything on (TLS, tokens, Auth, Tls) leaves what is secret nowhere but where it
 * belongs: main job, proxy, failover, other passwords, a scheduler that is killed; and that nobody gets in without a token.
 * Not: what else holds with everything on (`npm run e2e:secure`).
 * SPDX-License-Identifier: Apache-2.0
 */
import { freePort, type Program } from "@mr-redis/testing";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { masterOf, type ShownInstance } from "./look.js";
import { withRedis } from "./redis-client.js";
import { type Allowed, findSecrets, judge } from "./secret-search.js";
import { type SecureConnection, SecureSite, until } from "./secure-site.js";

/** Where what is secret belongs, and why; nowhere else may it be found, and each entry must be needed. */
const allowed: readonly Allowed[] = [
  {
    secret: /^password of/,
    place: /^answer to GET \/v2\/instances\/\w+\/connection for (?:operate|later)(?: \(\d+\))?$/,
    why: "who may operate is told how clients get in",
  },
  {
    secret: /^password of/,
    place: /^output of mrr connection for operate(?: \(\d+\))?$/,
    why: "the same, by the command line",
  },
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
    secret: /^private key \d+ of an executor/,
    place: /\/runs\/[^/]+\/work\/\d+\/tls\.pem(?: \(\d+\))?$/,
    why: "the sandbox in which the executor made it; it goes nowhere else",
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

const mrr = async (...words: string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await secure.mrr("operate", ...words);
  expect([exitCode, stderr]).toEqual([0, expect.anything()]);
  return stdout;
};

const create = (name: string): Promise<string> =>
  mrr("create", "-n", name, "-m", "100", "-s", "1", "--auth", "--tls", "-w");

const loginOf = ({ user, password, ca }: SecureConnection) => ({
  username: user,
  password,
  tls: { ca },
});

/** Runs `work` at the master, or where clients are led to it, as the user of now. */
async function atInstance<T>(way: "direct" | "proxy", work: (redis: Redis) => Promise<T>) {
  const connection = await secure.connection("inst");
  const { host, port } = connection;
  const place = way === "proxy" ? { ip: host, port } : masterOf(await show("inst"));
  return await withRedis({ ...place, login: loginOf(connection) }, work);
}

const atProxy = <T>(work: (redis: Redis) => Promise<T>): Promise<T> =>
  until("the proxy leads there", () => atInstance("proxy", work));

/** A proxy that follows with a token that may only read. */
const startProxy = async (): Promise<Program> =>
  secure.startProgram("proxy", [
    ...["-scheduler", secure.endpoint, "-token-file", secure.file("read.token")],
    ...["-ca-file", secure.authority.caFile, "-bind", "127.0.0.1", "-state", ""],
    ...["-http-port", String(await freePort())],
  ]);

test("the main job, a proxy, a failover, other passwords, and a scheduler that is killed, with everything on", async () => {
  scheduler = await secure.startScheduler();
  await create("inst");
  const first = masterOf(await show("inst"));
  await atInstance("direct", (redis) => redis.set("foo", "bar"));
  await startProxy();
  expect(await atProxy((redis) => redis.set("through", "proxy"))).toBe("OK");
  secure.witness.lookAtFiles();

  await mrr("failover", "-n", "inst");
  await until("another master", async () => {
    const shown = await show("inst");
    // The records say why, where it was given up.
    expect([shown.status, masterOf(shown).id === first.id, shown.failovers]).toEqual([
      "RUNNING",
      false,
      [expect.anything()],
    ]);
  });
  secure.witness.lookAtFiles();

  const old = await secure.connection("inst");
  await mrr("rotate-secret", "-n", "inst");
  const fresh = await until("another password", async () => {
    const connection = await secure.connection("inst");
    expect(connection.password).not.toBe(old.password);
    return connection;
  });
  expect(await mrr("connection", "-n", "inst")).toContain(fresh.password);
  expect(await atProxy((redis) => redis.get("through"))).toBe("proxy");

  const before = secure.site.redisServers().map(({ pid }) => pid);
  scheduler.signal("SIGKILL");
  await scheduler.exited;
  scheduler = await secure.startScheduler();
  await create("other");
  const after = secure.site.redisServers().map(({ pid }) => pid);
  expect(after).toEqual(expect.arrayContaining(before));
  // Until the executors have said which ones they accept, those of before are told: they are accepted as well.
  await until("the new password is told again", async () => {
    expect((await secure.connection("inst")).password).toBe(fresh.password);
  });
  expect(
    await until("the master answers", () => atInstance("direct", (redis) => redis.get("foo"))),
  ).toBe("bar");
  expect(await atProxy((redis) => redis.set("through", "another"))).toBe("OK");
  secure.witness.lookAtFiles();
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
      expect.stringMatching(/^private key 2 of an executor/),
      "the key of the authority, its number",
      "password of app (1)",
      "password of app-readonly (4)",
    ]),
  );
  const found = findSecrets(secrets, places);
  expect(judge(found, allowed)).toEqual({ misplaced: [], unused: [] });
  // The search does find what is there.
  const seen = [...places].filter(([, content]) => content.includes("inst"));
  expect(seen.map(([place]) => place)).toEqual(
    expect.arrayContaining([
      "output of store dump",
      "output of mrr create for operate",
      "answer to GET /v2/instances for late",
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
  expect(secure.witness.exposed(/\/redis\.conf$|\/tls\.pem$/)).toEqual([]);
  expect([...places.keys()].filter((place) => /\/core(?:\.\d+)?$/.test(place))).toEqual([]);
});
