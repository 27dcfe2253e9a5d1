/**
 * Owns the life of one redis-server under the supervisor: start, running, kill, exit, and what goes wrong with it.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MrrError } from "@mr-redis/core";
import {
  closeServer,
  findProcesses,
  freePort,
  isAlive,
  listen,
  signalProcess,
  until,
} from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { createHarness, deadlineMs, type Harness, orderOf } from "./harness.js";

let harness: Harness;
afterEach(() => harness.close());

/** A single that is RUNNING, and its first report. */
async function runningSingle(options: Parameters<typeof createHarness>[0] = {}) {
  harness = createHarness(options);
  const order = orderOf("inst::a", await freePort());
  harness.launch(order);
  const running = await harness.updated("inst::a", "TASK_RUNNING");
  const report = await harness.reported("inst::a", (each) => each.synced);
  return { order, running, report };
}

test("a launch becomes RUNNING after a PONG, is reported, and ends as KILLED when asked", async () => {
  const { report } = await runningSingle();
  expect(report).toMatchObject({
    startId: "start-1",
    phase: "serving",
    exit: null,
    role: "master",
    stamp: { term: 1, counter: 1 },
    epoch: 1,
    dataEpoch: 1,
    diverged: false,
    following: null,
    writeQuorum: 0,
    loading: false,
  });
  for (let times = 0; times < 3; times += 1) {
    harness.supervisor.handle({ type: "kill-received", taskId: "inst::a", graceMs: null });
  }
  const killed = await harness.updated("inst::a", "TASK_KILLED");
  expect(isAlive(report.pid)).toBe(false);
  expect(killed.message).toBe("killed as asked");
  const last = await harness.reported("inst::a", (each) => each.phase === "exited");
  expect(JSON.parse(killed.data ?? "")).toEqual(last.exit);
  harness.supervisor.handle({ type: "kill-received", taskId: "inst::a", graceMs: null });
  expect(harness.updates.map((each) => each.state)).toEqual(["TASK_RUNNING", "TASK_KILLED"]);
  expect(existsSync(workPath("1"))).toBe(false);
});

test("an exit is reported within milliseconds, with its signal", async () => {
  const { report } = await runningSingle();
  const startMs = performance.now();
  signalProcess(report.pid, "SIGKILL");
  const failed = await harness.updated("inst::a", "TASK_FAILED");
  const exited = await harness.reported("inst::a", (each) => each.phase === "exited");
  expect(failed.message).toBe("ended by signal SIGKILL");
  expect(exited.exit).toMatchObject({ code: null, signal: "SIGKILL" });
  expect(exited.exit?.log.at(-1)).toContain("Ready to accept connections");
  const batch = harness.batches.find((each) => each.processes.some((one) => one.exit !== null));
  // 5 ms on an idle machine; without the signal of its end it would be the silence of 15 s.
  expect(failed.atMs - startMs).toBeLessThan(5_000);
  expect((batch?.atMs ?? Number.NaN) - startMs).toBeLessThan(5_000);
  expect(batch?.processes).toHaveLength(1);
});

test("a user's SHUTDOWN is a failure, with what Redis said about it", async () => {
  const { order } = await runningSingle();
  const redis = new Redis({ port: order.port, retryStrategy: () => null });
  redis.on("error", () => undefined);
  await redis.call("SHUTDOWN", "NOSAVE").catch(() => undefined);
  const failed = await harness.updated("inst::a", "TASK_FAILED");
  expect(failed.message).toBe("exit code 0");
  expect(failed.data).toContain("User requested shutdown");
});

test("a hung process is killed and reported, and only that one", async () => {
  // Long enough for the other one to answer on a loaded machine.
  const { report } = await runningSingle({ supervise: { redisTimeoutMs: 1_500 } });
  const other = orderOf("inst::b", await freePort());
  harness.launch(other);
  await harness.reported("inst::b", (each) => each.synced);
  const startMs = performance.now();
  signalProcess(report.pid, "SIGSTOP");
  const failed = await harness.updated("inst::a", "TASK_FAILED");
  expect(failed.message).toBe("killed: no PONG for 1500 ms");
  expect(isAlive(report.pid)).toBe(false);
  expect(failed.atMs - startMs).toBeGreaterThan(1_000);
  expect(harness.updates.map((each) => [each.taskId, each.state])).toEqual([
    ["inst::a", "TASK_RUNNING"],
    ["inst::b", "TASK_RUNNING"],
    ["inst::a", "TASK_FAILED"],
  ]);
});

test("a port that a stranger has is named, and the stranger is never taken for the process", async () => {
  harness = createHarness();
  const port = await freePort();
  const stranger = await listen(port);
  try {
    harness.launch(orderOf("inst::a", port));
    const failed = await harness.updated("inst::a", "TASK_FAILED");
    expect(failed.message).toBe(
      `port-taken: port ${port} is taken by another program (exit code 1)`,
    );
    expect(harness.updates).toHaveLength(1);
  } finally {
    await closeServer(stranger);
  }
});

test("a redis-server of somebody else on the port is not taken for the process either", async () => {
  const { order } = await runningSingle();
  harness.launch(orderOf("inst::b", order.port));
  const failed = await harness.updated("inst::b", "TASK_FAILED");
  expect(failed.message).toContain("port-taken");
  expect(harness.updates.filter((each) => each.taskId === "inst::b")).toHaveLength(1);
});

