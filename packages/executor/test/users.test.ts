/**
 * Owns users of clients on real redis-servers: from the first moment on, rotated under a client that writes, put right
 * where somebody changed them, and what each of them may do.
 * Not: where passwords come from (e2e/src/auth.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Goal, GoalUser, LaunchOrder } from "@mr-redis/core";
import { freePorts, until } from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import {
  createHarness,
  deadlineMs,
  followersOf,
  type Harness,
  masterOf,
  orderOf,
} from "./harness.js";

let harness: Harness;
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await harness.close();
});

const hashOf = (password: string): string => createHash("sha256").update(password).digest("hex");

const usersOf = (...passwords: readonly string[]): readonly GoalUser[] => [
  { user: "app", access: "read-write", hashes: passwords.map((each) => hashOf(`app-${each}`)) },
  {
    user: "app-readonly",
    access: "read-only",
    hashes: passwords.map((each) => hashOf(`ro-${each}`)),
  },
];

/** An unconnected client that tries once. */
function clientAs(order: LaunchOrder, username?: string, password?: string): Redis {
  const redis = new Redis({
    host: order.address,
    port: order.port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  redis.on("error", () => undefined);
  clients.push(redis);
  return redis;
}

/** What a command is answered, errors as texts. */
const answer = (redis: Redis, name: string, ...words: readonly string[]): Promise<unknown> =>
  redis.call(name, ...words).catch((error: Error) => error.message);

/** "ok", or why a login is refused. */
async function login(order: LaunchOrder, username: string, password: string): Promise<string> {
  const redis = clientAs(order);
  const told = await answer(redis, "AUTH", username, password);
  redis.disconnect();
  return told === "OK" ? "ok" : (String(told).split(" ")[0] ?? "");
}

const goalOf = (order: LaunchOrder, counter: number, users: readonly GoalUser[]): Goal => ({
  ...order.goal,
  stamp: { term: 1, counter },
  users,
});

const isInForce =
  (counter: number) =>
  ({ stamp }: { readonly stamp: Goal["stamp"] }): boolean =>
    stamp.counter === counter;

async function createPair() {
  harness = createHarness();
  const [masterPort = 0, replicaPort = 0] = await freePorts(2);
  const users = usersOf("1");
  const master = orderOf("inst::m", masterPort, {
    auth: true,
    goal: { users, followers: followersOf({ processId: "inst::m" }) },
  });
  const replica = orderOf("inst::r", replicaPort, {
    auth: true,
    goal: { role: "replica", master: masterOf(master), users },
  });
  for (const order of [master, replica]) harness.launch(order);
  for (const { processId } of [master, replica]) {
    await harness.reported(processId, (each) => each.synced);
  }
  return { master, replica };
}

test("nobody is served without a password, in any role; each user may what it is for", async () => {
  const { master, replica } = await createPair();
  for (const order of [master, replica]) {
    const stranger = clientAs(order);
    for (const [name, ...words] of [["PING"], ["GET", "a"], ["SET", "a", "b"], ["INFO"]] as const) {
      expect(String(await answer(stranger, name, ...words))).toMatch(/^NOAUTH/);
    }
    expect(String(await answer(stranger, "AUTH", "app-1"))).toMatch(/^WRONGPASS/);
    expect(await login(order, "app", "ro-1")).toBe("WRONGPASS");
    expect(await login(order, "default", "")).toBe("WRONGPASS");
    expect(await login(order, "app", "app-1")).toBe("ok");
    expect(await login(order, "app-readonly", "ro-1")).toBe("ok");
  }
  const app = clientAs(master, "app", "app-1");
  expect(await answer(app, "SET", "a", "b")).toBe("OK");
  expect(await answer(app, "WAIT", "1", "20000")).toBe(1);
  for (const order of [master, replica]) {
    const reader = clientAs(order, "app-readonly", "ro-1");
    expect(await answer(reader, "GET", "a")).toBe("b");
    expect(await answer(reader, "ACL", "WHOAMI")).toBe("app-readonly");
    expect(await answer(reader, "CLIENT", "SETNAME", "x")).toBe("OK");
    expect(String(await answer(reader, "INFO"))).toMatch(/role:/);
    const refused = [
      ["SET", "a", "c"],
      ["DEL", "a"],
      ["GETDEL", "a"],
      ["EVAL", "return redis.call('set','a','c')", "0"],
      ["CONFIG", "GET", "*"],
      ["CONFIG", "SET", "maxmemory", "1"],
      ["ACL", "LIST"],
      ["ACL", "SETUSER", "app-readonly", "+@all"],
      ["KEYS", "*"],
      ["FLUSHALL"],
      ["PUBLISH", "a", "b"],
      ["REPLICAOF", "NO", "ONE"],
      ["CLIENT", "KILL", "TYPE", "normal"],
      ["PSYNC", "?", "-1"],
      ["SHUTDOWN"],
    ] as const;
    for (const [name, ...words] of refused) {
      expect(String(await answer(reader, name, ...words)), name).toMatch(/^NOPERM/);
    }
  }
});

test("a client that writes through a rotation is neither cut nor refused; then the old password is", async () => {
  const { master, replica } = await createPair();
  const app = clientAs(master, "app", "app-1");
  await app.connect();
  const id = await answer(app, "CLIENT", "ID");
  let count = 0;
  let isOver = false;
  const problems: unknown[] = [];
  const writing = (async () => {
    while (!isOver) {
      const told = await answer(app, "INCR", "n");
      if (typeof told !== "number") problems.push(told);
      count += 1;
    }
  })();
  const told = async (counter: number, users: readonly GoalUser[]): Promise<void> => {
    harness.goals([goalOf(master, counter, users), goalOf(replica, counter, users)]);
    for (const { processId } of [master, replica]) {
      await harness.reported(processId, isInForce(counter));
    }
    const before = count;
    await until(() => count > before + 100, { deadlineMs, what: "more writes" });
  };
  await told(2, usersOf("2", "1"));
  for (const order of [master, replica]) {
    expect(await login(order, "app", "app-1")).toBe("ok");
    expect(await login(order, "app", "app-2")).toBe("ok");
    expect(await login(order, "app-readonly", "ro-2")).toBe("ok");
  }
  await told(3, usersOf("2"));
  for (const order of [master, replica]) {
    expect(await login(order, "app", "app-1")).toBe("WRONGPASS");
    expect(await login(order, "app-readonly", "ro-1")).toBe("WRONGPASS");
    expect(await login(order, "app", "app-2")).toBe("ok");
  }
  isOver = true;
  await writing;
  expect(problems).toEqual([]);
  expect(await answer(app, "CLIENT", "ID")).toBe(id);
  // The link between them was left alone.
  expect(harness.report(replica.processId)).toMatchObject({ linkUp: true, role: "replica" });
  expect(String(await answer(clientAs(replica, "app", "app-2"), "INFO", "stats"))).toMatch(
    /total_connections_received/,
  );
});

test("what somebody changed by hand is put right: passwords, strangers, the user default", async () => {
  const { master } = await createPair();
  const app = clientAs(master, "app", "app-1");
  for (const change of [
    ["ACL", "SETUSER", "app-readonly", ">guess"],
    ["ACL", "SETUSER", "app-readonly", "nopass"],
    ["ACL", "DELUSER", "app-readonly"],
    ["ACL", "SETUSER", "back-door", "on", ">guess", "~*", "+@all"],
    ["ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all"],
    ["ACL", "SETUSER", "app", "off"],
  ] as const) {
    const [name, ...words] = change;
    expect(await answer(app, name, ...words)).toBeOneOf(["OK", 1]);
    const user = words[1];
    const guess = user === "default" ? "" : "guess";
    await until(
      async () =>
        (await login(master, user, guess)) === "WRONGPASS" &&
        (await login(master, "app", "app-1")) === "ok" &&
        (await login(master, "app-readonly", "ro-1")) === "ok",
      { deadlineMs, what: change.join(" ") },
    );
    expect(String(await answer(clientAs(master), "GET", "a"))).toMatch(/^NOAUTH/);
  }
  expect(await answer(app, "PING")).toBe("PONG");
  expect(await answer(app, "ACL", "USERS")).toEqual(
    [
      "app",
      "app-readonly",
      "default",
      "executor",
      "replica-1",
      "replica-2",
      "replica-3",
    ].toSorted(),
  );
});

test("a goal that is silent about users is not for a process that has them, nor the other way round", async () => {
  const { master } = await createPair();
  const { users: _, ...silent } = goalOf(master, 2, []);
  harness.goals([silent]);
  harness.goals([goalOf(master, 3, usersOf("3"))]);
  await harness.reported(master.processId, isInForce(3));
  expect(await login(master, "app", "app-3")).toBe("ok");
  const [port = 0] = await freePorts(1);
  const open = orderOf("inst::o", port);
  harness.launch(open);
  await harness.reported(open.processId, (each) => each.synced);
  harness.goals([goalOf(open, 2, usersOf("1")), { ...open.goal, stamp: { term: 1, counter: 3 } }]);
  await harness.reported(open.processId, isInForce(3));
  expect(await answer(clientAs(open), "SET", "a", "b")).toBe("OK");
});

test("passwords come nowhere near the executor: its files have hashes, its log not even those", async () => {
  await createPair();
  const files = readdirSync(harness.sandbox, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
  const configuration = files.find((text) => text.includes("user app "));
  expect(configuration).toContain(`#${hashOf("app-1")}`);
  expect(configuration).toContain("user default off");
  expect(files.filter((text) => text.includes("app-1") || text.includes("ro-1"))).toEqual([]);
  const log = harness.logs.join("\n");
  expect(log).not.toContain(hashOf("app-1"));
});
