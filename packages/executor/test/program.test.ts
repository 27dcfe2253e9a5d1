/**
 * Owns the bundled program against a small agent: clean environment, end to end, and that nothing outlives it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeReportBatch, type ProcessReport } from "@mr-redis/core";
import {
  findProcesses,
  findRedisServers,
  freePort,
  freePorts,
  isAlive,
  launch,
  type Program,
  run,
  seeProcesses,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { deadlineMs, masterOf, orderOf, sweepLate } from "./harness.js";
import { agentEnvironment, type SmallAgent, startSmallAgent } from "./small-agent.js";

const bundleDirectory = mkdtempSync(join(tmpdir(), "mrr-bundle-"));
const bundle = join(bundleDirectory, "mr-redis-executor.cjs");
let agent: SmallAgent;
let sandbox: string;
let program: Program;

beforeAll(async () => {
  const script = fileURLToPath(new URL("../bundle.mjs", import.meta.url));
  const made = await run({ command: process.execPath, args: [script, bundle] });
  expect(made.stderr).toBe("");
  return () => rmSync(bundleDirectory, { recursive: true, force: true });
}, 60_000);

beforeEach(async () => {
  agent = await startSmallAgent();
  sandbox = mkdtempSync(join(tmpdir(), "mrr-sandbox-"));
});

afterEach(async () => {
  await program.kill();
  await agent.close();
  const left = await sweepLate(sandbox);
  // However it ended.
  await untilNoConfiguration();
  rmSync(sandbox, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** A redis-server may be silent for longer than usual on a loaded machine. */
const patience = { MRR_REDIS_TIMEOUT_MS: "15000", MRR_REDIS_START_TIMEOUT_MS: "20000" };

async function startProgram(change: Record<string, string> = {}): Promise<void> {
  program = await launch({
    command: process.execPath,
    args: [bundle],
    cwd: sandbox,
    env: { ...agentEnvironment(agent, sandbox), ...patience, ...change },
  });
  await until(() => agent.isSubscribed(), { deadlineMs, what: "SUBSCRIBE" });
}

const reports = (): ProcessReport[] =>
  agent.messages.flatMap((text) => {
    const batch = decodeReportBatch(text);
    return batch.ok ? [...batch.value.processes] : [];
  });

const states = (taskId: string): string[] =>
  agent.statuses.filter((each) => each.task_id.value === taskId).map((each) => each.state);

test("launch, replicate, kill and shut down, in an agent's clean environment", async () => {
  await startProgram();
  const [masterPort = 0, replicaPort = 0] = await freePorts(2);
  const master = orderOf("inst::m", masterPort);
  const goal = { role: "replica", master: masterOf(master) } as const;
  agent.launch(master);
  agent.launch(orderOf("inst::r", replicaPort, { goal }));
  await until(() => reports().some((each) => each.processId === "inst::r" && each.synced), {
    deadlineMs,
    what: "a synced replica",
    intervalMs: 2,
  });
  // Redis may link them before the first look at the master has its answer.
  await until(() => states("inst::m").length > 0, { deadlineMs, what: "RUNNING of the master" });
  expect([states("inst::m"), states("inst::r")]).toEqual([["TASK_RUNNING"], ["TASK_RUNNING"]]);
  agent.send({ type: "KILL", kill: { task_id: { value: "inst::r" } } });
  await until(() => states("inst::r").includes("TASK_KILLED"), { deadlineMs, what: "TASK_KILLED" });
  agent.send({ type: "SHUTDOWN" });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(states("inst::m")).toEqual(["TASK_RUNNING", "TASK_KILLED"]);
});

/** Starts the program with one RUNNING single; its pid. */
async function startWithSingle(change: Record<string, string> = {}): Promise<number> {
  await startProgram(change);
  agent.launch(orderOf("inst::a", await freePort()));
  await until(() => states("inst::a").includes("TASK_RUNNING"), { deadlineMs, what: "RUNNING" });
  const [server] = findRedisServers(sandbox);
  return server?.pid ?? Number.NaN;
}

/** Starts the program with one RUNNING single and shells that wait for more; all their pids. */
async function startWithSpares(change: Record<string, string> = {}): Promise<number[]> {
  const pid = await startWithSingle(change);
  const below = () => findProcesses(sandbox).filter((each) => each.parentPid === program.pid);
  await until(() => below().length >= 4, { deadlineMs, what: "spare shells" });
  const pids = below().map((each) => each.pid);
  expect(pids).toContain(pid);
  return pids;
}

/** The kernel, or a shell, ends them in milliseconds; a loaded machine takes its time. */
const untilDead = (pids: readonly number[]): Promise<void> =>
  until(() => !pids.some(isAlive), { deadlineMs, intervalMs: 1, what: "all below it" });

