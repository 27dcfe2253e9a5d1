/**
 * Owns the measurement of one executor: a burst of launches, from the first LAUNCH to RUNNING and synced, and its CPU time.
 * Run by hand in the root of the repository; command and results are in executor.md. Uses the bundled executor.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { decodeReportBatch, type LaunchOrder, type ProcessReport } from "@mr-redis/core";
import { freePorts, launch, seeProcesses, sweepProcesses, until } from "@mr-redis/testing";
import { masterOf, orderOf } from "../packages/executor/test/harness.js";
import { agentEnvironment, startSmallAgent } from "../packages/executor/test/small-agent.js";

const bundle = resolve(process.argv[2] ?? "packages/executor/bundle/mr-redis-executor.cjs");
const runs = Number(process.argv[3] ?? 5);
const nodeFlags = process.argv.slice(4);
const deadlineMs = 30_000;

/** A warm executor has nothing to do when the burst comes. */
const settleMs = 2_000;

/** Milliseconds on a CPU of all threads of a process; 0 when it is gone. */
function cpuMs(pid: number): number {
  let total = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
      total += Number(text.split(" ")[0]) / 1e6;
    }
  } catch {
    return total;
  }
  return total;
}

function residentMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]) / 1024;
}

/** Everything below the executor: redis-servers, and what waits to become one. */
function belowCpuMs(pid: number): number {
  const all = seeProcesses();
  const found = new Set([pid]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const each of all) if (found.has(each.parentPid)) found.add(each.pid);
  }
  found.delete(pid);
  return [...found].reduce((sum, each) => sum + cpuMs(each), 0);
}

interface Outcome {
  readonly runningMs: number;
  readonly syncedMs: number;
  /** Of the executor, until all are synced. */
  readonly cpuMs: number;
  /** Of the executor, from then until 500 ms later: what was put off. */
  readonly laterCpuMs: number;
  /** Of the processes below it, until all are synced. */
  readonly belowCpuMs: number;
  readonly residentMib: number;
  readonly messages: number;
}

async function ordersOf(singles: number, replicas: number): Promise<LaunchOrder[]> {
  const ports = await freePorts(singles + (replicas > 0 ? 1 : 0) + replicas);
  const orders = ports.slice(0, singles).map((port, index) => orderOf(`single${index}::a`, port));
  const [masterPort, ...replicaPorts] = ports.slice(singles);
  if (masterPort === undefined) return orders;
  const master = orderOf("inst::m", masterPort);
  const goal = { role: "replica", master: masterOf(master) } as const;
  return [
    ...orders,
    master,
    ...replicaPorts.map((port, index) => orderOf(`inst::r${index}`, port, { goal })),
  ];
}

async function measure(singles: number, replicas: number, warm: boolean): Promise<Outcome> {
  const agent = await startSmallAgent();
  const sandbox = mkdtempSync(join(tmpdir(), "mrr-bench-"));
  const program = await launch({
    command: process.execPath,
    args: [...nodeFlags, bundle],
    cwd: sandbox,
    env: agentEnvironment(agent, sandbox),
  });
  try {
    await until(() => agent.isSubscribed(), { what: "SUBSCRIBE", deadlineMs, intervalMs: 1 });
    if (warm) {
      const [first = 0] = await freePorts(1);
      agent.launch(orderOf("first::a", first));
      await until(() => agent.statuses.length > 0, { what: "the first one", deadlineMs });
      await new Promise((done) => setTimeout(done, settleMs));
    }
    const orders = await ordersOf(singles, replicas);
    const before = { cpu: cpuMs(program.pid), below: belowCpuMs(program.pid) };
    const seen = { messages: agent.messages.length, statuses: agent.statuses.length };
    const startMs = performance.now();
    for (const order of orders) agent.launch(order);
    const running = () => agent.statuses.length - seen.statuses === orders.length;
    const waiting = new Set(orders.map((order) => order.processId));
    let read = seen.messages;
    const synced = (): boolean => {
      for (; read < agent.messages.length; read += 1) {
        const batch = decodeReportBatch(agent.messages[read] ?? "");
        const processes: readonly ProcessReport[] = batch.ok ? batch.value.processes : [];
        for (const each of processes) if (each.synced) waiting.delete(each.processId);
      }
      return waiting.size === 0;
    };
    const isDone = (): boolean => {
      const failed = agent.statuses.find((each) => each.state !== "TASK_RUNNING");
      if (failed !== undefined) throw new Error(`a port was taken: ${failed.message}`);
      return synced() && running();
    };
    await until(isDone, { what: "all synced", deadlineMs, intervalMs: 2 });
    const syncedMs = performance.now() - startMs;
    const cpu = cpuMs(program.pid);
    const below = belowCpuMs(program.pid);
    const messages = agent.messages.length - seen.messages;
    await new Promise((done) => setTimeout(done, 500));
    return {
      runningMs: Math.max(...agent.statuses.map((each) => each.atMs)) - startMs,
      syncedMs,
      cpuMs: cpu - before.cpu,
      laterCpuMs: cpuMs(program.pid) - cpu,
      belowCpuMs: below - before.below,
      residentMib: residentMib(program.pid),
      messages,
    };
  } finally {
    await program.kill();
    await agent.close();
    await sweepProcesses(sandbox);
    rmSync(sandbox, { recursive: true, force: true });
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const columns = [
  "runningMs",
  "syncedMs",
  "cpuMs",
  "laterCpuMs",
  "belowCpuMs",
  "residentMib",
  "messages",
] as const satisfies readonly (keyof Outcome)[];

async function bench(title: string, singles: number, replicas: number, warm: boolean) {
  const outcomes: Outcome[] = [];
  for (let run = 0; run < runs; run += 1) outcomes.push(await measure(singles, replicas, warm));
  const cells = columns.map((name) => {
    const values = outcomes.map((each) => each[name]);
    return `${Math.round(median(values))} (${Math.round(Math.min(...values))})`;
  });
  process.stdout.write(`| ${title} | ${cells.join(" | ")} |\n`);
}

process.stdout.write(`| median (best) of ${runs} | ${columns.join(" | ")} |\n`);
process.stdout.write(`| --- |${" --- |".repeat(columns.length)}\n`);
await bench("70 singles, warm", 70, 0, true);
await bench("23 singles, warm", 23, 0, true);
await bench("1 + 12, warm", 0, 12, true);
await bench("23 singles, cold", 23, 0, false);
