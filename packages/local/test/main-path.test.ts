/**
 * Owns the check of the main path: subscribe, offers, launch, updates, acknowledge, message, kill.
 * SPDX-License-Identifier: Apache-2.0
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  nextNote,
  sandboxOf,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testTask,
} from "./harness.js";

let local: TestLocal;
beforeAll(async () => {
  local = await startTestLocal();
});
afterAll(() => local.end());

test("a task is launched, runs, answers a message and is killed", async () => {
  const scheduler = await new TestScheduler(local.url).subscribe();
  const offer = await scheduler.offer();
  const task = testTask(offer, "t-1");
  expect((await scheduler.accept(offer, [task])).status).toBe(202);
  expect(await scheduler.update("t-1")).toMatchObject({ state: "TASK_STARTING" });
  const running = await scheduler.update("t-1");
  expect(running).toMatchObject({
    state: "TASK_RUNNING",
    source: "SOURCE_EXECUTOR",
    agent_id: offer.agent_id,
    container_status: {
      container_id: { value: expect.any(String) },
      network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "127.0.0.1" }] }],
      executor_pid: expect.any(Number),
    },
  });
  expect(running.executor_id).toBeUndefined();

  await scheduler.message(offer.agent_id.value, "ex-t-1", { do: "echo", text: "there" });
  const echo = await scheduler.next((event) => event.type === "MESSAGE", "the echo");
  expect(echo.message).toEqual({
    agent_id: offer.agent_id,
    executor_id: { value: "ex-t-1" },
    data: Buffer.from("echo there").toString("base64"),
  });

  await scheduler.call({
    type: "KILL",
    kill: {
      task_id: { value: "t-1" },
      agent_id: offer.agent_id,
      kill_policy: { grace_period: { nanoseconds: 7_000_000_000 } },
    },
  });
  const kill = await nextNote(
    sandboxOf(local, offer, "ex-t-1"),
    (note) => note.event?.type === "KILL",
    "KILL",
  );
  expect(kill.event?.kill).toEqual({
    task_id: { value: "t-1" },
    kill_policy: { grace_period: { nanoseconds: 7_000_000_000 } },
  });
  expect(await scheduler.update("t-1")).toMatchObject({ state: "TASK_KILLING" });
  expect(await scheduler.update("t-1")).toMatchObject({
    state: "TASK_KILLED",
    source: "SOURCE_EXECUTOR",
  });
  scheduler.close();
});
