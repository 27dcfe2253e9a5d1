/**
 * Owns the checks of a restart of the program after kill -9: who goes on, who is ended, what the scheduler hears (C60).
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Offer, SchedulerEvent } from "@mr-redis/mesos";
import { freePort, isAlive, killProcess, until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { readAgentRecord } from "../src/shell/agent-file.js";
import {
  nextNote,
  notesIn,
  sandboxOf,
  type TestLocal,
  TestScheduler,
  tellToSubscribe,
  testFramework,
  testTask,
} from "./harness.js";
import { type Launched, ProgramFolder, type Ready } from "./program.js";

const programs = new ProgramFolder();
beforeAll(() => programs.build());
afterAll(() => programs.remove());

let count = 0;
let workDir = "";
/** Of the agent: a port out of the kernel's own range cannot be somebody else's after the kill. */
let agentPort = 0;
let first: Launched & { readonly ready: Ready };
/** What runs now on the work directory. */
let current: Launched;
let one: TestScheduler;
const flags = (): string[] => [
  ...["--work-dir", workDir, "--close-grace", "0s", "--agent-port", String(agentPort)],
  ...["--executor-reregistration-timeout", "1s"],
];
/** For executors that come back: more than the busiest machine needs. */
const patient = ["--executor-reregistration-timeout", "4s"];
beforeEach(async () => {
  count += 1;
  workDir = `w${count}`;
  agentPort = await freePort();
  await begin([]);
});
afterEach(async () => {
  one.close();
  // A clean end: nothing may be left.
  current.child.kill("SIGTERM");
  await current.ended;
  await programs.end();
});

async function begin(more: readonly string[]): Promise<void> {
  first = await programs.start([...flags(), ...more]);
  current = first;
  one = await new TestScheduler(`http://127.0.0.1:${first.ready.port}`).subscribe();
}

/** Comes back each 100 ms; makes an update while nobody listens. */
const returning = {
  resubscribeMs: 100,
  whileAway: [{ task: "t", state: "TASK_RUNNING", more: { message: "made while away" } }],
};

interface Run {
  readonly offer: Offer;
  readonly sandbox: string;
  readonly pid: number;
}

/** Starts an executor with one task, which is acknowledged as running. */
async function run(taskId: string, plan: unknown): Promise<Run> {
  const offer = await one.freshOffer();
  await one.accept(offer, [testTask(offer, taskId, { plan, graceMs: 0 })]);
  await one.update(taskId, "TASK_RUNNING");
  const { agents } = first.ready;
  const sandbox = sandboxOf({ agents } as TestLocal, offer, `ex-${taskId}`);
  const { pid = 0 } = await nextNote(sandbox, ({ type }) => type === "started", "the executor");
  await until(() => isAcknowledged(), { what: "the agent's record" });
  return { offer, sandbox, pid };
}

const agentDir = (): string => first.ready.agents[0]?.workDir ?? "";
const recordFile = (): string => join(agentDir(), "meta", "agent.jsonl");

/** True when the record knows a task as running and has no update left to deliver, or (without checkpoint) no task. */
function isAcknowledged(): boolean {
  const record = readAgentRecord(agentDir());
  if (record === null) return false;
  const executors = record.frameworks.flatMap((framework) => framework.executors);
  const states = executors.flatMap(({ tasks }) => tasks.map(({ state }) => state));
  const open = record.updates.flatMap(({ pending }) => pending);
  return open.length === 0 && states.every((one) => one === "TASK_RUNNING");
}

/** kill -9 and a start on the same directory; the scheduler comes back with its id. */
async function restart(more: readonly string[] = []) {
  await killProcess(current.child.pid ?? 0);
  one.close();
  const second = await programs.start([...flags(), ...more]);
  current = second;
  const again = new TestScheduler(`http://127.0.0.1:${second.ready.port}`);
  again.frameworkId = one.frameworkId;
  await again.subscribe();
  one = again;
  return second;
}

