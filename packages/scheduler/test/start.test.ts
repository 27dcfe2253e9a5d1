/**
 * Owns the proof that a start does the right thing with whatever the store holds, or does not hold, or does not say.
 * SPDX-License-Identifier: Apache-2.0
 */
import { encodeFramework, encodeInstance, MrrError } from "@mr-redis/core";
import type { DocumentKey } from "@mr-redis/store";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { documentOf, recordOf } from "./fake-control-port.js";
import { SchedulerHouse, type Tenant } from "./scheduler-house.js";

let house: SchedulerHouse;

beforeEach(async () => {
  house = await SchedulerHouse.open();
});

afterEach(async () => {
  await house.close();
});

const limit = { deadlineMs: 20_000 };

const ready = (tenant: Tenant) =>
  eventually(async () => {
    const answer = await tenant.ask("GET", "/readyz");
    expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
  }, limit);

const statusOf = async (tenant: Tenant, name: string): Promise<string> =>
  (await tenant.ask("GET", `/v2/instances/${name}`)).json.status;

/** Puts a document into the store, as an earlier scheduler would have. */
async function put(key: DocumentKey, value: string): Promise<void> {
  const store = await house.openStore();
  const leadership = await store.campaign("earlier", new AbortController().signal);
  const [outcome] = await store.commit(leadership, [{ key, basedOn: null, value }]);
  expect(outcome?.type).toBe("done");
  await leadership.resign();
  await store.close();
}

const stored = async (): Promise<Record<string, string>> => {
  const store = await house.openStore();
  const all = await store.readAll();
  await store.close();
  return Object.fromEntries(all.map(({ key, value }) => [key, value]));
};

const framework = {
  version: 2,
  frameworkId: "framework-of-old",
  frameworkName: "MrRedis",
  user: "ubuntu",
  // Long before any failover timeout.
  createdAtMs: Date.UTC(2020, 0, 1),
  removedAtMs: null,
} as const;

const masterOf = (name: string, port: number) => recordOf(`${name}::m`, "master", "10.0.0.1", port);

const runningDocument = (name: string, port: number) =>
  documentOf(name, {
    status: "RUNNING",
    wasRunning: true,
    epoch: 1,
    masterId: `${name}::m`,
    processes: [masterOf(name, port)],
  });

test("the framework id is kept, however old its record is", async () => {
  await put("framework", encodeFramework(framework));
  const tenant = await house.start();
  await ready(tenant);
  const [call] = house.mesos.of("SUBSCRIBE");
  expect([call?.frameworkId, call?.body.subscribe.framework_info.id]).toEqual([
    "framework-of-old",
    { value: "framework-of-old" },
  ]);
  expect(await stored()).toEqual({ framework: encodeFramework(framework) });
});

test("what was accepted goes on: creates, deletes; known tasks are adopted, unknown ones killed", async () => {
  await put("framework", encodeFramework(framework));
  await put("instance/known", encodeInstance(runningDocument("known", 6_380)));
  await put("instance/accepted", encodeInstance(documentOf("accepted")));
  const leaving = { ...runningDocument("leaving", 6_381), status: "DELETING" as const };
  await put("instance/leaving", encodeInstance(leaving));
  for (const id of ["known::m", "leaving::m", "stranger::m", "known::other"]) {
    house.mesos.tasks.set(id, { agentId: "agent-10.0.0.1", state: "TASK_RUNNING" });
  }
  house.mesos.offers = true;
  const tenant = await house.start();
  await ready(tenant);
  await eventually(async () => {
    expect(await statusOf(tenant, "leaving")).toBe("DELETED");
    expect([...house.mesos.tasks.keys()].sort()).toEqual([
      expect.stringMatching(/^accepted::/),
      "known::m",
    ]);
  }, limit);
  expect(house.mesos.launched()).toEqual([expect.stringMatching(/^accepted::/)]);
  const killed = house.mesos.of("KILL").map(({ body }) => body.kill.task_id.value);
  expect([...new Set(killed)].sort()).toEqual(["known::other", "leaving::m", "stranger::m"]);
  // All were asked for at once, and each with its agent.
  const asked = house.mesos.of("RECONCILE").map(({ body }) => body.reconcile?.tasks ?? []);
  expect(asked[0]).toEqual([]);
  expect(asked[1]).toEqual(
    expect.arrayContaining([
      { task_id: { value: "known::m" }, agent_id: { value: "agent-10.0.0.1" } },
    ]),
  );
  expect(house.mesos.frameworkIds).toEqual(["framework-of-old"]);
});

