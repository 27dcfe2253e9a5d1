/**
 * Owns the measurement of recovery: a scheduler with many instances in its store is killed with SIGKILL and started again.
 * The cluster is `mrr-local --stub-executors`: all tasks live on in executors that start no redis-server. Told is the time
 * from the start of the process until /readyz is ok (framework subscribed), and until every instance is RUNNING with
 * every process reported ready again. Not: tests. Called by hand: `node bench/recovery.mjs`; see bench/recovery.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const option = (name, fallback) => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
};
const instances = Number(option("instances", 2_000));
const agents = Number(option("agents", 60));
const runs = Number(option("runs", 3));
const callers = Number(option("callers", 50));
/** Configuration keys as JSON, for another store: '{"DBType":"etcd","DBEndPoint":"127.0.0.1:2379"}'. */
const extraConfig = JSON.parse(option("config", "{}"));
/** Directory for CPU profiles of both programs; the scheduler writes its own when it ends in order. */
const profiles = option("profiles", null);

/** Longest time of one phase: something must be wrong by then. */
const phaseMsMax = 600_000;
/** How long the programs are watched while nothing is asked of them: reports alone. */
const restMs = 10_000;
/** Instances that are created at once. */
const waveCount = Number(option("wave", 250));
/** Most instances in one page of the API. */
const pageLimit = 500;

const work = mkdtempSync(join(tmpdir(), "mrr-recovery-"));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

function start(name, args) {
  const log = createWriteStream(join(work, `${name}.log`), { flags: "a" });
  const node = profiles === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profiles];
  const program = `packages/${name}/bin/mrr-${name}.js`;
  const child = spawn(process.execPath, [...node, program, ...args], { cwd: root });
  child.stderr.pipe(log);
  child.stdout.pipe(log);
  child.ended = new Promise((resolve) => child.once("exit", resolve));
  return child;
}

/** Asks until `isDone` says so; gives the milliseconds since `startMs`. */
async function until(what, child, startMs, isDone, pauseMs = 20) {
  for (;;) {
    const done = await isDone().catch(() => false);
    const tookMs = performance.now() - startMs;
    if (done) return tookMs;
    if (child.exitCode !== null) throw new Error(`a program ended; its log is in ${work}`);
    if (tookMs > phaseMsMax) throw new Error(`${what}: not within ${phaseMsMax} ms`);
    await pause(pauseMs);
  }
}

/** Resident memory and CPU time of a process so far. */
function costOf({ pid }) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  const cpuMs = (Number(stat[11]) + Number(stat[12])) * 10;
  const residentMb = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024);
  return { cpuMs, residentMb };
}

const [httpPort, artifactPort, mesosPort] = [await freePort(), await freePort(), await freePort()];
const endpoint = `http://127.0.0.1:${httpPort}`;
const configFile = join(work, "config.json");
const config = {
  UserName: "",
  DBType: "embedded",
  DataDir: join(work, "data"),
  Master: `127.0.0.1:${mesosPort}`,
  ArtifactIP: "127.0.0.1",
  ArtifactPort: String(artifactPort),
  HTTPBind: "127.0.0.1",
  HTTPPort: String(httpPort),
  NodePath: process.execPath,
  ...extraConfig,
};
writeFileSync(configFile, JSON.stringify(config));

const isReady = async () => (await fetch(`${endpoint}/readyz`)).ok;

/** True when every instance is RUNNING and every process of it is ready; stops at the first page that is not so. */
async function isReconciled(count = instances) {
  let after = "";
  let seen = 0;
  do {
    const answer = await fetch(`${endpoint}/v2/instances?limit=${pageLimit}&after=${after}`);
    const page = await answer.json();
    const isRunning = ({ status, processes }) =>
      status === "RUNNING" && processes.length === 3 && processes.every(({ ready }) => ready);
    if (!page.instances.every(isRunning)) return false;
    seen += page.instances.length;
    after = page.next;
  } while (after !== null && after !== undefined);
  return seen === count;
}