const reconciled = (event: SchedulerEvent, taskId: string): boolean =>
  event.update?.status.task_id.value === taskId &&
  event.update.status.reason === "REASON_RECONCILIATION";

/** Asks for the task until there is an answer: none comes while its agent recovers. */
async function reconcile(taskId: string, agentId: string): Promise<string> {
  for (;;) {
    const tasks = [{ task_id: { value: taskId }, agent_id: { value: agentId } }];
    await one.call({ type: "RECONCILE", reconcile: { tasks } });
    const answer = await one
      .next((event) => reconciled(event, taskId), "an answer", 200)
      .catch(() => null);
    if (answer !== null) return answer.update?.status.state ?? "";
  }
}

const updatesOf = (taskId: string) =>
  one.events.flatMap(({ event }) => {
    const status = event.update?.status;
    return status?.task_id.value === taskId && status.uuid !== undefined ? [status] : [];
  });

test("C60: an executor that comes back goes on; its update of meanwhile is delivered once", async () => {
  const { offer, pid, sandbox } = await run("t", returning);
  // An agent that may take any port takes the one that its executors know.
  const second = await restart([...patient, "--agent-port", "0"]);
  expect(second.ready.agents).toEqual(first.ready.agents);
  const status = await one.update("t");
  expect(status).toMatchObject({ message: "made while away", source: "SOURCE_EXECUTOR" });
  expect(await reconcile("t", offer.agent_id.value)).toBe("TASK_RUNNING");
  expect(updatesOf("t").map(({ state, message }) => [state, message])).toEqual([
    ["TASK_RUNNING", "made while away"],
  ]);
  expect(isAlive(pid)).toBe(true);
  const launches = () => notesIn(sandbox).filter(({ event }) => event?.type === "LAUNCH").length;
  expect(launches()).toBe(1);
  // Launching, killing and the end of the adopted executor are as before.
  const rest = await one.freshOffer();
  await one.accept(rest, [
    testTask(rest, "t-2", { executorId: "ex-t", plan: returning, graceMs: 0 }),
  ]);
  await one.update("t-2", "TASK_RUNNING");
  expect(launches()).toBe(2);
  await one.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  await one.update("t", "TASK_KILLED");
  await killProcess(pid);
  const failure = await one.next((event) => event.type === "FAILURE", "FAILURE");
  expect(failure.failure?.status).toBe(-1);
  expect(await one.update("t-2")).toMatchObject({
    state: "TASK_FAILED",
    reason: "REASON_EXECUTOR_TERMINATED",
  });
});

test("calls are refused with 503 until recovery is over, SUBSCRIBE is not", async () => {
  const { sandbox } = await run("t", { resubscribeMs: 50 });
  await killProcess(first.child.pid ?? 0);
  const second = await programs.start([...flags(), "--executor-reregistration-timeout", "15s"]);
  current = second;
  await nextNote(sandbox, ({ number, type }) => type === "event" && number === 2, "SUBSCRIBED");
  const agent = second.ready.agents[0];
  const answer = await fetch(`http://${agent?.ip}:${agent?.port}/api/v1/executor`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      type: "MESSAGE",
      framework_id: { value: one.frameworkId },
      executor_id: { value: "ex-t" },
      message: { data: "" },
    }),
  });
  expect([answer.status, await answer.text()]).toEqual([503, "Agent has not finished recovery"]);
});

test("an executor that does not come back is destroyed with all it started, then its task is gone", async () => {
  const { offer, pid, sandbox } = await run("t", { exitOnClose: false });
  await one.message(offer.agent_id.value, "ex-t", {
    do: "spawn",
    file: "sleep",
    args: ["81"],
    detached: true,
  });
  const { pid: child = 0 } = await nextNote(sandbox, ({ type }) => type === "spawned", "the child");
  await restart();
  expect([pid, child].map(isAlive)).toEqual([true, true]);
  const status = await one.update("t");
  expect(status).toMatchObject({
    state: "TASK_GONE",
    reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    source: "SOURCE_AGENT",
    message: "Executor did not reregister within 1secs",
    uuid: expect.any(String),
  });
  expect([pid, child].map(isAlive)).toEqual([false, false]);
  const fresh = await one.freshOffer();
  expect(fresh.agent_id).toEqual(offer.agent_id);
  await one.accept(fresh, [testTask(fresh, "t", { executorId: "ex-2" })]);
  await one.update("t", "TASK_RUNNING");
});

