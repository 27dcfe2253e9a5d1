/**
 * Owns the tests of users and their rotation in the decision core: with the create, by rotation, across schedulers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { Effect } from "../control/effects.js";
import { World } from "../control/world.test-support.js";
import type { InstanceUsers } from "../instance/types.js";
import { connectionUsersOf, rotationRepeatMs, rotationTellMs } from "./desk.js";
import { goalUsersOf } from "./users.js";

const spec = {
  memoryMib: 100,
  masters: 1,
  slaves: 2,
  distribution: null,
  config: {},
  fencing: "on",
  onUnreachable: "replace",
} as const;

function begin(): World {
  const world = new World(
    ["S0", "S1", "S2", "S3"].map((agentId, index) => ({
      agentId,
      cpusMilli: 8_000,
      memMilliMib: 8_192_000,
      ports: [7_000 + 100 * index, 7_050 + 100 * index],
    })),
  );
  world.send({ type: "woken" });
  world.connect();
  return world;
}

/** An instance that runs, with users or without. */
function running(auth = true): World {
  const world = begin();
  const asked = auth ? { ...spec, auth } : spec;
  world.send({ type: "create-requested", requestId: "c", name: "a", spec: asked });
  world.live(5_000);
  expect(world.document("a").status).toBe("RUNNING");
  return world;
}

const usersIn = (world: World): InstanceUsers => {
  const { users } = world.document("a");
  if (users === undefined) throw new Error("no users");
  return users;
};

const rotate = (world: World, requestId: string, graceMs: number, name = "a") =>
  world.send({ type: "rotation-requested", requestId, name, graceMs });

/** What every process of the instance was told, each once. */
const told = (world: World) => [
  ...new Set(world.of("a").map(({ goal }) => JSON.stringify(goal.users))),
];

const shown = (world: World) => {
  const cell = world.control.cells.get("a");
  return cell === undefined ? null : connectionUsersOf(cell, world.control.settings.rules);
};

test("a create makes users with its first commit; launches carry hashes, and no further round trip is needed", () => {
  const world = running();
  const first = world.log.find((effect) => effect.type === "commit-document");
  expect(first).toMatchObject({ document: { users: usersIn(world) } });
  const orders = world.log.flatMap((effect) =>
    effect.type === "accept-offers" ? effect.launches.map(({ order }) => order) : [],
  );
  expect(orders.length).toBe(3);
  for (const order of orders) {
    expect(order).toMatchObject({ auth: true, goal: { users: goalUsersOf(usersIn(world)) } });
  }
  const secrets = JSON.stringify(world.log.filter(({ type }) => type !== "commit-document"));
  expect(secrets).not.toContain(usersIn(world).readWrite.current.secret);
  expect(secrets).toContain(usersIn(world).readWrite.current.hash);
  expect(shown(world)).toEqual({
    readWrite: { user: "app", password: usersIn(world).readWrite.current.secret },
    readOnly: { user: "app-readonly", password: usersIn(world).readOnly.current.secret },
    rotatedAtMs: usersIn(world).rotatedAtMs,
    previousUntilMs: null,
  });
});

test("an instance without users has none anywhere", () => {
  const world = running(false);
  expect(JSON.stringify(world.log)).not.toMatch(/"users"|"auth"/);
  expect(shown(world)).toBeNull();
});

