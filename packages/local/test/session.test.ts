/**
 * Owns the conformance checks of the scheduler's session: C04 to C20 of the reference, section 21 (what the
 * recorded answers do not cover already).
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  postJson,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testFramework,
} from "./harness.js";

let local: TestLocal;
const open: TestScheduler[] = [];
beforeAll(async () => {
  local = await startTestLocal({ heartbeatIntervalMs: 400, allocationIntervalMs: 100 });
});
afterEach(() => {
  for (const scheduler of open.splice(0)) scheduler.close();
});
afterAll(() => local.end());

const scheduler = (info = testFramework) => {
  const one = new TestScheduler(local.url, info);
  open.push(one);
  return one;
};
const subscribeCall = (info: unknown, more = {}) =>
  ({ type: "SUBSCRIBE", subscribe: { framework_info: info }, ...more }) as const;

test("C05: a SUBSCRIBE without user names the missing field", async () => {
  const { user: _user, ...info } = testFramework;
  const answer = await postJson(`${local.url}/api/v1/scheduler`, subscribeCall(info));
  expect(answer).toMatchObject({
    status: 400,
    text: "Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info.user",
  });
});

test("C08, C11: SUBSCRIBED, a HEARTBEAT at once, then one each interval", async () => {
  const startMs = performance.now();
  const one = await scheduler().subscribe();
  await until(() => one.events.filter(({ event }) => event.type === "HEARTBEAT").length >= 3, {
    what: "three heartbeats",
  });
  expect(one.status).toBe(200);
  expect(one.headers["content-type"]).toBe("application/json");
  expect(one.streamId).toMatch(/^[0-9a-f-]{36}$/);
  expect(one.events[0]?.event).toEqual({
    type: "SUBSCRIBED",
    subscribed: {
      framework_id: { value: expect.stringMatching(new RegExp(`^${local.masterId}-\\d{4}$`)) },
      heartbeat_interval_seconds: 0.4,
      master_info: {
        id: local.masterId,
        ip: 16777343,
        port: local.port,
        pid: `master@127.0.0.1:${local.port}`,
        hostname: "127.0.0.1",
        version: "1.11.0",
        address: { hostname: "127.0.0.1", ip: "127.0.0.1", port: local.port },
        capabilities: [{ type: "AGENT_UPDATE" }, { type: "AGENT_DRAINING" }, { type: "QUOTA_V2" }],
      },
    },
  });
  expect(one.events[1]?.event).toEqual({ type: "HEARTBEAT" });
  const beats = one.events
    .filter(({ event }) => event.type === "HEARTBEAT")
    .map(({ atMs }) => atMs);
  // Late ones are the machine's fault; an early one would be ours.
  expect((beats[2] ?? 0) - startMs).toBeGreaterThan(2 * 400 - 20);
  const slow = await startTestLocal({ heartbeatIntervalMs: 3_600_000, agentsCount: 1 });
  const other = await new TestScheduler(slow.url).subscribe();
  await other.next((event) => event.type === "HEARTBEAT", "the first HEARTBEAT");
  other.close();
  await slow.end();
});

test("C12, C13: calls without, with a wrong stream id, and for an unknown framework", async () => {
  const one = await scheduler().subscribe();
  const decline = { type: "DECLINE", decline: { offer_ids: [] } } as const;
  expect(await one.call(decline, "")).toMatchObject({
    status: 400,
    text: "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
  });
  expect(await one.call(decline, "x")).toMatchObject({
    status: 400,
    text: `The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID ${one.frameworkId}`,
  });
  expect(await one.call({ ...decline, framework_id: { value: "never" } })).toMatchObject({
    status: 400,
    text: "Framework cannot be found",
  });
  expect(await one.call(decline)).toMatchObject({ status: 202, text: "" });
});

test("C14: a broken stream means 403, and the session can be taken up again", async () => {
  const one = await scheduler().subscribe();
  const decline = { type: "DECLINE", decline: { offer_ids: [] } } as const;
  one.drop();
  await until(async () => (await one.call(decline)).status === 403, { what: "403" });
  expect((await one.call(decline)).text).toBe("Framework is not subscribed");
  const id = one.frameworkId;
  await one.subscribe();
  expect(one.frameworkId).toBe(id);
  expect((await one.call(decline)).status).toBe(202);
});

test("C15: two different ids in a SUBSCRIBE", async () => {
  const info = { ...testFramework, id: { value: "a" } };
  const call = subscribeCall(info, { framework_id: { value: "b" } });
  expect(await postJson(`${local.url}/api/v1/scheduler`, call)).toMatchObject({
    status: 400,
    text: "Failed to validate scheduler::Call: 'framework_id' differs from 'subscribe.framework_info.id'",
  });
});

test.each([
  [
    { roles: ["a//b"] },
    "'FrameworkInfo.roles' contains invalid role: Role 'a//b' cannot contain two adjacent slashes",
  ],
  [
    { roles: ["/bad"] },
    "'FrameworkInfo.roles' contains invalid role: Role '/bad' cannot start with a slash",
  ],
  [
    { roles: ["."] },
    "'FrameworkInfo.roles' contains invalid role: Role '.' cannot include '.' as a component",
  ],
  [{ roles: ["a", "a"] }, "'FrameworkInfo.roles' contains duplicate items: a"],
  [{ role: "a" }, "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"],
])("C16: a SUBSCRIBE with %j is 200, an ERROR, and the end", async (change, message) => {
  const one = scheduler({ ...testFramework, ...change });
  await one.subscribe();
  await until(() => one.isEnded, { what: "the end of the stream" });
  expect(one.status).toBe(200);
  expect(one.events.map(({ event }) => event)).toEqual([{ type: "ERROR", error: { message } }]);
});

test("C17: a second session with the same id ends the first", async () => {
  const first = await scheduler().subscribe();
  const oldStreamId = first.streamId;
  const second = scheduler();
  second.frameworkId = first.frameworkId;
  await second.subscribe();
  await until(() => first.isEnded, { what: "the end of the first stream" });
  expect(first.events.at(-1)?.event).toEqual({
    type: "ERROR",
    error: { message: "Framework failed over" },
  });
  expect(first.events.some(({ event }) => event.type === "RESCIND")).toBe(false);
  expect(second.frameworkId).toBe(first.frameworkId);
  expect(second.streamId).not.toBe(oldStreamId);
  const decline = { type: "DECLINE", decline: { offer_ids: [] } } as const;
  expect((await second.call(decline, oldStreamId)).status).toBe(400);
  expect((await second.call(decline)).status).toBe(202);
});

test("C18: after TEARDOWN the stream ends and the id is dead", async () => {
  const one = await scheduler().subscribe();
  expect((await one.call({ type: "TEARDOWN" })).status).toBe(202);
  await until(() => one.isEnded, { what: "the end of the stream" });
  expect(await one.call({ type: "TEARDOWN" })).toMatchObject({
    status: 400,
    text: "Framework cannot be found",
  });
  const count = one.events.length;
  await one.subscribe();
  await until(() => one.isEnded, { what: "the end of the second stream" });
  expect(one.events.slice(count).map(({ event }) => event)).toEqual([
    { type: "ERROR", error: { message: "Framework has been removed" } },
  ]);
});

test("C19: after the failover timeout the id is dead", async () => {
  const one = await scheduler({ ...testFramework, failover_timeout: 0.3 }).subscribe();
  one.drop();
  await until(
    async () => (await one.call({ type: "REVIVE" })).text === "Framework cannot be found",
    { what: "the removal of the framework" },
  );
  one.forget();
  await one.subscribe();
  expect(one.events.at(-1)?.event).toEqual({
    type: "ERROR",
    error: { message: "Framework has been removed" },
  });
});

test("C20: camelCase names are not there", async () => {
  const one = await scheduler().subscribe();
  const answer = await postJson(
    one.url,
    { type: "DECLINE", frameworkId: { value: one.frameworkId }, decline: { offer_ids: [] } },
    { "Mesos-Stream-Id": one.streamId },
  );
  expect(answer).toMatchObject({
    status: 400,
    text: "Failed to validate scheduler::Call: Expecting 'framework_id' to be present",
  });
});

test("an id that the master never heard of is adopted", async () => {
  const one = scheduler();
  one.frameworkId = "made-up-id";
  await one.subscribe();
  expect(one.events[0]?.event.subscribed?.framework_id).toEqual({ value: "made-up-id" });
});

test("UPDATE_FRAMEWORK is answered after its effect; user cannot change", async () => {
  const one = await scheduler().subscribe();
  const update = (info: unknown) =>
    one.call({ type: "UPDATE_FRAMEWORK", update_framework: { framework_info: info } } as never);
  const info = { ...testFramework, id: { value: one.frameworkId } };
  expect(await update({ ...info, name: "renamed" })).toMatchObject({ status: 200, text: "" });
  expect(await update({ ...info, user: "nobody" })).toMatchObject({
    status: 400,
    text: "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; attempted to update from 'root' to 'nobody'",
  });
});

test("a scheduler that cannot speak JSON streams gets 406, an unknown content type 415", async () => {
  const answer = await postJson(`${local.url}/api/v1/scheduler`, subscribeCall(testFramework), {
    Accept: "application/json;q=0",
  });
  expect(answer.status).toBe(406);
});
