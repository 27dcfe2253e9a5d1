/**
 * Owns the conformance checks of launching, updates, reconciliation and kill: C40 to C54 of the reference.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer } from "@mr-redis/mesos";
import { until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  nextNote,
  notesIn,
  sandboxOf,
  scalar,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  tellToSubscribe,
  testFramework,
  testTask,
} from "./harness.js";

let local: TestLocal;
let one: TestScheduler;
let a: Offer;
let b: Offer;
beforeAll(async () => {
  local = await startTestLocal({
    allocationIntervalMs: 50,
    updateRetryMs: 300,
  });
});
beforeEach(async () => {
  one = await new TestScheduler(local.url).subscribe();
  const [first, second] = await one.offers(2);
  if (first === undefined || second === undefined) throw new Error("two offers");
  a = first;
  b = second;
});
afterEach(() => one.teardown(local));
afterAll(() => local.end());

const agentOf = (offer: Offer) => local.agents.find((agent) => agent.id === offer.agent_id.value);
const invalid = (message: unknown) => ({
  state: "TASK_ERROR",
  reason: "REASON_TASK_INVALID",
  source: "SOURCE_MASTER",
  message,
});
const reconcile = (tasks: readonly unknown[]) =>
  one.call({ type: "RECONCILE", reconcile: { tasks } } as never);

test("C40: a task that asks too much fails, the next in the same LAUNCH runs", async () => {
  const big = testTask(a, "t-40", { resources: [scalar("cpus", 400), scalar("mem", 32)] });
  await one.accept(a, [big, testTask(a, "t-40b")]);
  expect(await one.update("t-40")).toMatchObject(
    invalid(
      "Total resources cpus(allocated: check):400.1; mem(allocated: check):64 required by task and its executor is more than available ports(allocated: check):[" +
        `${a.hostname === "agent-1" ? "31000-31049" : "31050-31099"}]` +
        "; cpus(allocated: check):4; mem(allocated: check):2048; disk(allocated: check):10240",
    ),
  );
  expect((await one.update("t-40b", "TASK_RUNNING")).source).toBe("SOURCE_EXECUTOR");
});

test("C41: the id of a running task is taken", async () => {
  await one.accept(a, [testTask(a, "t-41")]);
  await one.update("t-41", "TASK_RUNNING");
  await one.accept(b, [testTask(b, "t-41")]);
  expect(await one.update("t-41")).toMatchObject(invalid("Task has duplicate ID: t-41"));
  await reconcile([{ task_id: { value: "t-41" }, agent_id: a.agent_id }]);
  expect(await one.update("t-41")).toMatchObject({
    state: "TASK_RUNNING",
    reason: "REASON_RECONCILIATION",
    message: "Reconciliation: Latest task state",
  });
});

test("C42, C43: malformed tasks, each with its text", async () => {
  const good = testTask(a, "t-42");
  const { executor: _executor, ...bare } = good;
  const tasks = [
    { ...good, task_id: { value: "both" }, command: { value: "true" } },
    { ...bare, task_id: { value: "neither" } },
    { ...good, task_id: { value: "nothing" }, resources: [] },
    { ...good, task_id: { value: "foreign" }, agent_id: { value: "nope" } },
    { ...good, task_id: { value: "t/bad" } },
    { ...good, task_id: { value: "x".repeat(256) } },
    { ...good, task_id: { value: "grace" }, kill_policy: { grace_period: { nanoseconds: -1 } } },
    {
      ...good,
      task_id: { value: "ranges" },
      resources: [
        {
          name: "ports",
          type: "RANGES" as const,
          ranges: {
            range: [
              { begin: 1, end: 5 },
              { begin: 5, end: 6 },
            ],
          },
        },
      ],
    },
  ];
  for (const task of tasks) {
    await one.call({
      type: "ACCEPT",
      accept: {
        offer_ids: [a.id],
        operations: [{ type: "LAUNCH", launch: { task_infos: [task] } }],
        filters: { refuse_seconds: 0 },
      },
    });
    a = await one.offer();
  }
  const texts = one.events.flatMap(({ event }) =>
    event.update === undefined
      ? []
      : [[event.update.status.task_id.value.slice(0, 8), event.update.status.message]],
  );
  const xor = "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
  expect(texts).toEqual([
    ["both", xor],
    ["neither", xor],
    ["nothing", "Task uses no resources"],
    ["foreign", `Task uses invalid agent nope while agent ${a.agent_id.value} is expected`],
    ["t/bad", "'t/bad' contains invalid characters"],
    ["xxxxxxxx", "ID must not be greater than 255 characters"],
    ["grace", "Task's 'kill_policy.grace_period' must be non-negative"],
    ["ranges", expect.stringContaining("Task uses invalid resources: ")],
  ]);
});

test("C44: a live executor takes only tasks with the same ExecutorInfo; labels do not count", async () => {
  await one.accept(a, [testTask(a, "t-44", { executorId: "ex-44" })], { refuse_seconds: 0 });
  await one.update("t-44", "TASK_RUNNING");
  const rest = await one.freshOffer(a.agent_id.value);
  const same = testTask(rest, "t-44b", { executorId: "ex-44" });
  const changed = testTask(rest, "t-44c", { executorId: "ex-44", plan: { other: true } });
  const labelled = {
    ...same,
    executor: { ...same.executor, labels: { labels: [{ key: "k", value: "v" }] } },
  };
  await one.accept(rest, [changed, labelled as typeof same]);
  expect(await one.update("t-44c")).toMatchObject(
    invalid(
      expect.stringContaining(
        "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.",
      ),
    ),
  );
  expect((await one.update("t-44b", "TASK_RUNNING")).source).toBe("SOURCE_EXECUTOR");
});

test("C45: an executor that exits at once: FAILURE with its status, TASK_FAILED with a uuid", async () => {
  await one.accept(a, [testTask(a, "t-45", { command: { value: "exit 3" } })]);
  const failure = await one.next((event) => event.type === "FAILURE", "FAILURE");
  expect(failure.failure).toEqual({
    agent_id: a.agent_id,
    executor_id: { value: "ex-t-45" },
    status: 768,
  });
  expect(await one.update("t-45")).toEqual({
    task_id: { value: "t-45" },
    state: "TASK_FAILED",
    message: "Executor terminated",
    source: "SOURCE_AGENT",
    reason: "REASON_EXECUTOR_TERMINATED",
    agent_id: a.agent_id,
    executor_id: { value: "ex-t-45" },
    timestamp: expect.any(Number),
    uuid: expect.any(String),
  });
});

test("C46: a URI that cannot be fetched fails the launch", async () => {
  const uris = [{ value: `${local.url}/nowhere` }];
  await one.accept(a, [testTask(a, "t-46", { command: { uris } })]);
  const status = await one.update("t-46");
  expect(status).toMatchObject({
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LAUNCH_FAILED",
    source: "SOURCE_AGENT",
  });
  expect(status.message).toMatch(
    /^Failed to launch container: Failed to fetch all URIs for container '.*': http.*: the server answered 404$/,
  );
});

test("C47: updates come one by one, repeated until they are acknowledged", async () => {
  one.acknowledges = false;
  const plan = { states: ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"] };
  const startMs = performance.now();
  await one.accept(a, [testTask(a, "t-47", { plan })]);
  const starting = await one.update("t-47");
  expect(await one.update("t-47")).toEqual(starting);
  expect(performance.now() - startMs).toBeGreaterThan(300);
  expect(starting.state).toBe("TASK_STARTING");
  await one.acknowledge({ ...starting, uuid: "AAAAAAAAQACAAAAAAAAAAA==" });
  expect((await one.update("t-47")).uuid).toBe(starting.uuid);
  await one.acknowledge(starting);
  const running = await one.update("t-47", "TASK_RUNNING");
  await one.acknowledge(starting);
  await one.acknowledge(running);
  const finished = await one.update("t-47", "TASK_FINISHED");
  await one.acknowledge(finished);
  expect(new Set([starting.uuid, running.uuid, finished.uuid]).size).toBe(3);
});

test("C48: a terminal update frees the resources, its acknowledgement the id", async () => {
  one.acknowledges = false;
  const plan = { states: ["TASK_FINISHED"] };
  await one.accept(a, [testTask(a, "t-48", { plan })], { refuse_seconds: 0 });
  const finished = await one.update("t-48");
  let rest = await one.freshOffer(a.agent_id.value);
  expect(rest.resources?.find((resource) => resource.name === "cpus")?.scalar?.value).toBe(3.9);
  await one.accept(rest, [testTask(rest, "t-48", { executorId: "ex-48" })], { refuse_seconds: 0 });
  expect(await one.update("t-48", "TASK_ERROR")).toMatchObject(
    invalid("Task has duplicate ID: t-48"),
  );
  await one.acknowledge(finished);
  rest = await one.freshOffer(a.agent_id.value);
  await one.accept(rest, [testTask(rest, "t-48", { executorId: "ex-48", plan })]);
  const second = await one.next(
    (event) =>
      event.update?.status.state === "TASK_FINISHED" && event.update.status.uuid !== finished.uuid,
    "the second task of that id",
  );
  expect(second.update?.status.task_id.value).toBe("t-48");
});

test("C49: an unacknowledged update is sent again after a resubscription, before its retry is due", async () => {
  const slow = await startTestLocal({ updateRetryMs: 600_000, agentsCount: 1 });
  const other = await new TestScheduler(slow.url).subscribe();
  other.acknowledges = false;
  const offer = await other.offer();
  await other.accept(offer, [testTask(offer, "t-49")]);
  const starting = await other.update("t-49");
  other.forget();
  await other.subscribe();
  expect(await other.update("t-49")).toEqual(starting);
  other.close();
  await slow.end();
});

test("C50, C51: implicit and explicit reconciliation", async () => {
  one.acknowledges = false;
  const finish = { states: ["TASK_FINISHED"] };
  const task = (id: string, plan: unknown) => testTask(a, id, { plan });
  await one.accept(a, [
    task("running", { states: ["TASK_RUNNING"] }),
    task("acked", finish),
    task("open", finish),
  ]);
  const states = new Map<string, Awaited<ReturnType<typeof one.update>>>();
  await until(
    () => {
      for (const { event } of one.events) {
        const status = event.update?.status;
        if (status !== undefined) states.set(status.task_id.value, status);
      }
      return states.size === 3;
    },
    { what: "three updates" },
  );
  const acked = states.get("acked");
  if (acked === undefined) throw new Error("no update");
  await one.acknowledge(acked);
  const count = one.events.length;
  await reconcile([]);
  await reconcile([
    { task_id: { value: "no-1" }, agent_id: a.agent_id },
    { task_id: { value: "no-2" } },
    { task_id: { value: "no-3" }, agent_id: { value: "never" } },
  ]);
  const answers = () =>
    one.events.slice(count).flatMap(({ event }) => {
      const status = event.update?.status;
      return status?.reason === "REASON_RECONCILIATION" ? [status] : [];
    });
  await until(() => answers().length >= 5, { what: "five answers" });
  const running = states.get("running");
  expect(answers()).toEqual([
    {
      task_id: { value: "running" },
      state: "TASK_RUNNING",
      message: "Reconciliation: Latest task state",
      source: "SOURCE_MASTER",
      reason: "REASON_RECONCILIATION",
      agent_id: a.agent_id,
      timestamp: expect.any(Number),
      executor_id: { value: "ex-running" },
      container_status: running?.container_status,
    },
    expect.objectContaining({ task_id: { value: "open" }, state: "TASK_FINISHED" }),
    {
      task_id: { value: "no-1" },
      state: "TASK_GONE",
      message: "Reconciliation: Task is unknown to the agent",
      source: "SOURCE_MASTER",
      reason: "REASON_RECONCILIATION",
      agent_id: a.agent_id,
      timestamp: expect.any(Number),
    },
    {
      task_id: { value: "no-2" },
      state: "TASK_UNKNOWN",
      message: "Reconciliation: Task is unknown",
      source: "SOURCE_MASTER",
      reason: "REASON_RECONCILIATION",
      timestamp: expect.any(Number),
    },
    expect.objectContaining({
      task_id: { value: "no-3" },
      state: "TASK_UNKNOWN",
      agent_id: { value: "never" },
    }),
  ]);
});

test("C53: KILL of an unknown task is answered like a reconciliation, of a wrong agent not at all", async () => {
  await one.accept(a, [testTask(a, "t-53")]);
  await one.update("t-53", "TASK_RUNNING");
  await one.call({ type: "KILL", kill: { task_id: { value: "nobody" }, agent_id: a.agent_id } });
  expect((await one.update("nobody")).state).toBe("TASK_GONE");
  await one.call({ type: "KILL", kill: { task_id: { value: "nobody" } } });
  expect((await one.update("nobody")).state).toBe("TASK_UNKNOWN");
  await one.call({ type: "KILL", kill: { task_id: { value: "t-53" }, agent_id: b.agent_id } });
  await one.call({ type: "KILL", kill: { task_id: { value: "t-53" } } });
  await one.update("t-53", "TASK_KILLED");
  const kills = notesIn(sandboxOf(local, a, "ex-t-53")).filter(
    (note) => note.event?.type === "KILL",
  );
  expect(kills).toHaveLength(1);
});

test("C54: killed before delivery; the executor then gets SHUTDOWN first", async () => {
  await one.accept(a, [testTask(a, "t-54", { plan: { subscribeWhenTold: true } })]);
  const sandbox = sandboxOf(local, a, "ex-t-54");
  await nextNote(sandbox, ({ type }) => type === "started", "the executor");
  await one.call({ type: "KILL", kill: { task_id: { value: "t-54" } } });
  expect(await one.update("t-54")).toMatchObject({
    state: "TASK_KILLED",
    reason: "REASON_TASK_KILLED_DURING_LAUNCH",
    message: "Killed before delivery to the executor",
    source: "SOURCE_AGENT",
    uuid: expect.any(String),
    executor_id: { value: "ex-t-54" },
  });
  tellToSubscribe(sandbox);
  const failure = await one.next((event) => event.type === "FAILURE", "FAILURE");
  expect(failure.failure?.status).toBe(0);
  const events = notesIn(sandbox).flatMap((note) => (note.event === undefined ? [] : [note.event]));
  expect(events).toEqual([{ type: "SHUTDOWN" }]);
});

test("an executor that never subscribes is ended, with that reason", async () => {
  const hasty = await startTestLocal({ registrationTimeoutMs: 1_000, agentsCount: 1 });
  const other = await new TestScheduler(hasty.url).subscribe();
  const offer = await other.offer();
  await other.accept(offer, [testTask(offer, "t-reg", { command: { value: "exec sleep 600" } })]);
  const failure = await other.next((event) => event.type === "FAILURE", "FAILURE");
  expect(failure.failure?.status).toBe(9);
  expect(await other.update("t-reg")).toMatchObject({
    state: "TASK_FAILED",
    reason: "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
    message: "Executor did not register within 1secs",
  });
  other.close();
  await hasty.end();
});

test("a framework that is not partition-aware hears TASK_LOST", async () => {
  const capabilities = [{ type: "MULTI_ROLE" }] as const;
  const plain = new TestScheduler(local.url, { ...testFramework, capabilities });
  await plain.subscribe();
  const tasks = [
    { task_id: { value: "no-1" }, agent_id: a.agent_id },
    { task_id: { value: "no-2" } },
  ];
  await plain.call({ type: "RECONCILE", reconcile: { tasks } });
  expect((await plain.update("no-1")).state).toBe("TASK_LOST");
  expect((await plain.update("no-2")).state).toBe("TASK_LOST");
  await plain.accept(a, [testTask(a, "no-3")]);
  expect((await plain.update("no-3")).state).toBe("TASK_LOST");
  await plain.call({ type: "TEARDOWN" });
  plain.close();
});

test("a command task and a container image are refused loudly", async () => {
  const good = testTask(a, "t-c");
  const { executor, ...bare } = good;
  if (executor === undefined) throw new Error("no executor");
  const image = {
    ...executor,
    executor_id: { value: "ex-i" },
    container: { type: "DOCKER" as const, docker: { image: "x" } },
  };
  await one.accept(a, [
    { ...bare, command: { value: "true" } },
    { ...good, task_id: { value: "t-i" }, executor: image },
  ]);
  const updates = [await one.update("t-c"), await one.update("t-i")];
  expect(updates.map((status) => status.reason)).toEqual([
    "REASON_CONTAINER_LAUNCH_FAILED",
    "REASON_CONTAINER_LAUNCH_FAILED",
  ]);
  expect(agentOf(a)?.ip).toBe("127.0.0.1");
});

test("updates of a task stay in order under load, none is lost", async () => {
  const states = Array.from({ length: 40 }, () => "TASK_RUNNING");
  const tasks = Array.from({ length: 5 }, (_, index) =>
    testTask(a, `t-o${index}`, {
      executorId: "ex-o",
      plan: { states },
      resources: [scalar("cpus", 0.01)],
    }),
  );
  await one.accept(a, tasks);
  /** Each once: on a busy machine an acknowledgement may be later than the retry. */
  const updates = () => [
    ...new Map(
      one.events.flatMap(({ event }) => {
        const status = event.update?.status;
        return status?.uuid === undefined ? [] : [[status.uuid, status] as const];
      }),
    ).values(),
  ];
  await until(() => updates().length === 200, { what: "200 updates", deadlineMs: 40_000 });
  for (const task of tasks) {
    const times = updates().flatMap((status) =>
      status.task_id.value === task.task_id.value ? [status.timestamp ?? 0] : [],
    );
    expect(times).toHaveLength(40);
    expect(times).toEqual([...times].sort((x, y) => x - y));
  }
});

test("a second terminal update is acknowledged to the executor and goes no further", async () => {
  one.acknowledges = false;
  const plan = { states: ["TASK_FINISHED", "TASK_FAILED"] };
  await one.accept(a, [testTask(a, "t-twice", { plan })]);
  const finished = await one.update("t-twice");
  const sandbox = sandboxOf(local, a, "ex-t-twice");
  const acknowledged = () =>
    notesIn(sandbox).filter(({ event }) => event?.type === "ACKNOWLEDGED").length;
  await until(() => acknowledged() === 2, { what: "both acknowledgements" });
  await one.acknowledge(finished);
  await reconcile([{ task_id: { value: "t-twice" }, agent_id: a.agent_id }]);
  expect(await one.update("t-twice", "TASK_GONE")).toMatchObject({ source: "SOURCE_MASTER" });
  const states = one.events.flatMap(({ event }) => event.update?.status.state ?? []);
  expect(states).not.toContain("TASK_FAILED");
});