test("a rotation is stored, then told, then answered; both passwords until the grace is over", () => {
  const world = running();
  const before = usersIn(world);
  const masterId = world.document("a").masterId ?? "";
  const effects: readonly Effect[] = rotate(world, "r", 600_000);
  // Nothing is told before it is durable, and nobody is given a password that no process accepts.
  expect(effects.map(({ type }) => type)).toEqual(["commit-document", "view-changed"]);
  expect(shown(world)?.readWrite.password).toBe(before.readWrite.current.secret);
  world.live(2_000);
  const users = usersIn(world);
  expect(users).toEqual({
    readWrite: { current: users.readWrite.current, previous: before.readWrite.current },
    readOnly: { current: users.readOnly.current, previous: before.readOnly.current },
    rotatedAtMs: users.rotatedAtMs,
    previousUntilMs: users.rotatedAtMs + 600_000,
  });
  expect(world.replies.get("r")).toEqual({ type: "rotated", pending: [] });
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(users))]);
  expect(shown(world)?.readWrite.password).toBe(users.readWrite.current.secret);
  world.live(590_000);
  expect(usersIn(world)).toBe(users);
  world.live(10_000);
  expect(usersIn(world)).toEqual({
    ...users,
    readWrite: { ...users.readWrite, previous: null },
    readOnly: { ...users.readOnly, previous: null },
    previousUntilMs: null,
  });
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
  expect(told(world)[0]).not.toContain(before.readWrite.current.hash);
  // Nobody became master or was replaced by any of this.
  expect(world.document("a")).toMatchObject({ status: "RUNNING", masterId, epoch: 1 });
});

test("asked for again soon, a rotation makes no other passwords: it can only end the grace sooner", () => {
  const world = running();
  rotate(world, "r1", 600_000);
  rotate(world, "r2", 900_000);
  world.live(2_000);
  const users = usersIn(world);
  expect(users.previousUntilMs).toBe(users.rotatedAtMs + 600_000);
  expect([world.replies.get("r1"), world.replies.get("r2")]).toEqual([
    { type: "rotated", pending: [] },
    { type: "rotated", pending: [] },
  ]);
  rotate(world, "r3", 0);
  world.live(2_000);
  expect(usersIn(world).readWrite).toEqual({ current: users.readWrite.current, previous: null });
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
  // Its grace is over, so another one is another one.
  rotate(world, "r4", 600_000);
  world.live(rotationRepeatMs);
  const fourth = usersIn(world);
  expect(fourth.readWrite.previous).toEqual(users.readWrite.current);
  rotate(world, "r5", 600_000);
  world.live(2_000);
  expect(usersIn(world).readWrite.previous).toEqual(fourth.readWrite.current);
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
});

test("without a grace the passwords of before go at once", () => {
  const world = running();
  const before = usersIn(world);
  rotate(world, "r", 0);
  world.live(2_000);
  expect(usersIn(world).readWrite.previous).toBeNull();
  expect(usersIn(world).readWrite.current).not.toEqual(before.readWrite.current);
  expect(world.replies.get("r")).toEqual({ type: "rotated", pending: [] });
});

test("the next leader goes on: it tells what is stored, to replicas as well, and ends the grace", () => {
  const world = running();
  // Stored, and no goal arrives.
  rotate(world, "r", 60_000);
  world.deafness = 1_000;
  world.run();
  const users = usersIn(world);
  expect(told(world)).not.toContain(JSON.stringify(goalUsersOf(users)));
  world.deafness = 0;
  world.restart(2);
  // Before its processes have answered, the password of before is the one that surely works.
  expect(shown(world)?.readWrite.password).toBe(users.readWrite.previous?.secret);
  world.live(5_000);
  expect(usersIn(world)).toEqual(users);
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(users))]);
  expect(shown(world)?.readWrite.password).toBe(users.readWrite.current.secret);
  world.restart(3);
  world.live(60_000);
  expect(usersIn(world).previousUntilMs).toBeNull();
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
});

test("who cannot be reached is named, and is told when it is back", () => {
  const world = running();
  const [replica] = world.of("a").filter(({ goal }) => goal.role === "replica");
  const { agentId = "" } = replica ?? {};
  world.cluster.cut(agentId);
  world.live(3_000);
  rotate(world, "r", 600_000);
  world.live(2_000);
  expect(world.replies.get("r")).toEqual({
    type: "rotated",
    pending: [replica?.launch.order.processId],
  });
  world.cluster.mend(agentId);
  world.live(10_000);
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
});

