/**
 * Owns the proof that of several schedulers one leads, that the others stand by, and that leadership comes and goes without
 * anything being lost, decided twice, or done by one who does not lead.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Store } from "@mr-redis/store";
import { eventually } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
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

const standsBy = (tenant: Tenant, leader: Tenant) =>
  eventually(async () => {
    const answer = await tenant.ask("GET", "/readyz");
    expect([answer.status, answer.json]).toEqual([
      503,
      {
        ready: false,
        reason: expect.stringMatching(/^standby: .* leads$/),
        role: "standby",
        leader: leader.url,
        stateAgeMs: null,
      },
    ]);
  }, limit);

const create = (tenant: Tenant, name: string) =>
  tenant.ask("POST", "/v2/instances", { name, memory: 100, slaves: 0 });

const namesAt = async (tenant: Tenant): Promise<string[]> => {
  const answer = await tenant.ask("GET", "/v2/instances");
  return answer.json.instances.map(({ name }: { name: string }) => name);
};

async function pair(): Promise<[Tenant, Tenant]> {
  const first = await house.start();
  await ready(first);
  const second = await house.start();
  await standsBy(second, first);
  return [first, second];
}

test("one leads; the other sends every call on to it, path and query", async () => {
  const [first, second] = await pair();
  for (const path of ["/v1/STATUS", "/v2/instances?limit=5", "/v2/instances/a?wait=1", "/"]) {
    const answer = await second.ask("GET", path);
    expect([answer.status, answer.headers.location]).toEqual([307, first.url + path]);
  }
  const answer = await create(second, "a");
  expect([answer.status, answer.headers.location]).toEqual([307, `${first.url}/v2/instances`]);
  expect((await second.ask("GET", "/healthz")).status).toBe(200);
  expect(house.mesos.of("SUBSCRIBE")).toHaveLength(1);
});

test("the leader ends: the other leads with all instances, as the same framework", async () => {
  const [first, second] = await pair();
  expect((await create(first, "a")).status).toBe(201);
  await first.close();
  await ready(second);
  expect(await namesAt(second)).toEqual(["a"]);
  expect((await create(second, "b")).status).toBe(201);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
});

test("a leader that is deposed decides nothing more, and leads again when it is its turn", async () => {
  const [first, second] = await pair();
  expect((await create(first, "a")).status).toBe(201);
  house.backend.depose("the lease expired");
  await ready(second);
  await standsBy(first, second);
  expect((await create(second, "b")).status).toBe(201);
  const moved = await first.ask("GET", "/v2/instances");
  expect([moved.status, moved.headers.location]).toEqual([307, `${second.url}/v2/instances`]);

  house.backend.depose("the lease expired");
  await ready(first);
  await standsBy(second, first);
  // What the other one did meanwhile is known.
  expect(await namesAt(first)).toEqual(["a", "b"]);
  expect((await create(first, "c")).status).toBe(201);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
  expect(house.mesos.subscribed).toEqual(["framework-1"]);
});

test("a leader that does not know yet that it was deposed is refused by the store, and follows", async () => {
  const [first, second] = await pair();
  house.backend.depose("the lease expired", { silently: true });
  const answer = await create(first, "late");
  // Refused, or it has learnt meanwhile who leads.
  expect([503, 307]).toContain(answer.status);
  await ready(second);
  await standsBy(first, second);
  expect(await namesAt(second)).toEqual([]);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
});

test("store lost while it leads: reads go on and say how old they are, changes are 503, Mesos hears nothing", async () => {
  const leader = await house.start();
  await ready(leader);
  expect((await create(leader, "a")).status).toBe(201);
  house.backend.fault = () => ({ lost: "request" });
  house.backend.depose("the store did not confirm the lease");
  await eventually(async () => {
    const answer = await leader.ask("GET", "/readyz");
    expect(answer.json).toMatchObject({ ready: false, role: "none", leader: null });
  }, limit);
  await eventually(() => expect(house.mesos.subscribed).toEqual([]), limit);
  const ages: number[] = [];
  for (let count = 0; count < 2; count += 1) {
    const read = await leader.ask("GET", "/v2/instances/a");
    expect([read.status, read.json.name]).toEqual([200, "a"]);
    ages.push(Number(read.headers["mr-redis-state-age-ms"]));
    await eventually(() => expect(leader.lines.join("")).toContain('"tries":2'), limit);
  }
  expect((ages[1] ?? 0) > (ages[0] ?? 0)).toBe(true);
  expect((await leader.ask("GET", "/v1/STATUS/a")).status).toBe(200);
  const change = await create(leader, "b");
  expect([change.status, change.json.code, change.json.detail]).toEqual([
    503,
    "store-unavailable",
    expect.stringMatching(/^Nothing can be changed now: ./),
  ]);
  const old = await leader.ask("POST", "/v1/CREATE/b/100/1/0");
  expect([old.status, old.text]).toEqual([503, expect.stringMatching(/^Nothing can be changed/)]);
  const ready503 = await leader.ask("GET", "/readyz");
  expect([ready503.status, ready503.json.stateAgeMs > 0]).toEqual([503, true]);
  expect(house.mesos.of("SUBSCRIBE")).toHaveLength(1);

  house.backend.fault = () => null;
  await ready(leader);
  expect(await namesAt(leader)).toEqual(["a"]);
  expect((await create(leader, "b")).status).toBe(201);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
});

test("a standby that cannot reach the store sends on to the last known leader, and says that", async () => {
  const [first, second] = await pair();
  house.backend.fault = (call) => (call.operation === "readLeader" ? { lost: "request" } : null);
  await eventually(async () => {
    const answer = await second.ask("GET", "/readyz");
    expect([answer.status, answer.json.role, answer.json.reason]).toEqual([
      503,
      "standby",
      expect.stringMatching(/ leads, as far as is known: the request was lost$/),
    ]);
  }, limit);
  const answer = await second.ask("GET", "/v1/STATUS");
  expect([answer.status, answer.headers.location]).toEqual([307, `${first.url}/v1/STATUS`]);
  house.backend.fault = () => null;
  await standsBy(second, first);
});

test("a change that is on its way when the leadership ends is answered 503, not left alone", async () => {
  const leader = await house.start();
  await ready(leader);
  house.backend.fault = (call) => (call.operation === "commit" ? { delayMs: 100_000 } : null);
  const answers = [create(leader, "a"), leader.ask("POST", "/v1/CREATE/b/100/1/0")];
  await eventually(async () => {
    const { lines } = leader;
    expect(lines.length).toBeGreaterThan(0);
  }, limit);
  house.backend.depose("the lease expired");
  for (const answer of await Promise.all(answers)) expect(answer.status).toBe(503);
});

test("a store that does not answer commits: 503 within its limit, reads go on", async () => {
  const leader = await house.start();
  await ready(leader);
  expect((await create(leader, "a")).status).toBe(201);
  house.backend.fault = (call) => (call.operation === "commit" ? { lost: "answer" } : null);
  const answer = await create(leader, "b");
  expect([answer.status, answer.json.code]).toEqual([503, "store-unavailable"]);
  expect((await leader.ask("GET", "/v2/instances/a")).status).toBe(200);
  house.backend.fault = () => null;
  // It was written: that is found out, and it is there.
  await eventually(async () => expect(await namesAt(leader)).toEqual(["a", "b"]), limit);
});

/** Options of a scheduler whose time to lead can run out without that anybody tells it, as while it is frozen. */
function freezable() {
  const state = { isFrozen: false, lateCommits: 0 };
  const openStore = async (): Promise<Store> => {
    const store = await house.openStore();
    return {
      campaign: async (holder, signal) => {
        const held = await store.campaign(holder, signal);
        const wasValid = held.isValid.bind(held);
        held.isValid = () => !state.isFrozen && wasValid();
        return held;
      },
      commit: (leadership, changes) => {
        if (state.isFrozen) state.lateCommits += 1;
        return store.commit(leadership, changes);
      },
      readLeader: () => store.readLeader(),
      readAll: () => store.readAll(),
      read: (key) => store.read(key),
      watch: (listener) => store.watch(listener),
      close: () => store.close(),
    };
  };
  return { state, openStore };
}

