/**
 * Tests of users of an instance: nobody is served without a password, failovers and replacements keep them, a rotation cuts
 * nobody, and passwords are nowhere but where they belong.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  eventually,
  type Program,
  type RunResult,
  runMrr,
  type Site,
  startSite,
} from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findSecrets, Witness } from "./secret-search.js";
import { killNow } from "./watch.js";

const deadlineMs = 40_000;

interface Place {
  readonly id: string;
  readonly role: string;
  readonly ip: string;
  readonly port: number;
  readonly ready: boolean;
}

interface Shown {
  readonly status: string;
  readonly auth: boolean;
  readonly epoch: number;
  readonly processes: readonly Place[];
}

interface Login {
  readonly user: string;
  readonly password: string;
}

interface Connection extends Login {
  readonly readOnly: Login;
  readonly previousUntil: string | null;
}

let site: Site;
let scheduler: Program;
let witness: Witness;
const vault = mkdtempSync(join(tmpdir(), "mrr-vault-"));
const clients: Redis[] = [];
/** Every password that was told. */
const passwords = new Map<string, string>();

beforeAll(async () => {
  const SecretKeyFile = join(vault, "keys");
  writeFileSync(SecretKeyFile, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  site = await startSite({
    agents: 3,
    redisPorts: 20,
    config: { SecretKeyFile, LogLevel: "debug" },
  });
  witness = new Witness(site.directory);
  scheduler = await site.startScheduler();
}, 60_000);

afterAll(async () => {
  for (const client of clients) client.disconnect();
  witness.stop();
  await scheduler.kill();
  await site.local.kill();
  await site.destroy();
  rmSync(vault, { recursive: true, force: true });
});

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await site.api(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json as T;
}

async function connection(): Promise<Connection> {
  const told = await call<Connection>("GET", "/v2/instances/inst/connection");
  passwords.set(`password ${passwords.size}`, told.password);
  passwords.set(`password ${passwords.size}`, told.readOnly.password);
  return told;
}

/** The instance once it runs, without the process `goneId`. */
const running = (goneId = ""): Promise<Shown> =>
  eventually(
    async () => {
      const shown = await call<Shown>("GET", "/v2/instances/inst");
      const isGone = shown.processes.every(({ id }) => id !== goneId);
      const isWhole = shown.processes.length === 3 && shown.processes.every(({ ready }) => ready);
      if (shown.status === "RUNNING" && isGone && isWhole) return shown;
      throw new Error(JSON.stringify(shown));
    },
    { deadlineMs, what: "inst is RUNNING" },
  );

const withRole = (shown: Shown, role: string): Place[] =>
  shown.processes.filter((process) => process.role === role);

function masterOf(shown: Shown): Place {
  const [master] = withRole(shown, "master");
  if (master === undefined) throw new Error("no master");
  return master;
}

/** A client that tries once, as nobody or as a user. */
function clientOf({ ip, port }: Place, login?: Login): Redis {
  const redis = new Redis({
    ...{ host: ip, port, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null },
    ...(login === undefined ? {} : { username: login.user, password: login.password }),
  });
  redis.on("error", () => {});
  clients.push(redis);
  return redis;
}

/** What a command is answered, errors as texts. */
async function answer(redis: Redis, name: string, ...words: readonly string[]): Promise<string> {
  return String(await redis.call(name, ...words).catch((error: Error) => error.message));
}

/** What a login is answered; the connection is closed. */
async function login(place: Place, { user, password }: Login): Promise<string> {
  const redis = clientOf(place);
  const told = await answer(redis, "AUTH", user, password);
  redis.disconnect();
  return told.split(" ", 1)[0] ?? "";
}

async function checkServed(shown: Shown, told: Connection): Promise<void> {
  for (const place of shown.processes) {
    const stranger = clientOf(place);
    expect(await answer(stranger, "PING")).toMatch(/^NOAUTH/);
    expect(await answer(stranger, "GET", "key")).toMatch(/^NOAUTH/);
    stranger.disconnect();
    const reader = clientOf(place, told.readOnly);
    expect(await answer(reader, "GET", "key")).toBe("value");
    expect(await answer(reader, "SET", "key", "x")).toMatch(/^NOPERM/);
    reader.disconnect();
  }
  const writer = clientOf(masterOf(shown), told);
  expect(await answer(writer, "SET", "key", "value")).toBe("OK");
  writer.disconnect();
}

const mrr = async (...args: string[]): Promise<RunResult> => {
  const result = await runMrr(args, { endpoint: site.endpoint, deadlineMs: 60_000 });
  if (result.exitCode !== 0) throw new Error(`mrr ${args.join(" ")}: ${result.stderr}`);
  if (args[0] !== "connection") witness.note(`output of mrr ${args[0]}`, result.stdout);
  return result;
};

test("nobody is served without a password; who takes over and who is new have the same ones", async () => {
  await mrr("create", "-n", "inst", "-s", "2", "--auth", "-w");
  const first = await running();
  expect(first.auth).toBe(true);
  const told = await connection();
  const master = clientOf(masterOf(first), told);
  expect(await answer(master, "SET", "key", "value")).toBe("OK");
  expect(await answer(master, "WAIT", "2", "20000")).toBe("2");
  await checkServed(first, told);

  const victim = masterOf(first);
  const server = site.redisServers().find(({ port }) => port === victim.port);
  killNow(server?.pid ?? 0);
  const second = await running(victim.id);
  expect(second.epoch).toBe(first.epoch + 1);
  expect(await connection()).toMatchObject({ user: "app", password: told.password });
  await checkServed(second, told);
});

test("a client writes through rotations and a restart of the scheduler; then the old password is refused", async () => {
  const shown = await running();
  const master = masterOf(shown);
  const before = await connection();
  const writer = clientOf(master, before);
  await writer.connect();
  const problems: string[] = [];
  let count = 0;
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      const told = await answer(writer, "INCR", "count");
      if (!/^\d+$/.test(told)) problems.push(told);
      count += 1;
    }
  })();

  await mrr("rotate-secret", "-n", "inst");
  // On a busy machine it may come back before everybody has confirmed it.
  const after = await eventually(
    async () => {
      const told = await connection();
      expect(told.password).not.toBe(before.password);
      return told;
    },
    { deadlineMs, what: "the connection tells the new passwords" },
  );
  expect(await login(master, after)).toBe("OK");
  for (const place of shown.processes) {
    for (const fresh of [after, after.readOnly]) {
      await eventually(async () => expect(await login(place, fresh)).toBe("OK"), {
        deadlineMs,
        what: `the new password of ${fresh.user} is accepted at ${place.port}`,
      });
    }
    for (const old of [before, before.readOnly]) expect(await login(place, old)).toBe("OK");
  }
  // Asked for again, it only ends the grace sooner; the scheduler that does so is another one.
  const path = "/v2/instances/inst/rotate-secret";
  const again = await call<{ previousUntil: string }>("POST", path, { graceSeconds: 2 });
  expect(Date.parse(again.previousUntil)).toBeGreaterThan(0);
  await scheduler.kill();
  scheduler = await site.startScheduler();
  for (const place of shown.processes) {
    for (const old of [before, before.readOnly]) {
      await eventually(async () => expect(await login(place, old)).toBe("WRONGPASS"), {
        deadlineMs,
        what: `the old password of ${old.user} is refused at ${place.port}`,
      });
    }
    expect(await login(place, after)).toBe("OK");
  }
  const counted = count;
  await eventually(() => expect(count).toBeGreaterThan(counted), { deadlineMs, what: "writes" });
  isOver = true;
  await writing;
  expect(problems).toEqual([]);
  expect((await running()).processes.map(({ id }) => id).sort()).toEqual(
    shown.processes.map(({ id }) => id).sort(),
  );
  expect(await connection()).toMatchObject({ password: after.password, previousUntil: null });
});

test("passwords are in no log, no command line, no redis.conf, no sandbox and no store", async () => {
  witness.lookAtProcesses();
  witness.lookAtFiles();
  for (const path of ["/v2/instances", "/v2/instances/inst", "/v2/endpoints", "/v1/STATUS/inst"]) {
    witness.note(path, (await site.api("GET", path)).text);
  }
  witness.note("output of the scheduler", scheduler.stdout + scheduler.stderr);
  expect(passwords.size).toBeGreaterThanOrEqual(8);
  expect(findSecrets(passwords, witness.places)).toEqual([]);
  // The search finds what is there: a redis.conf has the hashes.
  const files = [...witness.places.values()].map((content) => content.toString("latin1"));
  expect(files.some((text) => /^user app reset on #[0-9a-f]{64} /m.test(text))).toBe(true);
});