async function create(name) {
  const answer = await fetch(`${endpoint}/v2/instances`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, memory: 100, slaves: 2 }),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${name}: ${answer.status} ${text}`);
}

/** Creates in waves, each RUNNING before the next: on a busy machine 6,000 starts at once wait for each other too long. */
async function createAll() {
  let next = 0;
  while (next < instances) {
    const waveEnd = Math.min(next + waveCount, instances);
    const call = async () => {
      while (next < waveEnd) {
        next += 1;
        await create(`recovery-${next}`);
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
    const isDone = () => isReconciled(waveEnd);
    await until(`${waveEnd} RUNNING`, scheduler, performance.now(), isDone, 250);
  }
}

const startScheduler = () => start("scheduler", [`-config=${configFile}`]);
const ms = (value) => `${Math.round(value)} ms`;

console.log(
  `${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}, node ${process.version}: ` +
    `${instances} instances of three processes on ${agents} agents, store ${config.DBType}`,
);
const local = start("local", [
  ...["--stub-executors", "--agents", String(agents), "--port", String(mesosPort)],
  ...["--work-dir", join(work, "agents")],
]);
let scheduler;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const child of [scheduler, local]) child?.kill("SIGKILL");
    rmSync(work, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  const masterIsUp = async () => (await fetch(`http://127.0.0.1:${mesosPort}/health`)).ok;
  await until("mrr-local", local, performance.now(), masterIsUp);
  scheduler = startScheduler();
  await until("ready", scheduler, performance.now(), isReady);
  const startMs = performance.now();
  await createAll();
  console.log(`created and RUNNING, in waves of ${waveCount}: ${ms(performance.now() - startMs)}`);
  const log = readFileSync(join(work, "scheduler.log"), "utf8");
  const linesWith = (text) => log.split("\n").filter((line) => line.includes(text)).length;
  console.log(
    `calls without effect: ${linesWith("a call to Mesos had no effect")}, ` +
      `kills: ${linesWith("killing a task")}; CPU until then: ` +
      `scheduler ${costOf(scheduler).cpuMs} ms, mrr-local ${costOf(local).cpuMs} ms`,
  );
  const rest = [costOf(scheduler), costOf(local)];
  await pause(restMs);
  const [schedulerCpu, localCpu] = [costOf(scheduler), costOf(local)].map(
    ({ cpuMs }, index) => (100 * (cpuMs - rest[index].cpuMs)) / restMs,
  );
  console.log(
    `at rest: scheduler ${schedulerCpu.toFixed(0)} %, mrr-local ${localCpu.toFixed(0)} % of a core`,
  );
  const times = { ready: [], reconciled: [] };
  for (let run = 0; run < runs; run += 1) {
    await pause(2_000);
    scheduler.kill("SIGKILL");
    await scheduler.ended;
    const before = costOf(local);
    const againMs = performance.now();
    scheduler = startScheduler();
    times.ready.push(await until("ready again", scheduler, againMs, isReady, 5));
    times.reconciled.push(await until("reconciled", scheduler, againMs, () => isReconciled()));
    const own = costOf(scheduler);
    console.log(
      `after a kill -9: ready ${ms(times.ready.at(-1))}, reconciled ${ms(times.reconciled.at(-1))}; ` +
        `CPU of scheduler ${own.cpuMs} ms, of mrr-local ${costOf(local).cpuMs - before.cpuMs} ms; ` +
        `resident ${own.residentMb} and ${costOf(local).residentMb} MB`,
    );
  }
  if (runs > 0) {
    console.log(
      `median of ${runs}: ready ${ms(median(times.ready))}, reconciled ${ms(median(times.reconciled))} (bar 5000 ms)`,
    );
  }
} finally {
  for (const child of [scheduler, local]) {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await child.ended;
  }
  rmSync(work, { recursive: true, force: true });
}