test("a process that never answers is killed at the start limit", async () => {
  harness = createHarness({ supervise: { startTimeoutMs: 300 } });
  harness.launch(orderOf("inst::a", await freePort()));
  const pid = await harness.reported("inst::a", (each) => each.pid > 0).then((each) => each.pid);
  signalProcess(pid, "SIGSTOP");
  const [update] = await Promise.race([
    harness.updated("inst::a", "TASK_FAILED").then((each) => [each]),
    harness.updated("inst::a", "TASK_RUNNING").then(() => []),
  ]);
  // Stopped too late: it had answered already, and is then a hung one.
  if (update !== undefined)
    expect(update.message).toBe("killed: no PONG within 300 ms of its start");
});

test("a missing redis-server is said with its code, and a later launch looks again", async () => {
  const missing = new MrrError("redis-missing", "no executable redis-server on this agent");
  harness = createHarness({ findBinary: () => Promise.reject(missing) });
  for (const id of ["inst::a", "inst::b"]) {
    harness.launch(orderOf(id, 7001));
    const failed = await harness.updated(id, "TASK_FAILED");
    expect(failed.message).toBe("redis-missing: no executable redis-server on this agent");
  }
});

test("a setting that this Redis refuses is named", async () => {
  harness = createHarness();
  const order = orderOf("inst::a", await freePort(), { config: { activedefrag: "yes" } });
  harness.launch(order);
  const outcome = await Promise.race([
    harness.updated("inst::a", "TASK_FAILED"),
    harness.updated("inst::a", "TASK_RUNNING"),
  ]);
  // A Redis with the patched jemalloc takes it.
  if (outcome.state === "TASK_FAILED") {
    expect(outcome.message).toMatch(/configuration was refused: 'activedefrag.*defragmentation/i);
  }
});

test("secrets are in the process's own configuration only, as long as it lives", async () => {
  const { report } = await runningSingle();
  const secrets = ["secret-of-inst::a", "executor-secret"];
  expect(statSync(workPath("1")).mode & 0o777).toBe(0o700);
  expect(statSync(workPath("1", "redis.conf")).mode & 0o777).toBe(0o600);
  for (const secret of secrets) expect(filesText()).toContain(secret);
  const seen = findProcesses(harness.sandbox).map((each) => each.commandLine + each.environment);
  signalProcess(report.pid, "SIGTERM");
  await harness.updated("inst::a", "TASK_FAILED");
  expect(existsSync(workPath("1"))).toBe(false);
  const outputs = [...seen, ...harness.logs, JSON.stringify(harness.batches), filesText()];
  expect(filesText()).toContain("Ready to accept connections");
  for (const secret of secrets) expect(outputs.join("\n")).not.toContain(secret);
});

test("CONFIG REWRITE works, for its owner alone, and the file goes with its process", async () => {
  const { order, report } = await runningSingle();
  const redis = new Redis({ port: order.port, retryStrategy: () => null });
  redis.on("error", () => undefined);
  try {
    expect(await redis.info("server")).toContain(`config_file:${workPath("1", "redis.conf")}\r\n`);
    await redis.config("SET", "timeout", "77");
    expect(await redis.config("REWRITE")).toBe("OK");
  } finally {
    redis.disconnect();
  }
  expect(readFileSync(workPath("1", "redis.conf"), "utf8")).toMatch(/^timeout 77$/m);
  expect(statSync(workPath("1", "redis.conf")).mode & 0o777).toBe(0o600);
  expect(readdirSync(workPath("1"))).toEqual(["redis.conf"]);
  signalProcess(report.pid, "SIGKILL");
  await harness.updated("inst::a", "TASK_FAILED");
  expect(existsSync(workPath("1"))).toBe(false);
});

test("what an earlier executor left in the sandbox is removed, never used", async () => {
  const sandbox = mkdtempSync(join(tmpdir(), "mrr-executor-"));
  mkdirSync(join(sandbox, "work", "1"), { recursive: true });
  writeFileSync(join(sandbox, "work", "1", "redis.conf"), "port 1\n");
  const { order } = await runningSingle({ sandbox });
  expect(readdirSync(join(sandbox, "work"))).toContain("1");
  expect(readFileSync(workPath("1", "redis.conf"), "utf8")).toContain(`\nport ${order.port}\n`);
});

test("a configuration that cannot be written is said, and nothing stays of its process", async () => {
  await runningSingle({ sparesMax: 1 });
  await until(() => readdirSync(workPath()).length === 2, { what: "a spare shell" });
  // The file of somebody else: it is neither used nor written over.
  writeFileSync(workPath("2", "redis.conf"), "port 1\n");
  harness.launch(orderOf("inst::b", await freePort()));
  const failed = await harness.updated("inst::b", "TASK_FAILED");
  expect(failed.message).toMatch(/^it could not be started: EEXIST/);
  expect(existsSync(workPath("2"))).toBe(false);
});

const workPath = (...names: string[]): string => join(harness.sandbox, "work", ...names);

/** All that is in files below the sandbox. */
const filesText = (): string =>
  readdirSync(harness.sandbox, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("");

test("SHUTDOWN ends all processes with updates, then the executor", async () => {
  // Neither its silence nor the usual grace ends it, but the one that the agent gives.
  const limits = { redisTimeoutMs: 60_000, stopGraceMs: 60_000 };
  const { report } = await runningSingle({ supervise: limits });
  signalProcess(report.pid, "SIGSTOP");
  harness.supervisor.handle({ type: "shutdown-received", graceMs: 600 });
  await harness.updated("inst::a", "TASK_KILLED");
  expect(harness.exits).toEqual([{ code: "shutdown", text: "told to shut down by the agent" }]);
  expect(isAlive(report.pid)).toBe(false);
});

test("an executor without processes ends after its idle time", async () => {
  harness = createHarness({ supervise: { executorIdleMs: 100 } });
  await expect
    .poll(() => harness.exits, { interval: 5, timeout: deadlineMs })
    .toEqual([{ code: "idle", text: "no process for 100 ms" }]);
});
