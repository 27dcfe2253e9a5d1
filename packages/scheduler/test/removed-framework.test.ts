/**
 * Owns the proof that the removal of the framework ends the scheduler with what was lost, for good until an operator says
 * so; and that a new framework then begins with the same instances, new and empty, wherever the start is cut short.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  decodeFramework,
  decodeInstance,
  encodeFramework,
  encodeInstance,
  type InstanceDocument,
} from "@mr-redis/core";
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

const framework = {
  version: 2,
  frameworkId: "framework-of-old",
  frameworkName: "MrRedis",
  user: "ubuntu",
  createdAtMs: Date.UTC(2020, 0, 1),
  removedAtMs: null,
} as const;
const removedFramework = { ...framework, removedAtMs: Date.UTC(2026, 10, 22, 12) };

/** A master and a replica; epoch 4, as after some failovers. */
const pair = (name: string, overrides: Partial<InstanceDocument> = {}): InstanceDocument =>
  documentOf(name, {
    spec: {
      memoryMib: 200,
      masters: 1,
      slaves: 1,
      distribution: null,
      config: {},
      fencing: "on",
      onUnreachable: "replace",
    },
    status: "RUNNING",
    wasRunning: true,
    epoch: 4,
    masterId: `${name}::m`,
    processes: [
      recordOf(`${name}::m`, "master", "10.0.0.1", name.length),
      recordOf(`${name}::r`, "replica", "10.0.0.2", name.length),
    ],
    ...overrides,
  });

async function put(values: Partial<Record<DocumentKey, string>>): Promise<void> {
  const store = await house.openStore();
  const leadership = await store.campaign("earlier", new AbortController().signal);
  const changes = Object.entries(values).map(([key, value]) => ({
    ...{ key: key as DocumentKey, basedOn: null },
    value: value ?? null,
  }));
  for (const outcome of await store.commit(leadership, changes)) expect(outcome.type).toBe("done");
  await leadership.resign();
  await store.close();
}

const stored = async (): Promise<Record<string, string>> => {
  const store = await house.openStore();
  const all = await store.readAll();
  await store.close();
  return Object.fromEntries(all.map(({ key, value }) => [key, value]));
};

const storedFramework = async () => {
  const decoded = decodeFramework((await stored()).framework ?? "");
  return decoded.ok ? decoded.value : decoded.problems;
};

const ready = (tenant: Tenant) =>
  eventually(async () => {
    const answer = await tenant.ask("GET", "/readyz");
    expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
  }, limit);

const putOld = (removed: boolean) =>
  put({
    framework: encodeFramework(removed ? removedFramework : framework),
    "instance/one": encodeInstance(pair("one")),
    "instance/three": encodeInstance(pair("three")),
    "instance/going": encodeInstance(pair("going", { status: "DELETING" })),
    "instance/waiting": encodeInstance(documentOf("waiting")),
  });

/** Whatever is shown of why the instance does not run. */
const reasonOf = async (tenant: Tenant, name: string) =>
  (await tenant.ask("GET", `/v2/instances/${name}`)).json.reason?.text;

test("removed while it leads: it ends and says what was lost, and so does the next start, without asking Mesos", async () => {
  await putOld(false);
  for (const id of ["one::m", "one::r", "three::m", "three::r"]) {
    const address = id.endsWith("m") ? "10.0.0.1" : "10.0.0.2";
    house.mesos.tasks.set(id, { agentId: `agent-${address}`, state: "TASK_RUNNING" });
  }
  const tenant = await house.start();
  await ready(tenant);
  await eventually(async () => {
    expect((await tenant.ask("GET", "/v2/instances/going")).json.status).toBe("DELETED");
  }, limit);
  house.mesos.remove("framework-of-old");
  const error = await tenant.stopped;
  expect([error.code, error.message, error.details]).toEqual([
    "framework-removed",
    expect.stringMatching(
      /^Mesos has removed framework framework-of-old \(noticed 2\d{3}-.*Z\) and ended everything that it ran: .*--new-framework$/,
    ),
    { frameworkId: "framework-of-old", instances: 2, processes: 4 },
  ]);
  expect(error.message).toContain("2 instances with 4 processes (one, three)");
  expect(await storedFramework()).toEqual({ ...framework, removedAtMs: expect.any(Number) });
  for (const name of ["one", "three"]) {
    const { processes } = JSON.parse((await stored())[`instance/${name}`] ?? "");
    expect(processes).toEqual(JSON.parse(encodeInstance(pair(name))).processes);
  }

  // Another master may have forgotten the removal: the id would be taken for an empty framework's.
  house.mesos.removed.clear();
  const asked = house.mesos.calls.length;
  await expect(house.start()).rejects.toMatchObject({
    code: "framework-removed",
    message: error.message,
  });
  expect(house.mesos.calls).toHaveLength(asked);
});