test("the store away at the start: it serves, says why, tries again, and then leads", async () => {
  await put("framework", encodeFramework(framework));
  house.backend.fault = () => ({ lost: "request" });
  const tenant = await house.start();
  const answer = await tenant.ask("GET", "/readyz");
  expect([answer.status, answer.json]).toEqual([
    503,
    {
      ready: false,
      reason: "the request was lost",
      role: "none",
      leader: null,
      stateAgeMs: null,
    },
  ]);
  const change = await tenant.ask("POST", "/v2/instances", { name: "a", memory: 100, slaves: 0 });
  expect([change.status, change.json.code]).toEqual([503, "not-ready"]);
  await eventually(() => {
    const tries = tenant.lines.filter((line) => line.includes("trying again"));
    expect(tries.length).toBeGreaterThan(2);
  }, limit);
  expect(house.mesos.calls).toEqual([]);
  house.backend.fault = () => null;
  await ready(tenant);
  expect(house.mesos.frameworkIds).toEqual(["framework-of-old"]);
});

test("the store cannot even be opened at the start: the same", async () => {
  let tries = 0;
  const tenant = await house.start(
    {},
    {
      openStore: async () => {
        tries += 1;
        if (tries < 3) throw new MrrError("store-unavailable", "no answer from 127.0.0.1:1");
        return house.openStore();
      },
    },
  );
  await ready(tenant);
  expect(tries).toBe(3);
  expect(tenant.lines.join("")).toContain("no answer from 127.0.0.1:1");
});

const newer = JSON.stringify({ ...documentOf("later"), version: 99 });

test.each([
  ["store-newer", "instance/later", newer],
  ["store-corrupt", "instance/broken", "{"],
  ["store-corrupt", "framework", "[]"],
] as const)(
  "%s in %s: refused by name, with the keys of the configuration",
  async (code, key, value) => {
    await put(key, value);
    await expect(house.start()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(
        new RegExp(`^DBType etcd, DBEndPoint http://etcd.example:2379: .*${key}`),
      ),
    });
    expect(await stored()).toEqual({ [key]: value });
    expect(house.mesos.calls).toEqual([]);
  },
);

test("a standby that cannot read what is there says so at its start, too", async () => {
  const store = await house.openStore();
  const leadership = await store.campaign("a newer one", new AbortController().signal);
  await store.commit(leadership, [{ key: "instance/later", basedOn: null, value: newer }]);
  await expect(house.start()).rejects.toMatchObject({ code: "store-newer" });
  await store.close();
});

test("a leader that says nothing of itself is told of, not redirected to", async () => {
  const store = await house.openStore();
  await store.campaign("host-a:123", new AbortController().signal);
  const tenant = await house.start();
  const answer = await tenant.ask("GET", "/v1/STATUS");
  expect([answer.status, answer.text]).toEqual([
    503,
    "host-a:123 leads, and does not say where it is",
  ]);
  await store.close();
  await ready(tenant);
});

test("what is wrong with the configuration of the store ends the start", async () => {
  const openStore = async () => {
    throw new MrrError("config-invalid", "etcd refuses user and password (DBUser, DBPassword)");
  };
  await expect(house.start({}, { openStore })).rejects.toMatchObject({
    code: "config-invalid",
    message:
      "DBType etcd, DBEndPoint http://etcd.example:2379: etcd refuses user and password (DBUser, DBPassword)",
  });
});

test("documents that a newer one left while this one ran are refused, and its own memory still read", async () => {
  const tenant = await house.start();
  await ready(tenant);
  await tenant.ask("POST", "/v2/instances", { name: "a", memory: 100, slaves: 0 });
  const store = await house.openStore();
  const campaign = store.campaign("a newer one", new AbortController().signal);
  house.backend.depose("the lease expired");
  const leadership = await campaign;
  await store.commit(leadership, [{ key: "instance/later", basedOn: null, value: newer }]);
  await store.close();
  await eventually(async () => {
    const answer = await tenant.ask("GET", "/readyz");
    expect([answer.status, answer.json.reason]).toEqual([
      503,
      expect.stringContaining("instance/later"),
    ]);
  }, limit);
  expect((await stored())["instance/later"]).toBe(newer);
});

test("a framework id whose storing is in doubt is stored, not replaced by another", async () => {
  let doubts = 0;
  house.backend.fault = (call) => {
    if (call.key !== "framework" || call.operation !== "commit" || doubts >= 3) return null;
    doubts += 1;
    return { lost: doubts === 2 ? "answer" : "request" };
  };
  const tenant = await house.start();
  await ready(tenant);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
  const { framework: record = "" } = await stored();
  expect(JSON.parse(record)).toMatchObject({ frameworkId: "framework-1" });
});

test("the leadership lost before the framework's id was stored: the same id again", async () => {
  house.backend.fault = (call) =>
    call.key === "framework" && call.operation === "commit" ? { lost: "request" } : null;
  const tenant = await house.start();
  await eventually(() => expect(house.mesos.frameworkIds).toEqual(["framework-1"]), limit);
  house.backend.depose("the lease expired");
  await eventually(() => expect(house.mesos.of("SUBSCRIBE")).toHaveLength(2), limit);
  house.backend.fault = () => null;
  await ready(tenant);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
});
