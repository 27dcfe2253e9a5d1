/**
 * Owns the conformance checks of reservations and persistent volumes: C34 to C38 of the reference, section 21.
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { equalResources, type Offer, type Resource, type TaskInfo } from "@mr-redis/mesos";
import { until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  sandboxOf,
  scalar,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testTask,
} from "./harness.js";

let local: TestLocal;
let one: TestScheduler;
let first: Offer;
beforeAll(async () => {
  local = await startTestLocal({ allocationIntervalMs: 50, agentsCount: 1 });
});
beforeEach(async () => {
  one = await new TestScheduler(local.url).subscribe();
  first = await one.offer();
});
afterEach(() => one.teardown(local));
afterAll(() => local.end());

const reservation = {
  type: "DYNAMIC",
  role: "check",
  principal: "check",
  labels: { labels: [{ key: "instance", value: "kv-0" }] },
} as const;
const reserved = (resource: Resource): Resource => ({ ...resource, reservations: [reservation] });
const cpus = reserved(scalar("cpus", 0.2));
const mem = reserved(scalar("mem", 64));
const disk = reserved(scalar("disk", 64));
const volume: Resource = {
  ...disk,
  disk: {
    persistence: { id: "vol-1", principal: "check" },
    volume: { container_path: "data", mode: "RW" },
  },
};

const accept = (offer: Offer, operations: readonly unknown[]) =>
  one.call({
    type: "ACCEPT",
    accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
  } as never);

/** A task whose executor is a script that uses the volume. */
function scriptTask(taskId: string, script: string): TaskInfo {
  const task = testTask(first, taskId, {
    resources: [mem],
    command: { value: script },
    graceMs: 50,
  });
  if (task.executor === undefined) return task;
  return { ...task, executor: { ...task.executor, resources: [cpus, volume] } };
}

test("C37: a RESERVE with a foreign principal vanishes, with an id it is answered", async () => {
  const wrong = { ...cpus, reservations: [{ ...reservation, principal: "somebody" }] };
  await accept(first, [
    { type: "RESERVE", reserve: { resources: [wrong] } },
    { type: "RESERVE", id: { value: "op-1" }, reserve: { resources: [wrong] } },
  ]);
  const answer = await one.next((event) => event.type === "UPDATE_OPERATION_STATUS", "an answer");
  expect(answer.update_operation_status?.status).toMatchObject({
    operation_id: { value: "op-1" },
    state: "OPERATION_ERROR",
  });
  expect(equalResources((await one.freshOffer()).resources ?? [], first.resources ?? [])).toBe(
    true,
  );
});

test("C34: what was reserved is offered with its labels, whatever the filter says", async () => {
  const operations = [{ type: "RESERVE", id: { value: "op-2" }, reserve: { resources: [cpus] } }];
  await one.call({
    type: "ACCEPT",
    accept: { offer_ids: [first.id], operations, filters: { refuse_seconds: 3_600 } },
  } as never);
  // The offer may come before the feedback or after it.
  const feedback = () =>
    one.events.find(({ event }) => event.type === "UPDATE_OPERATION_STATUS")?.event;
  await until(() => feedback() !== undefined, { what: "feedback" });
  const status = feedback()?.update_operation_status?.status;
  expect(status).toEqual({
    operation_id: { value: "op-2" },
    state: "OPERATION_FINISHED",
    agent_id: first.agent_id,
    uuid: { value: expect.any(String) },
  });
  const { uuid = { value: "" }, operation_id = { value: "" } } = status ?? {};
  await one.call({
    type: "ACKNOWLEDGE_OPERATION_STATUS",
    acknowledge_operation_status: { agent_id: first.agent_id, uuid: uuid.value, operation_id },
  });
  const offer = await one.offer();
  expect(offer.resources?.find((resource) => resource.reservations !== undefined)).toEqual({
    ...cpus,
    allocation_info: { role: "check" },
  });
  await accept(offer, [{ type: "UNRESERVE", unreserve: { resources: [cpus] } }]);
  expect(equalResources((await one.freshOffer()).resources ?? [], first.resources ?? [])).toBe(
    true,
  );
});

test("C35, C36, C38: reserve, create and launch in one ACCEPT; data stays; destroy gives all back", async () => {
  await accept(first, [
    { type: "RESERVE", reserve: { resources: [cpus, mem, disk] } },
    { type: "CREATE", create: { volumes: [volume] } },
    {
      type: "LAUNCH",
      launch: { task_infos: [scriptTask("t-35", "echo one >> data/file; exec sleep 60")] },
    },
  ]);
  const file = join(sandboxOf(local, first, "ex-t-35"), "data", "file");
  await until(() => existsSync(file), { what: "the file in the volume" });
  const shutdown = (executorId: string) =>
    one.call({
      type: "SHUTDOWN",
      shutdown: { executor_id: { value: executorId }, agent_id: first.agent_id },
    });
  /** The task's resources are free, and those of its executor. */
  const ended = async (taskId: string) => {
    await one.update(taskId, "TASK_FAILED");
    await one.next((event) => event.type === "FAILURE", "FAILURE");
  };
  await shutdown("ex-t-35");
  await ended("t-35");

  const again = await one.freshOffer();
  expect(again.resources?.find((resource) => resource.disk !== undefined)).toEqual({
    ...volume,
    allocation_info: { role: "check" },
  });
  const task = scriptTask("t-36", "echo two >> data/file; exec sleep 60");
  await accept(again, [{ type: "LAUNCH", launch: { task_infos: [task] } }]);
  const next = join(sandboxOf(local, first, "ex-t-36"), "data", "file");
  await until(() => existsSync(next) && readFileSync(next, "utf8") === "one\ntwo\n", {
    what: "both lines in the volume",
  });
  await shutdown("ex-t-36");
  await ended("t-36");

  const last = await one.freshOffer();
  await accept(last, [
    { type: "DESTROY", destroy: { volumes: [volume] } },
    { type: "UNRESERVE", unreserve: { resources: [cpus, mem, disk] } },
  ]);
  expect(equalResources((await one.freshOffer()).resources ?? [], first.resources ?? [])).toBe(
    true,
  );
  expect(existsSync(next)).toBe(false);
});