test("removed while no scheduler ran: the start ends with it", async () => {
  await putOld(false);
  house.mesos.removed.add("framework-of-old");
  const tenant = await house.start();
  expect(await tenant.stopped).toMatchObject({
    code: "framework-removed",
    message: expect.stringContaining("3 instances with 6 processes (going, one, three)"),
  });
  expect(house.mesos.frameworkIds).toEqual([]);
});

test.each([
  ["known to the store", true],
  ["not known before", false],
])(
  "--new-framework with a removal %s: all instances again, new and empty",
  async (_what, isKnown) => {
    await putOld(isKnown);
    house.mesos.removed.add("framework-of-old");
    const tenant = await house.start({}, { newFramework: true });
    await ready(tenant);
    expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
    expect(await storedFramework()).toEqual({
      ...framework,
      frameworkId: "framework-1",
      user: expect.any(String),
      createdAtMs: expect.any(Number),
    });
    for (const name of ["one", "three"]) {
      const decoded = decodeInstance((await stored())[`instance/${name}`] ?? "");
      expect(decoded).toMatchObject({
        ok: true,
        value: { ...pair(name), status: "FAILED", processes: [], reason: expect.anything() },
      });
      expect(await reasonOf(tenant, name)).toMatch(
        /framework framework-of-old was removed from Mesos with all its data; .* new and empty$/,
      );
    }
    expect((await tenant.ask("GET", "/v2/instances/going")).json.status).toBe("DELETED");
    // Nothing of the old ones is asked for or killed, and the new ones are placed in the next epoch.
    expect(house.mesos.of("KILL")).toEqual([]);
    expect(house.mesos.of("RECONCILE").map(({ body }) => body.reconcile?.tasks ?? [])).toEqual([
      [],
    ]);
    house.mesos.offers = true;
    await tenant.ask("POST", "/v2/instances", { name: "more", memory: 100, slaves: 0 });
    await eventually(async () => {
      const { json } = await tenant.ask("GET", "/v2/instances/one");
      expect([json.epoch, json.processes.length]).toEqual([5, expect.any(Number)]);
      expect(
        house.mesos.launched().filter((id) => /^(one|three)::/.test(id)).length,
      ).toBeGreaterThan(1);
    }, limit);
    expect(house.mesos.launched()).not.toContain("one::m");
  },
);

test("--new-framework while the framework lives changes nothing, and is spent", async () => {
  await putOld(false);
  const tenant = await house.start({}, { newFramework: true });
  await ready(tenant);
  expect(await storedFramework()).toEqual(framework);
  house.mesos.remove("framework-of-old");
  expect((await tenant.stopped).code).toBe("framework-removed");
  expect(house.mesos.frameworkIds).toEqual(["framework-of-old"]);
});

test("cut short before the new framework is stored: still removed, and the next word of the operator completes it", async () => {
  await putOld(true);
  house.mesos.removed.add("framework-of-old");
  house.backend.fault = (call) =>
    call.key === "framework" && call.operation === "commit" ? { lost: "request" } : null;
  const first = await house.start({}, { newFramework: true });
  await eventually(() => expect(house.mesos.frameworkIds).toEqual(["framework-1"]), limit);
  await first.close();
  expect(await storedFramework()).toEqual(removedFramework);
  house.backend.fault = () => null;
  await expect(house.start()).rejects.toMatchObject({
    message: expect.stringContaining("no process was recorded"),
  });
  const second = await house.start({}, { newFramework: true });
  await ready(second);
  expect(await storedFramework()).toMatchObject({ frameworkId: "framework-2", removedAtMs: null });
});

test("the end of the old processes is stored before a new framework is asked for", async () => {
  await putOld(true);
  house.backend.fault = (call) =>
    call.key === "instance/three" && call.operation === "commit" ? { lost: "request" } : null;
  const tenant = await house.start({}, { newFramework: true });
  await eventually(async () => {
    expect(JSON.parse((await stored())["instance/one"] ?? "").processes).toEqual([]);
  }, limit);
  expect((await tenant.ask("GET", "/readyz")).json.reason).toBe(
    "noting the end of what the removed framework ran",
  );
  expect(house.mesos.calls).toEqual([]);
  house.backend.fault = () => null;
  await ready(tenant);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
});
