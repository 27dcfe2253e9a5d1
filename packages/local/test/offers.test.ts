/**
 * Owns the conformance checks of offers and resources: C21 to C33 and C39 of the reference, section 21.
 * SPDX-License-Identifier: Apache-2.0
 */
import { formatResources, type Offer } from "@mr-redis/mesos";
import { pause, until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  ports,
  scalar,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testFramework,
  testTask,
} from "./harness.js";

const tickMs = 100;
let local: TestLocal;
let one: TestScheduler;
beforeAll(async () => {
  local = await startTestLocal({ allocationIntervalMs: tickMs });
});
beforeEach(async () => {
  one = await new TestScheduler(local.url).subscribe();
});
afterEach(() => one.teardown(local));
afterAll(() => local.end());

const decline = (offers: readonly Offer[], refuseSeconds?: number) =>
  one.call({
    type: "DECLINE",
    decline: {
      offer_ids: offers.map((offer) => offer.id),
      ...(refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } }),
    },
  });

test("C21: each agent is offered exactly once, whole and allocated to the role", async () => {
  const offers = await one.offers(2);
  expect(offers).toHaveLength(2);
  const [first] = [...offers].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  const agent = local.agents[0];
  const allocation_info = { role: "check" };
  expect(first).toEqual({
    id: { value: expect.stringMatching(new RegExp(`^${local.masterId}-O\\d+$`)) },
    framework_id: { value: one.frameworkId },
    agent_id: { value: agent?.id },
    hostname: "agent-1",
    url: {
      scheme: "http",
      address: { hostname: "agent-1", ip: "127.0.0.1", port: agent?.port },
      path: "/slave(1)",
    },
    resources: [
      {
        name: "ports",
        type: "RANGES",
        ranges: { range: [{ begin: 31_000, end: 31_049 }] },
        allocation_info,
      },
      { name: "cpus", type: "SCALAR", scalar: { value: 4 }, allocation_info },
      { name: "mem", type: "SCALAR", scalar: { value: 2048 }, allocation_info },
      { name: "disk", type: "SCALAR", scalar: { value: 10_240 }, allocation_info },
    ],
    allocation_info,
  });
});

test("C22: declined without filters an agent stays away for 5 s", async () => {
  const startMs = performance.now();
  await decline(await one.offers(2));
  const again = await one.offers(2);
  expect(again).toHaveLength(2);
  expect(performance.now() - startMs).toBeGreaterThan(5_000);
});

test("C23: declined with 0 it is offered on the next tick under a new id", async () => {
  const offers = await one.offers(2);
  await decline(offers, 0);
  const again = await one.offers(2);
  const ids = new Set(offers.map((offer) => offer.id.value));
  expect(again.filter((offer) => ids.has(offer.id.value))).toEqual([]);
});

test("C24: REVIVE clears filters and offers at once, whatever the tick", async () => {
  const slow = await startTestLocal({ allocationIntervalMs: 3_600_000 });
  const other = await new TestScheduler(slow.url).subscribe();
  const offers = await other.offers(2);
  await other.call({
    type: "DECLINE",
    decline: { offer_ids: offers.map(({ id }) => id), filters: { refuse_seconds: 3_600 } },
  });
  const startMs = performance.now();
  await pause(3 * tickMs);
  expect(other.offersSince(startMs)).toEqual([]);
  await other.call({ type: "REVIVE" });
  expect(await other.offers(2)).toHaveLength(2);
  other.close();
  await slow.end();
});

test("C25, C26: SUPPRESS stops offers; a REVIVE with a foreign role does nothing", async () => {
  const offers = await one.offers(2);
  await one.call({ type: "SUPPRESS" });
  const startMs = performance.now();
  await decline(offers, 0);
  expect((await one.call({ type: "REVIVE", revive: { roles: ["check", "other"] } })).status).toBe(
    202,
  );
  await pause(5 * tickMs);
  expect(one.offersSince(startMs)).toEqual([]);
  await one.call({ type: "REVIVE", revive: { roles: ["check"] } });
  expect(await one.offers(2)).toHaveLength(2);
});

test("C27: a bundle larger than the refused one passes the filter", async () => {
  const [a, b] = await one.offers(2);
  if (a === undefined || b === undefined) throw new Error("two offers");
  await decline([b], 3_600);
  await one.accept(a, [testTask(a, "t-27")], { refuse_seconds: 0 });
  const rest = await one.offer();
  await decline([rest], 3_600);
  await one.update("t-27", "TASK_RUNNING");
  await one.call({ type: "KILL", kill: { task_id: { value: "t-27" } } });
  await one.update("t-27", "TASK_KILLED");
  expect((await one.offer()).agent_id).toEqual(a.agent_id);
});

test("C28: a DECLINE of an unknown offer is taken silently", async () => {
  expect(
    (await one.call({ type: "DECLINE", decline: { offer_ids: [{ value: "O-no" }] } })).status,
  ).toBe(202);
});