/** Nothing that holds secrets stays on the disk. */
const untilNoConfiguration = (): Promise<void> =>
  until(() => !readdirSync(sandbox, { recursive: true }).join("\n").includes("redis.conf"), {
    deadlineMs,
    what: "no configuration",
  });

// The executor alone, not its group.
test.each(["SIGKILL", "SIGSEGV", "SIGABRT", "SIGQUIT", "SIGHUP"] as const)(
  "%s of the executor ends its redis-servers and what waits to become one",
  async (signal) => {
    const pids = await startWithSpares();
    program.signal(signal);
    await untilDead(pids);
  },
);

test("an executor that was frozen takes its redis-servers along when it is killed", async () => {
  const pids = await startWithSpares();
  program.signal("SIGSTOP");
  program.signal("SIGKILL");
  await untilDead(pids);
  await untilNoConfiguration();
});

test("kill -9 of the executor while it launches leaves nothing behind either", async () => {
  await startWithSpares();
  const ports = await freePorts(12);
  for (const [index, port] of ports.entries()) agent.launch(orderOf(`inst::${index}`, port));
  await until(() => findRedisServers(sandbox).length > 3, {
    deadlineMs,
    what: "some",
    intervalMs: 1,
  });
  program.signal("SIGKILL");
  await until(() => findProcesses(sandbox).length === 0, { deadlineMs, what: "their end" });
});

test("a defect ends the executor and all below it", async () => {
  const file = join(sandbox, "defect.cjs");
  writeFileSync(file, 'process.on("SIGUSR2", () => { throw new Error("a defect"); });');
  const pids = await startWithSpares({ NODE_OPTIONS: `--require=${file}` });
  program.signal("SIGUSR2");
  await untilDead(pids);
  expect(await program.exited).toEqual({ code: 70, signal: null });
  expect(program.stdout).toContain("a defect");
});

test("SIGTERM takes the shells that wait along", async () => {
  const pids = await startWithSpares();
  program.signal("SIGTERM");
  expect(await program.exited).toEqual({ code: 0, signal: null });
  await untilDead(pids);
});

test("without setpriv a watchdog does the same", async () => {
  const search = mkdtempSync(join(tmpdir(), "mrr-path-"));
  symlinkSync("/usr/bin/redis-server", join(search, "redis-server"));
  try {
    const pids = await startWithSpares({ PATH: search });
    expect(program.stdout).toContain("setpriv is missing");
    program.signal("SIGKILL");
    await untilDead(pids);
  } finally {
    rmSync(search, { recursive: true });
  }
});

test("an agent that is gone for good takes the executor and its redis-servers along", async () => {
  const pid = await startWithSingle();
  await agent.close();
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(isAlive(pid)).toBe(false);
});

test("with checkpointing the executor waits for its agent, and ends when it does not come back", async () => {
  const pid = await startWithSingle({ MESOS_CHECKPOINT: "1", MESOS_RECOVERY_TIMEOUT: "300ms" });
  const startMs = performance.now();
  await agent.close();
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - startMs).toBeGreaterThan(300);
  expect(isAlive(pid)).toBe(false);
});

test("SIGTERM ends it as SHUTDOWN does; no secret is in its output or on a command line", async () => {
  const pid = await startWithSingle();
  const lines = seeProcesses().map((each) => each.commandLine);
  program.signal("SIGTERM");
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(states("inst::a")).toEqual(["TASK_RUNNING", "TASK_KILLED"]);
  expect(isAlive(pid)).toBe(false);
  expect([program.log, ...lines, ...agent.messages].join("\n")).not.toContain("secret-of-inst::a");
});

test("a launch that is no launch order, and a KILL of an unknown task, are answered once", async () => {
  await startProgram();
  const data = Buffer.from("{}").toString("base64");
  const task = { name: "x", task_id: { value: "x::1" }, agent_id: { value: "agent-1" }, data };
  agent.send({ type: "LAUNCH", launch: { task } });
  agent.send({ type: "MESSAGE", message: { data } });
  for (let times = 0; times < 2; times += 1) {
    agent.send({ type: "KILL", kill: { task_id: { value: "y::1" } } });
  }
  await until(() => states("y::1").length > 0, { deadlineMs, what: "an answer to KILL" });
  agent.send({ type: "SHUTDOWN" });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(agent.statuses.map((each) => [each.task_id.value, each.state])).toEqual([
    ["x::1", "TASK_FAILED"],
    ["y::1", "TASK_KILLED"],
  ]);
  expect(agent.statuses[0]?.message).toContain("its data is no launch order");
});

test("outside of an agent it says what is missing", async () => {
  program = await launch({ command: process.execPath, args: [bundle], cwd: sandbox, env: {} });
  expect(await program.exited).toEqual({ code: 2, signal: null });
  expect(program.stdout).toContain("MESOS_AGENT_ENDPOINT is missing");
});
