/**
 * Owns the bundled program against a small agent: clean environment, end to end, and that nothing outlives it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeReportBatch, type ProcessReport } from "@mr-redis/core";
import {
  findRedisServers,
  freePort,
  freePorts,
  isAlive,
  launch,
  type Program,
  run,
  seeProcesses,
  sweepProcesses,
  until,
} from "@mr-redis/testing";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { masterOf, orderOf } from "./harness.js";
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
}, 30_000);

beforeEach(async () => {
  agent = await startSmallAgent();
  sandbox = mkdtempSync(join(tmpdir(), "mrr-sandbox-"));
});

afterEach(async () => {
  await program.kill();
  await agent.close();
  const left = await sweepProcesses(sandbox);
  rmSync(sandbox, { recursive: true, force: true });
  expect(left).toEqual([]);
});

async function startProgram(change: Record<string, string> = {}): Promise<void> {
  program = await launch({
    command: process.execPath,
    args: [bundle],
    cwd: sandbox,
    env: { ...agentEnvironment(agent, sandbox), ...change },
  });
  await until(() => agent.isSubscribed(), { what: "SUBSCRIBE" });
}

const reports = (): ProcessReport[] =>
  agent.messages.flatMap((text) => {
    const batch = decodeReportBatch(text);
    return batch.ok ? [...batch.value.processes] : [];
  });

const states = (taskId: string): string[] =>
  agent.statuses.filter((each) => each.task_id.value === taskId).map((each) => each.state);

test("launch, replicate, kill and shut down, in an agent's clean environment", async () => {
  const startMs = performance.now();
  await startProgram();
  const subscribedMs = performance.now() - startMs;
  const [masterPort = 0, replicaPort = 0] = await freePorts(2);
  const master = orderOf("inst::m", masterPort);
  const goal = { role: "replica", master: masterOf(master) } as const;
  const launchMs = performance.now();
  agent.launch(master);
  agent.launch(orderOf("inst::r", replicaPort, { goal }));
  await until(() => reports().some((each) => each.processId === "inst::r" && each.synced), {
    what: "a synced replica",
    intervalMs: 2,
  });
  console.log({ subscribedMs, syncedMs: performance.now() - launchMs });
  expect([states("inst::m"), states("inst::r")]).toEqual([["TASK_RUNNING"], ["TASK_RUNNING"]]);
  agent.send({ type: "KILL", kill: { task_id: { value: "inst::r" } } });
  await until(() => states("inst::r").includes("TASK_KILLED"), { what: "TASK_KILLED" });
  agent.send({ type: "SHUTDOWN" });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(states("inst::m")).toEqual(["TASK_RUNNING", "TASK_KILLED"]);
});