test("C29, C30: the remainder of an ACCEPT is exact, and stays away for 5 s without filters", async () => {
  const [a, b] = await one.offers(2);
  if (a === undefined || b === undefined) throw new Error("two offers");
  const begin = a.resources?.find((one) => one.name === "ports")?.ranges?.range?.[0]?.begin ?? 0;
  const resources = [scalar("cpus", 0.3), scalar("mem", 100), ports(begin + 1, begin + 5)];
  await decline([b], 3_600);
  await one.accept(a, [testTask(a, "t-30", { resources })], { refuse_seconds: 0 });
  const rest = await one.offer();
  expect(rest.executor_ids).toEqual([{ value: "ex-t-30" }]);
  expect(formatResources(rest.resources ?? [])).toBe(
    `ports(allocated: check):[${begin}-${begin}, ${begin + 2}-${begin + 4}, ${begin + 6}-${begin + 49}]; cpus(allocated: check):3.6; mem(allocated: check):1916; disk(allocated: check):10240`,
  );
  const startMs = performance.now();
  const more = testTask(rest, "t-29", { executorId: "ex-t-30" });
  const executor = testTask(rest, "t-30", { executorId: "ex-t-30" }).executor;
  await one.accept(rest, [{ ...more, ...(executor === undefined ? {} : { executor }) }]);
  const later = await one.offer();
  expect(performance.now() - startMs).toBeGreaterThan(5_000);
  expect(formatResources(later.resources ?? [])).toContain("cpus(allocated: check):3.5");
});

test("C31, C32, C33: one bad offer spoils the ACCEPT, and the good ones come back at once", async () => {
  const [a, b] = await one.offers(2);
  if (a === undefined || b === undefined) throw new Error("two offers");
  const accept = (ids: readonly { value: string }[], taskId: string) =>
    one.call({
      type: "ACCEPT",
      accept: {
        offer_ids: ids,
        operations: [{ type: "LAUNCH", launch: { task_infos: [testTask(a, taskId)] } }],
        filters: { refuse_seconds: 3_600 },
      },
    });
  const dropped = (message: string) => ({
    state: "TASK_DROPPED",
    reason: "REASON_INVALID_OFFERS",
    source: "SOURCE_MASTER",
    message: `Task launched with invalid offers: ${message}`,
  });
  await accept([a.id, { value: "O-x" }], "t-32");
  const status = await one.update("t-32");
  expect(status).toMatchObject(dropped("Offer O-x is no longer valid"));
  expect(status.uuid).toBeUndefined();
  const a2 = await one.offer();
  expect(a2.agent_id).toEqual(a.agent_id);
  await accept([a.id], "t-31");
  expect(await one.update("t-31")).toMatchObject(dropped(`Offer ${a.id.value} is no longer valid`));
  await accept([a2.id, a2.id], "t-dup");
  expect(await one.update("t-dup")).toMatchObject(
    dropped(`Duplicate offer ${a2.id.value} in offer list`),
  );
  const a3 = await one.offer();
  await accept([a3.id, b.id], "t-33");
  expect((await one.update("t-33")).reason).toBe("REASON_INVALID_OFFERS");
  await accept([], "t-none");
  expect(await one.update("t-none")).toMatchObject(dropped("No offers specified"));
  expect(await one.offers(2)).toHaveLength(2);
});

test("C39: 20 tasks in one LAUNCH, ports one by one", async () => {
  const [a, b] = await one.offers(2);
  if (a === undefined || b === undefined) throw new Error("two offers");
  await decline([b], 3_600);
  const begin = a.resources?.find((one) => one.name === "ports")?.ranges?.range?.[0]?.begin ?? 0;
  const tasks = Array.from({ length: 20 }, (_, index) =>
    testTask(a, `t-39-${index}`, {
      executorId: "ex-39",
      resources: [scalar("cpus", 0.05), scalar("mem", 10), ports(begin + 2 * index)],
    }),
  );
  await one.accept(a, tasks, { refuse_seconds: 0 });
  await until(
    () =>
      one.events.filter(({ event }) => event.update?.status.state === "TASK_RUNNING").length === 20,
    { what: "20 running tasks" },
  );
  const rest = await one.offer();
  const range = rest.resources?.find((resource) => resource.name === "ports")?.ranges?.range ?? [];
  expect(range).toEqual([
    ...Array.from({ length: 19 }, (_, index) => ({
      begin: begin + 2 * index + 1,
      end: begin + 2 * index + 1,
    })),
    { begin: begin + 39, end: begin + 49 },
  ]);
});

test("a framework without capabilities sees the old form", async () => {
  await decline(await one.offers(2), 3_600);
  const { roles: _roles, capabilities: _capabilities, ...plain } = testFramework;
  const other = await new TestScheduler(local.url, plain).subscribe();
  const offer = await other.offer();
  expect(offer.allocation_info).toBeUndefined();
  expect(offer.resources?.find(({ name }) => name === "cpus")).toEqual({
    name: "cpus",
    type: "SCALAR",
    scalar: { value: 4 },
    role: "*",
  });
  await other.call({ type: "TEARDOWN" });
  other.close();
});

test("a broken stream is noticed and its offers go to the next framework", async () => {
  await one.offers(2);
  one.drop();
  const other = await new TestScheduler(local.url).subscribe();
  expect(await other.offers(2)).toHaveLength(2);
  await other.teardown(local);
  await one.subscribe();
});