test("a leader whose time ran out while it was frozen does nothing more, before anybody tells it", async () => {
  const { state, openStore } = freezable();
  const leader = await house.start({}, { openStore });
  await ready(leader);
  state.isFrozen = true;
  // The stream of Mesos ends, as it does under a long sleep: to subscribe anew would take the framework from the next leader.
  house.mesos.drop("framework-1");
  await eventually(() => expect(leader.lines.join("")).toContain("trying again"), limit);
  const answer = await create(leader, "late");
  expect([answer.status, answer.json.code]).toEqual([503, "store-unavailable"]);
  expect([state.lateCommits, house.mesos.of("SUBSCRIBE").length]).toEqual([0, 1]);
});

test("the same when what wakes it is a redirect by Mesos", async () => {
  const { state, openStore } = freezable();
  const location = `//${house.mesos.address}/api/v1/scheduler`;
  let asked = 0;
  const redirecting = createServer((_request, response) => {
    asked += 1;
    state.isFrozen = true;
    response.writeHead(307, { location, connection: "close" }).end();
  });
  await new Promise<void>((resolve) => redirecting.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = redirecting.address() as AddressInfo;
    const leader = await house.start({ Master: `127.0.0.1:${port}` }, { openStore });
    await eventually(() => expect(leader.lines.join("")).toContain("trying again"), limit);
    expect([asked, house.mesos.calls]).toEqual([1, []]);
  } finally {
    redirecting.closeAllConnections();
    await new Promise((resolve) => redirecting.close(resolve));
  }
});

test("told `Framework failed over` while it leads: it ends, with the reason", async () => {
  const leader = await house.start();
  await ready(leader);
  house.mesos.failOver("framework-1");
  expect(await leader.stopped).toMatchObject({
    code: "framework-failed-over",
    message: expect.stringContaining("a stranger subscribed with the same framework id"),
  });
});

test("told so while the store cannot say who leads: it stops leading, and looks again", async () => {
  const leader = await house.start();
  await ready(leader);
  house.backend.fault = (call) => (call.operation === "readLeader" ? { lost: "request" } : null);
  house.mesos.failOver("framework-1");
  await eventually(() => {
    expect(leader.lines.join("")).toContain("the store does not say that this one leads");
  }, limit);
  house.backend.fault = () => null;
  await ready(leader);
  expect(house.mesos.frameworkIds).toEqual(["framework-1"]);
});

test("a wait ends with the reign", async () => {
  const [first, second] = await pair();
  expect((await create(first, "a")).status).toBe(201);
  const waiting = first.ask("GET", "/v2/instances/a?wait=600");
  await first.ask("GET", "/healthz");
  house.backend.depose("the lease expired");
  const answer = await waiting;
  expect([200, 307, 503]).toContain(answer.status);
  await ready(second);
});

test("two that advertise the same address do not send clients in a circle", async () => {
  const first = await house.start({ HTTPAdvertise: "http://127.0.0.1:1" });
  await ready(first);
  const second = await house.start({ HTTPAdvertise: "http://127.0.0.1:1" });
  await eventually(async () => {
    const answer = await second.ask("GET", "/v1/STATUS");
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining("HTTPAdvertise")]);
  }, limit);
});
