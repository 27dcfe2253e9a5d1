/**
 * Owns the conformance checks of the executor API and of executor processes: C55 to C59 of the reference.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Offer } from "@mr-redis/mesos";
import { isAlive, until } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  executorFile,
  nextNote,
  notesIn,
  postJson,
  sandboxOf,
  scalar,
  startTestLocal,
  type TestLocal,
  TestScheduler,
  testFramework,
  testTask,
} from "./harness.js";

let local: TestLocal;
let one: TestScheduler;
let a: Offer;
beforeAll(async () => {
  process.env.MRR_SECRET_OF_THE_AGENT = "x";
  local = await startTestLocal({ allocationIntervalMs: 50, agentsCount: 1 });
});
beforeEach(async () => {
  one = await new TestScheduler(local.url).subscribe();
  a = await one.offer();
});
afterEach(() => one.teardown(local));
afterAll(async () => {
  delete process.env.MRR_SECRET_OF_THE_AGENT;
  await local.end();
});

const box = (executorId: string) => sandboxOf(local, a, executorId);
const say = (executorId: string, command: unknown) =>
  one.message(a.agent_id.value, executorId, command);

test("C55: the environment is exactly that of a real agent", async () => {
  const value = `exec env PROBE=1 ${process.execPath} ${executorFile} one two`;
  await one.accept(a, [testTask(a, "t-55", { command: { value }, graceMs: 3_000 })]);
  await one.update("t-55", "TASK_RUNNING");
  const sandbox = box("ex-t-55");
  const note = await nextNote(sandbox, ({ type }) => type === "started", "the executor's start");
  const agent = local.agents[0];
  const directory = note.env?.MESOS_SANDBOX ?? "";
  expect(note.env).toEqual({
    CE_PLAN: "{}",
    LIBPROCESS_IP: "127.0.0.1",
    LIBPROCESS_PORT: "0",
    MESOS_AGENT_ENDPOINT: `127.0.0.1:${agent?.port}`,
    MESOS_CHECKPOINT: "1",
    MESOS_DIRECTORY: directory,
    MESOS_EXECUTOR_ID: "ex-t-55",
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: "3secs",
    MESOS_FRAMEWORK_ID: one.frameworkId,
    MESOS_HTTP_COMMAND_EXECUTOR: "0",
    MESOS_RECOVERY_TIMEOUT: "5secs",
    MESOS_SANDBOX: directory,
    MESOS_SLAVE_ID: agent?.id,
    MESOS_SLAVE_PID: `slave(1)@127.0.0.1:${agent?.port}`,
    MESOS_SUBSCRIPTION_BACKOFF_MAX: "2secs",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    PROBE: "1",
    PWD: directory,
  });
  expect(directory).toMatch(
    new RegExp(
      `^${agent?.workDir}/slaves/${agent?.id}/frameworks/${one.frameworkId}/executors/ex-t-55/runs/[0-9a-f-]{36}$`,
    ),
  );
  expect(note.cwd).toBe(directory);
  expect(note.argv).toEqual([process.execPath, executorFile, "one", "two"]);
  expect(readFileSync(join(sandbox, "stdout"), "utf8")).toBe("hello on stdout\n");
  expect(readFileSync(join(sandbox, "stderr"), "utf8")).toBe("hello on stderr\n");
  expect(statSync(directory).mode & 0o777).toBe(0o750);
  const subscribed = await nextNote(
    sandbox,
    ({ event }) => event?.type === "SUBSCRIBED",
    "SUBSCRIBED",
  );
  expect(subscribed.event?.subscribed).toMatchObject({
    executor_info: { executor_id: { value: "ex-t-55" }, framework_id: { value: one.frameworkId } },
    framework_info: { ...testFramework, id: { value: one.frameworkId } },
    agent_info: { hostname: "agent-1", id: { value: agent?.id }, port: agent?.port },
    container_id: { value: directory.slice(-36) },
  });
});

test("without a shell the value is executed, its first argument is argv[0]; no checkpoint, no recovery", async () => {
  const info = { ...testFramework, checkpoint: false };
  const other = await new TestScheduler(local.url, info).subscribe();
  await one.call({
    type: "DECLINE",
    decline: { offer_ids: [a.id], filters: { refuse_seconds: 60 } },
  });
  const offer = await other.offer();
  const command = {
    shell: false,
    value: process.execPath,
    arguments: ["my-name", executorFile, "x y"],
  };
  await other.accept(offer, [testTask(offer, "t-argv", { command })]);
  await other.update("t-argv", "TASK_RUNNING");
  const sandbox = sandboxOf(local, offer, "ex-t-argv");
  const note = await nextNote(sandbox, ({ type }) => type === "started", "the start");
  expect(note).toMatchObject({
    argv: [process.execPath, executorFile, "x y"],
    argv0: "my-name",
  });
  expect(note.env?.MESOS_CHECKPOINT).toBe("0");
  expect(
    Object.keys(note.env ?? {}).filter((key) => /RECOVERY|BACKOFF|PWD|HOME/.test(key)),
  ).toEqual([]);
  await other.call({ type: "TEARDOWN" });
  other.close();
});

test("C56: calls that an executor may not make", async () => {
  const status = { task_id: { value: "t-56" }, state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" };
  const uuid = "AAAAAAAAQACAAAAAAAAAAA==";
  const update = (more: unknown) => ({
    type: "UPDATE",
    update: { status: { ...status, uuid, ...(more as object) } },
  });
  await one.accept(a, [testTask(a, "t-56", { plan: { early: update({}) } })]);
  await one.update("t-56", "TASK_RUNNING");
  const sandbox = box("ex-t-56");
  expect(await nextNote(sandbox, ({ type }) => type === "early", "the early answer")).toMatchObject(
    {
      status: 403,
      text: "Executor is not subscribed",
    },
  );
  const url = `http://127.0.0.1:${local.agents[0]?.port}/api/v1/executor`;
  const ids = { framework_id: { value: one.frameworkId }, executor_id: { value: "ex-t-56" } };
  const post = async (body: object) => {
    const { status: code, text } = await postJson(url, { ...ids, ...body });
    return [code, text];
  };
  const who = `executor ex-t-56 of framework ${one.frameworkId}`;
  const failed = (text: string) => [400, `Failed to validate Executor::Call: ${text}`];
  expect(await post(update({ source: undefined }))).toEqual(
    failed(`Received Call from ${who} with invalid source, expecting 'SOURCE_EXECUTOR'`),
  );
  expect(await post(update({ state: "TASK_STAGING" }))).toEqual(
    failed(`Received TASK_STAGING from ${who} which is not allowed`),
  );
  expect(await post(update({ uuid: undefined }))).toEqual(failed("Expecting 'uuid' to be present"));
  expect(await post(update({ uuid: "AAAAAAAAcACAAAAAAAAAAA==" }))).toEqual(
    failed("Not a valid UUID"),
  );
  expect(await post(update({ executor_id: { value: "z" } }))).toEqual(
    failed("ExecutorID in Call: ex-t-56 does not match ExecutorID in TaskStatus: z"),
  );
  expect(await post({ ...update({}), executor_id: { value: "nobody" } })).toEqual([
    400,
    "Executor cannot be found",
  ]);
  expect(await post({ ...update({}), framework_id: { value: "nobody" } })).toEqual([
    400,
    "Framework cannot be found",
  ]);
  expect(await post({ type: "HEARTBEAT" })).toEqual([202, ""]);
  expect(await post({ type: "UPDATE" })).toEqual(failed("Expecting 'update' to be present"));
});

test("C57: a resubscription that does not list a STAGING task drops it, one that lists it does not", async () => {
  const plan = { onLaunch: "nothing" };
  const tasks = ["t-57a", "t-57b"].map((id) => testTask(a, id, { plan }));
  await one.accept(a, tasks);
  for (const [id, forgetTasks] of [
    ["ex-t-57a", false],
    ["ex-t-57b", true],
  ] as const) {
    await nextNote(box(id), ({ event }) => event?.type === "LAUNCH", "LAUNCH");
    await say(id, { do: "subscribe", forgetTasks });
    await nextNote(
      box(id),
      ({ event, number }) => event?.type === "SUBSCRIBED" && number === 2,
      "the second SUBSCRIBED",
    );
  }
  expect(await one.update("t-57b")).toMatchObject({
    state: "TASK_DROPPED",
    reason: "REASON_AGENT_RESTARTED",
    source: "SOURCE_AGENT",
  });
  await say("ex-t-57a", { do: "update", task: "t-57a", state: "TASK_RUNNING" });
  expect(await one.update("t-57a")).toMatchObject({ state: "TASK_RUNNING" });
});

test("C58: a second stream ends the first; repeated updates reach the scheduler once", async () => {
  await one.accept(a, [testTask(a, "t-58")]);
  await one.update("t-58", "TASK_RUNNING");
  const sandbox = box("ex-t-58");
  await say("ex-t-58", { do: "subscribe", keep: true });
  await nextNote(
    sandbox,
    ({ type, number }) => type === "closed" && number === 1,
    "the first's end",
  );
  await say("ex-t-58", {
    do: "update",
    task: "t-58",
    state: "TASK_RUNNING",
    more: { message: "x" },
  });
  expect((await one.update("t-58")).message).toBe("x");
  const acknowledged = notesIn(sandbox).flatMap(({ event }) =>
    event?.type === "ACKNOWLEDGED" ? [event.acknowledged?.uuid] : [],
  );
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  const states = one.events.flatMap(({ event }) => event.update?.status.state ?? []);
  expect(states).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING"]);
});

test("C59: SHUTDOWN, ignored: after the grace period nothing is left", async () => {
  const plan = { stubborn: true };
  const tasks = ["t-59a", "t-59b"].map((id) =>
    testTask(a, id, { executorId: "ex-59", plan, graceMs: 400 }),
  );
  await one.accept(a, tasks, { refuse_seconds: 0 });
  await until(
    () =>
      one.events.filter(({ event }) => event.update?.status.state === "TASK_RUNNING").length === 2,
    { what: "two running tasks" },
  );
  const sandbox = box("ex-59");
  await say("ex-59", { do: "spawn", file: "sleep", args: ["61"], detached: true });
  const { pid = 0 } = await nextNote(sandbox, ({ type }) => type === "spawned", "the child");
  const startMs = performance.now();
  await one.call({
    type: "SHUTDOWN",
    shutdown: { executor_id: { value: "ex-59" }, agent_id: a.agent_id },
  });
  const failure = await one.next((event) => event.type === "FAILURE", "FAILURE");
  expect(performance.now() - startMs).toBeGreaterThan(390);
  expect(failure.failure?.status).toBe(9);
  const ended = [
    await one.update("t-59a", "TASK_FAILED"),
    await one.update("t-59b", "TASK_FAILED"),
  ];
  expect(ended.map(({ state, reason }) => [state, reason])).toEqual([
    ["TASK_FAILED", "REASON_EXECUTOR_TERMINATED"],
    ["TASK_FAILED", "REASON_EXECUTOR_TERMINATED"],
  ]);
  expect(isAlive(pid)).toBe(false);
  const types = notesIn(sandbox).map(({ type, event }) => event?.type ?? type);
  expect(types).toContain("SHUTDOWN");
  expect(types).not.toContain("sigterm");
});

test("a KILL and a LAUNCH on a broken stream are lost", async () => {
  const plan = { exitOnClose: false };
  await one.accept(a, [testTask(a, "t-lost", { plan })], { refuse_seconds: 0 });
  await one.update("t-lost", "TASK_RUNNING");
  const sandbox = box("ex-t-lost");
  await say("ex-t-lost", { do: "drop" });
  await nextNote(sandbox, ({ type }) => type === "closed", "the end of the stream");
  await one.call({ type: "KILL", kill: { task_id: { value: "t-lost" } } });
  const rest = await one.freshOffer();
  await one.accept(rest, [testTask(rest, "t-lost-2", { executorId: "ex-t-lost", plan })]);
  await one.call({ type: "RECONCILE", reconcile: { tasks: [] } });
  const answers = [await one.update("t-lost"), await one.update("t-lost-2")];
  expect(answers.map(({ state }) => state)).toEqual(["TASK_RUNNING", "TASK_STAGING"]);
  const types = notesIn(sandbox).map(({ event }) => event?.type);
  expect(types.filter((type) => type === "KILL" || type === "LAUNCH")).toEqual(["LAUNCH"]);
});

test("URIs: archives are unpacked, executables marked, names given, the query a part of the name", async () => {
  const source = mkdtempSync(join(tmpdir(), "mrr-local-uris-"));
  mkdirSync(join(source, "in"));
  writeFileSync(join(source, "in", "inside.txt"), "inside");
  writeFileSync(join(source, "plain.txt"), "plain");
  execFileSync("tar", ["-czf", join(source, "pack.tgz"), "-C", join(source, "in"), "inside.txt"]);
  const bytes = readFileSync(join(source, "pack.tgz"));
  const server = createServer((_request, response) => response.end(bytes));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const uris = [
    { value: `http://127.0.0.1:${port}/pack.tgz?x=1` },
    { value: `http://127.0.0.1:${port}/any`, output_file: "deep/named.tar.gz" },
    { value: `file://${join(source, "plain.txt")}`, executable: true, cache: true },
    { value: join(source, "pack.tgz"), output_file: "kept.tgz", extract: false },
  ];
  await one.accept(a, [testTask(a, "t-uri", { command: { uris } })]);
  await one.update("t-uri", "TASK_RUNNING");
  const sandbox = box("ex-t-uri");
  const has = (name: string) => existsSync(join(sandbox, name));
  expect(
    ["pack.tgz?x=1", "deep/named.tar.gz", "plain.txt", "kept.tgz", "inside.txt"].map(has),
  ).toEqual([true, true, true, true, true]);
  expect(readFileSync(join(sandbox, "inside.txt"), "utf8")).toBe("inside");
  expect(statSync(join(sandbox, "plain.txt")).mode & 0o777).toBe(0o755);
  server.close();
  server.closeAllConnections();
  rmSync(source, { recursive: true });
});

test.each([
  [{ value: "hdfs://x/y" }, "only http, https, file and absolute paths are fetched"],
  [{ value: "file:///nowhere/at-all" }, "ENOENT"],
  [{ value: executorFile, output_file: "broken.tgz" }, "tar ended with"],
  [{ value: "http://127.0.0.1:5/x" }, "ECONNREFUSED"],
])("a URI that fails: %j", async (uri, text) => {
  await one.accept(a, [testTask(a, "t-bad", { command: { uris: [uri] } })]);
  const status = await one.update("t-bad");
  expect(status.reason).toBe("REASON_CONTAINER_LAUNCH_FAILED");
  expect(status.message).toContain(text);
});

test("a user that does not exist fails the launch", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("only root switches users");
  await one.accept(a, [testTask(a, "t-user", { command: { user: "nobody-at-all" } })]);
  expect((await one.update("t-user")).message).toContain("no such user");
  const rest = await one.offer();
  await one.accept(rest, [
    testTask(rest, "t-user-2", {
      command: { user: "nobody", value: "id -un > who; exec sleep 60" },
    }),
  ]);
  const file = join(box("ex-t-user-2"), "who");
  await until(() => existsSync(file) && readFileSync(file, "utf8") !== "", { what: "the file" });
  expect(readFileSync(file, "utf8")).toBe("nobody\n");
});

test("an executor's resources are charged once, and freed at its end", async () => {
  const tasks = ["t-r1", "t-r2"].map((id) =>
    testTask(a, id, { executorId: "ex-r", resources: [scalar("cpus", 1)], graceMs: 100 }),
  );
  await one.accept(a, tasks, { refuse_seconds: 0 });
  await one.update("t-r2", "TASK_RUNNING");
  const cpusOf = (offer: Offer) =>
    offer.resources?.find((resource) => resource.name === "cpus")?.scalar?.value;
  expect(cpusOf(await one.freshOffer())).toBe(1.9);
  await one.call({
    type: "SHUTDOWN",
    shutdown: { executor_id: { value: "ex-r" }, agent_id: a.agent_id },
  });
  await one.next((event) => event.type === "FAILURE", "FAILURE");
  for (const id of ["t-r1", "t-r2"]) await one.update(id, "TASK_FAILED");
  expect(cpusOf(await one.freshOffer())).toBe(4);
});