test("asked for again before the master has confirmed it, a rotation makes no others, however late", () => {
  const world = running();
  const before = usersIn(world);
  rotate(world, "r", 3_600_000);
  world.deafness = 1_000;
  world.live(2 * rotationRepeatMs);
  const users = usersIn(world);
  rotate(world, "again", 3_600_000);
  world.live(1_000);
  // Clients were told no other password than this one, and it is still to be accepted.
  expect(shown(world)?.readWrite.password).toBe(before.readWrite.current.secret);
  expect(usersIn(world).readWrite).toEqual(users.readWrite);
  expect(usersIn(world).readWrite.previous).toEqual(before.readWrite.current);
  world.deafness = 0;
  world.live(10_000);
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
  rotate(world, "another", 3_600_000);
  world.live(2_000);
  expect(usersIn(world).readWrite.previous).toEqual(users.readWrite.current);
});

test("whoever is promoted has the users of the instance", () => {
  const world = running();
  rotate(world, "r", 600_000);
  world.deafness = 1_000;
  world.run();
  world.deafness = 0;
  world.kill(world.document("a").masterId ?? "");
  world.live(10_000);
  expect(world.document("a")).toMatchObject({ status: "RUNNING", epoch: 2 });
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
});

test("while the store is silent nothing is told, and the answer says so in time", () => {
  const world = running();
  const before = told(world);
  world.commitFault = () => "unknown";
  rotate(world, "r", 600_000);
  world.live(rotationTellMs + 1_000);
  expect(told(world)).toEqual(before);
  expect(world.replies.get("r")).toMatchObject({ type: "store-failed" });
  world.commitFault = null;
  world.live(20_000);
  expect(told(world)).toEqual([JSON.stringify(goalUsersOf(usersIn(world)))]);
  expect(told(world)).not.toEqual(before);
});

test("what has no users, is on its way out or is not there is not rotated", () => {
  const world = running(false);
  rotate(world, "none", 1_000);
  rotate(world, "nobody", 1_000, "b");
  expect(world.replies.get("none")).toMatchObject({ type: "rotation-refused", code: "no-users" });
  expect(world.replies.get("nobody")).toEqual({ type: "not-found" });
  const other = running();
  other.send({ type: "delete-requested", requestId: "d", name: "a" });
  rotate(other, "late", 1_000);
  expect(other.replies.get("late")).toMatchObject({ type: "rotation-refused", code: "deleting" });
  other.live(20_000);
  expect(other.document("a").status).toBe("DELETED");
  expect(shown(other)).toBeNull();
  rotate(other, "gone", 1_000);
  expect(other.replies.get("gone")).toEqual({ type: "not-found" });
});

test("deleted before it was told: the answer says so", () => {
  const world = running();
  world.deafness = 1_000;
  rotate(world, "r", 1_000);
  world.send({ type: "delete-requested", requestId: "d", name: "a" });
  world.run();
  expect(world.replies.get("r")).toMatchObject({ type: "rotation-refused", code: "deleting" });
});

test("without a key for the store, users and TLS are refused with the remedy", () => {
  const world = begin();
  Object.assign(world.control.settings, { secretsKept: false });
  for (const [requestId, asked] of [
    ["auth", { ...spec, auth: true }],
    ["tls", { ...spec, tls: true }],
    ["plain", spec],
  ] as const) {
    world.send({ type: "create-requested", requestId, name: requestId, spec: asked });
  }
  world.live(5_000);
  for (const requestId of ["auth", "tls"]) {
    const reply = world.replies.get(requestId);
    expect(reply).toMatchObject({ type: "create-refused", code: "secret-key-missing" });
    expect(JSON.stringify(reply)).toContain("SecretKeyFile");
    expect(world.control.document(requestId)).toBeUndefined();
  }
  expect(world.document("plain").status).toBe("RUNNING");
});

test("without a key for the store, TLS is taken where the agents hold certificates", () => {
  const world = begin();
  Object.assign(world.control.settings, { secretsKept: false, certificatesGiven: true });
  world.send({ type: "create-requested", requestId: "t", name: "t", spec: { ...spec, tls: true } });
  const both = { ...spec, auth: true as const, tls: true as const };
  world.send({ type: "create-requested", requestId: "b", name: "b", spec: both });
  world.live(5_000);
  expect(world.document("t").status).toBe("RUNNING");
  expect(world.replies.get("b")).toMatchObject({
    type: "create-refused",
    text: expect.stringContaining("Auth needs a key"),
  });
});