test("an executor that died meanwhile: its task failed, and nothing waits for it", async () => {
  const { pid, sandbox, offer } = await run("t", returning);
  await one.message(offer.agent_id.value, "ex-t", {
    do: "spawn",
    file: "sleep",
    args: ["82"],
    detached: true,
  });
  const { pid: child = 0 } = await nextNote(sandbox, ({ type }) => type === "spawned", "the child");
  await killProcess(first.child.pid ?? 0);
  await killProcess(pid);
  await restart();
  expect(isAlive(child)).toBe(false);
  expect(await one.update("t")).toMatchObject({
    state: "TASK_FAILED",
    reason: "REASON_EXECUTOR_TERMINATED",
    message: "Executor terminated",
  });
});

test("an update that was not acknowledged by the scheduler comes again with its uuid", async () => {
  one.acknowledges = false;
  const offer = await one.freshOffer();
  await one.accept(offer, [testTask(offer, "t", { plan: { resubscribeMs: 100 }, graceMs: 0 })]);
  const before = await one.update("t", "TASK_STARTING");
  await restart(patient);
  const states = [await one.update("t"), await one.update("t")];
  expect(states.map(({ state }) => state)).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
  expect(states[0]?.uuid).toBe(before.uuid);
});

test("a launch that never reached its executor is dropped", async () => {
  const plan = { resubscribeMs: 100, subscribeWhenTold: true };
  const offer = await one.freshOffer();
  await one.accept(offer, [testTask(offer, "t", { plan, graceMs: 0 })]);
  const { agents } = first.ready;
  const sandbox = sandboxOf({ agents } as TestLocal, offer, "ex-t");
  await nextNote(sandbox, ({ type }) => type === "started", "the executor");
  await restart(patient);
  tellToSubscribe(sandbox);
  expect(await one.update("t")).toMatchObject({
    state: "TASK_DROPPED",
    reason: "REASON_AGENT_RESTARTED",
    message: "Task launched during agent restart",
  });
});

test("the record stands before the LAUNCH: every task that an executor got is known after the kill", async () => {
  const offer = await one.freshOffer();
  const names = Array.from({ length: 20 }, (_, index) => `n-${index}`);
  const resources = [{ name: "cpus", type: "SCALAR", scalar: { value: 0.01 } }] as const;
  const plan = { resubscribeMs: 100, onLaunch: "nothing" };
  const tasks = names.map((name) =>
    testTask(offer, name, { executorId: "ex", plan, resources, graceMs: 0 }),
  );
  await one.accept(offer, tasks);
  const { agents } = first.ready;
  const sandbox = sandboxOf({ agents } as TestLocal, offer, "ex");
  const launched = () =>
    notesIn(sandbox).flatMap(({ event }) =>
      event?.type === "LAUNCH" ? [event.launch?.task.task_id.value ?? ""] : [],
    );
  await until(() => launched().length > 0, { intervalMs: 1, what: "the first LAUNCH" });
  await restart(patient);
  for (const name of launched()) {
    expect(await reconcile(name, offer.agent_id.value)).toBe("TASK_STAGING");
  }
});

test.each([
  ["cut in its first line", (text: string) => text.slice(0, 100)],
  ["damaged", (text: string) => text.replaceAll('"set"', '"set')],
  ["empty", () => ""],
])(
  "a record that is %s: the same agent, its executors ended, their tasks gone",
  async (_name, tear) => {
    const { pid, offer } = await run("t", returning);
    await killProcess(first.child.pid ?? 0);
    writeFileSync(recordFile(), tear(readFileSync(recordFile(), "utf8")));
    const second = await restart();
    expect(isAlive(pid)).toBe(false);
    expect(second.ready.agents[0]?.id).toBe(offer.agent_id.value);
    expect(await reconcile("t", offer.agent_id.value)).toBe("TASK_GONE");
  },
);

test.each([
  ["other resources", ["--agent-disk", "5000"]],
  ["fewer agents' ports", ["--ports", "31000-31050"]],
])("%s: executors are ended, their tasks gone", async (_name, more) => {
  const { pid } = await run("t", returning);
  await restart(more);
  expect(isAlive(pid)).toBe(false);
  expect(await one.update("t")).toMatchObject({
    state: "TASK_GONE",
    reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
  });
});

test("with --exit-with-parent executors go on under the same parent only", async () => {
  one.close();
  first.child.kill("SIGTERM");
  await first.ended;
  await begin(["--exit-with-parent"]);
  const { pid, offer } = await run("t", { resubscribeMs: 100 });
  await restart(["--exit-with-parent", ...patient]);
  expect(await reconcile("t", offer.agent_id.value)).toBe("TASK_RUNNING");
  expect(isAlive(pid)).toBe(true);
  await restart();
  expect(isAlive(pid)).toBe(false);
  expect(await one.update("t")).toMatchObject({ state: "TASK_GONE" });
});

test("a framework that does not checkpoint loses its executors", async () => {
  one.close();
  one = new TestScheduler(`http://127.0.0.1:${first.ready.port}`, {
    ...testFramework,
    checkpoint: false,
  });
  await one.subscribe();
  const { pid, offer } = await run("t", { exitOnClose: false });
  await restart();
  expect(isAlive(pid)).toBe(false);
  expect(await reconcile("t", offer.agent_id.value)).toBe("TASK_GONE");
});

test("SIGTERM while it recovers ends the executors that it took over", async () => {
  const { pid } = await run("t", returning);
  await killProcess(first.child.pid ?? 0);
  const second = programs.launch(["--port", "0", "--agents", "1", ...flags(), ...patient]);
  current = second;
  await until(() => second.said().includes("executors of a killed run"), { what: "recovery" });
  second.child.kill("SIGTERM");
  expect(await second.ended).toBe(0);
  expect(isAlive(pid)).toBe(false);
  const records = join(agentDir(), "meta", "containers");
  expect(readdirSync(records)).toEqual([]);
});

test("an agent that is not started any more is gone for good, over every later start", async () => {
  one.close();
  first.child.kill("SIGTERM");
  await first.ended;
  const two = ["--agents", "2", "--agent-port", "0"];
  await begin(two);
  const hostOf = (ready: Ready, hostname: string) =>
    ready.agents.find((agent) => agent.hostname === hostname)?.id;
  const lostId = hostOf(first.ready, "agent-2") ?? "";
  const offer = await one.freshOffer(lostId);
  await one.accept(offer, [testTask(offer, "t", { plan: returning, graceMs: 0 })]);
  await one.update("t", "TASK_RUNNING");
  const { agents } = first.ready;
  const sandbox = sandboxOf({ agents } as TestLocal, offer, "ex-t");
  const { pid = 0 } = await nextNote(sandbox, ({ type }) => type === "started", "the executor");
  const gone = "gone for good";
  const second = await restart();
  expect(isAlive(pid)).toBe(false);
  expect(second.said()).toContain(gone);
  expect(await reconcile("t", lostId)).toBe("TASK_GONE_BY_OPERATOR");
  const third = await restart();
  expect(third.said()).not.toContain(gone);
  expect(await reconcile("t", lostId)).toBe("TASK_GONE_BY_OPERATOR");
  const fourth = await restart(two);
  expect(hostOf(fourth.ready, "agent-2")).not.toBe(lostId);
  expect(await reconcile("t", lostId)).toBe("TASK_GONE_BY_OPERATOR");
});
