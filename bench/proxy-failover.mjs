/**
 * Owns the measurement of failovers as a client of the proxy sees them, beside what clients see that know every member: in
 * each round, at the same kill -9 of the master of 1 + 2, the time to the first write that is accepted again (a) by any
 * member directly, as bench/failover.mjs, (b) through the proxy over a plain socket that reconnects after 1 ms, (c)
 * through the proxy by ioredis as it is by default. Not: tests (e2e). Called by hand: `node bench/proxy-failover.mjs
 * [--rounds 30] [--plane userspace|kernel] [--workers 1] [--page none]`; see bench/proxy-failover.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";

const root = fileURLToPath(new URL("..", import.meta.url));
const option = (name, fallback) => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
};
const rounds = Number(option("rounds", 30));
const plane = option("plane", "userspace");
const workers = option("workers", "1");
/** Where the table goes; "none" for a trial. */
const page = option("page", join(root, "bench/proxy-failover.md"));

/** The bar: the median through the proxy is at most so much above the direct one. */
const addedMsMax = 50;
/** From a kill to the first accepted write, and until all is whole again. */
const acceptMsMax = 60_000;
const wholeMsMax = 120_000;
/** Between two commands of one writer, and before the next connection of a plain socket. */
const writeIntervalMs = 1;
/** Writes of each kind that must have been accepted before the kill: all writers are at speed. */
const acceptedBefore = 100;
/** Rest between whole and the next round: what was busy with the replacement has ended. */
const restMs = 500;
/** Reports and fencing as `mrr up` has them. */
const name = "trio";

const work = mkdtempSync(join(tmpdir(), "mrr-proxy-failover-"));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const listens = (port) =>
  new Promise((resolve) => {
    const server = createServer()
      .once("error", () => resolve(0))
      .listen(port, "127.0.0.1", () => {
        const taken = server.address().port;
        server.close(() => resolve(taken));
      });
  });

/** The first of `count` free ports in a row, below those that systems hand out by themselves. */
async function freeRange(count) {
  const span = Math.floor(18_000 / count);
  for (let tries = 0; tries < span; tries += 1) {
    const first = 12_000 + count * Math.floor(Math.random() * span);
    let free = 0;
    while (free < count && (await listens(first + free)) !== 0) free += 1;
    if (free === count) return first;
  }
  throw new Error("no range of free ports");
}

/** Asks again and again until it gives something; the failure tells what was last wrong. */
async function until(what, msMax, look, intervalMs = 20) {
  const endMs = performance.now() + msMax;
  for (;;) {
    let wrong = "not yet";
    const found = await look().catch((error) => {
      wrong = String(error.message);
    });
    if (found) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${msMax} ms: ${wrong}`);
    await pause(intervalMs);
  }
}

/** Every program that was started and has not ended. */
const children = new Set();

function start(args) {
  const child = spawn(process.execPath, args.map(String), {
    cwd: root,
    stdio: ["pipe", "ignore", "pipe"],
  });
  child.errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    child.errors = (child.errors + text).slice(-4_000);
  });
  children.add(child);
  child.ended = new Promise((resolve) => child.once("exit", resolve));
  child.ended.then(() => children.delete(child));
  return child;
}

/** In the order in which they were started; the executors end with the embedded cluster. */
async function endAll() {
  for (const child of [...children].reverse()) {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await child.ended;
    clearTimeout(late);
  }
  rmSync(work, { recursive: true, force: true });
}

const readyAt = (child, url) =>
  until(`${url} (run \`npm run build\` first)`, 60_000, async () => {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${child.errors}`);
    return (await fetch(url)).ok;
  });

/** Embedded cluster, scheduler and proxy; gives the scheduler's address. */
async function startSite() {
  const [mesos, artifact, http, admin] = await Promise.all([0, 0, 0, 0].map(listens));
  const first = await freeRange(400);
  const proxyFirst = await freeRange(10);
  start([
    ...["packages/local/bin/mrr-local.js", "--port", mesos, "--agents", 4],
    ...["--work-dir", join(work, "agents"), "--ports", `${first}-${first + 399}`],
  ]);
  const file = join(work, "config.json");
  const config = {
    ...{ UserName: "", DBType: "embedded", DataDir: join(work, "data") },
    ...{ Master: `127.0.0.1:${mesos}`, ArtifactIP: "127.0.0.1", ArtifactPort: `${artifact}` },
    ...{ HTTPBind: "127.0.0.1", HTTPPort: `${http}`, NodePath: process.execPath },
    ProxyPorts: `${proxyFirst}-${proxyFirst + 9}`,
  };
  writeFileSync(file, JSON.stringify(config));
  const endpoint = `http://127.0.0.1:${http}`;
  await readyAt(
    start(["packages/scheduler/bin/mrr-scheduler.js", `-config=${file}`]),
    `${endpoint}/readyz`,
  );
  const proxy = start([
    ...["packages/proxy/bin/mrr-proxy.js", "-scheduler", endpoint, "-bind", "127.0.0.1"],
    ...["-plane", plane, "-workers", workers, "-http-port", admin, "-state", ""],
  ]);
  await readyAt(proxy, `http://127.0.0.1:${admin}/readyz`);
  return endpoint;
}

/** Members and the write port once all are ready and in sync. */
async function whole(endpoint) {
  return await until(`${name} whole`, wholeMsMax, async () => {
    const shown = await (await fetch(`${endpoint}/v2/instances/${name}`)).json();
    const { status, reason, processes, proxy } = shown;
    if (status !== "RUNNING") throw new Error(`${status}: ${reason?.text}`);
    if (processes.length !== 3 || !processes.every(({ ready }) => ready)) return null;
    const master = processes.find(({ role }) => role === "master").port;
    return { master, ports: processes.map(({ port }) => port), write: proxy.write };
  });
}

/** Writes over a plain socket, one command in flight; notes each accepted write. */
function writeTo(port, life, note) {
  const attempt = () => {
    if (life.isOver) return;
    const socket = connect(port, "127.0.0.1");
    let text = "";
    const send = () => {
      if (life.isOver) socket.destroy();
      else socket.write("INCR counter\r\n");
    };
    life.sockets.add(socket);
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("connect", send).on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk;
      if (!text.endsWith("\r\n")) return;
      if (text.startsWith(":")) note(performance.now());
      text = "";
      setTimeout(send, writeIntervalMs);
    });
    socket.on("close", () => {
      life.sockets.delete(socket);
      setTimeout(attempt, writeIntervalMs);
    });
  };
  attempt();
}

/** Writes with ioredis as it is by default. */
async function writeByClient(port, life, note) {
  const redis = new Redis({ host: "127.0.0.1", port });
  redis.on("error", () => {});
  while (!life.isOver) {
    try {
      await redis.incr("counter");
      note(performance.now());
    } catch {
      // Refused, or given up after its tries: the next one.
    }
    await pause(writeIntervalMs);
  }
  redis.disconnect();
}

const kinds = { direct: "direct", plain: "proxy, plain socket", client: "proxy, ioredis" };

/** One kill; gives for each kind the time to the first write that was accepted by the new master. */
async function round(endpoint) {
  const { master, ports, write } = await whole(endpoint);
  await pause(restMs);
  const pid = await pidOf(master);
  const life = { isOver: false, sockets: new Set() };
  const counts = { direct: 0, plain: 0, client: 0 };
  const firsts = {};
  let killedMs = Number.POSITIVE_INFINITY;
  const note = (kind, isOld) => (atMs) => {
    counts[kind] += 1;
    // An answer that the dead one gave may still be on its way; the new master is not there that soon.
    if (!isOld && atMs > killedMs + 5) firsts[kind] ??= atMs;
  };
  for (const port of ports) writeTo(port, life, note("direct", port === master));
  writeTo(write, life, note("plain", false));
  const client = writeByClient(write, life, note("client", false));
  try {
    await until("writes", 30_000, async () =>
      Object.values(counts).every((count) => count >= acceptedBefore),
    );
    killedMs = performance.now();
    process.kill(pid, "SIGKILL");
    await until(
      "all write again",
      acceptMsMax,
      async () => Object.keys(counts).every((kind) => firsts[kind] !== undefined),
      5,
    );
    return Object.fromEntries(Object.entries(firsts).map(([kind, at]) => [kind, at - killedMs]));
  } finally {
    life.isOver = true;
    for (const socket of life.sockets) socket.destroy();
    await client;
  }
}

const pidOf = (port) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("latin1").on("error", reject);
    socket.write("INFO server\r\n");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
      const found = /process_id:(\d+)/.exec(text);
      if (found === null) return;
      socket.destroy();
      resolve(Number(found[1]));
    });
  });

const sorted = (list) => [...list].sort((left, right) => left - right);
const rank = (list, part) => sorted(list)[Math.max(0, Math.ceil(list.length * part) - 1)];

function table(results) {
  const direct = rank(
    results.map((each) => each.direct),
    0.5,
  );
  const rows = Object.entries(kinds).map(([kind, text]) => {
    const times = results.map((each) => each[kind]);
    const cells = [0.5, 0.99, 1].map((part) => rank(times, part).toFixed(1));
    const added = kind === "direct" ? "" : (rank(times, 0.5) - direct).toFixed(1);
    return `| ${[text, results.length, ...cells, added].join(" | ")} |`;
  });
  return [
    "| client | rounds | median ms | p99 ms | max ms | median added ms |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function publish(results, loadBefore) {
  const version = /v=(\S+)/.exec(String(spawnSync("redis-server", ["--version"]).stdout))?.[1];
  const loads = `load ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after`;
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const command = `node bench/proxy-failover.mjs ${process.argv.slice(2).join(" ")}`.trim();
  const machine = `${availableParallelism()} cores, Node ${process.version}, Redis ${version}`;
  const text = `\`${command}\`, ${date} UTC: ${machine}, plane ${plane}, ${loads}.\n\n${table(results)}`;
  console.log(`\n${text}`);
  if (page === "none") return;
  const [before, rest] = readFileSync(page, "utf8").split("<!-- run -->\n");
  const [, after] = rest.split("<!-- /run -->");
  writeFileSync(page, `${before}<!-- run -->\n${text}\n<!-- /run -->${after}`);
}

async function main() {
  const loadBefore = loadavg()[0];
  const endpoint = await startSite();
  const answer = await fetch(`${endpoint}/v2/instances?wait=60`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, memory: 100, slaves: 2 }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const results = [];
  for (let number = 1; number <= rounds; number += 1) {
    const result = await round(endpoint);
    results.push(result);
    const times = Object.entries(result).map(([kind, ms]) => `${kind} ${ms.toFixed(1)} ms`);
    console.log(`${number}: ${times.join(", ")}`);
  }
  publish(results, loadBefore);
  const added = Object.keys(kinds).map((kind) => {
    const medianOf = (each) =>
      rank(
        results.map((one) => one[each]),
        0.5,
      );
    return medianOf(kind) - medianOf("direct");
  });
  console.log(
    `bar: at most ${addedMsMax} ms added: ${Math.max(...added) <= addedMsMax ? "held" : "NOT held"}`,
  );
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => void endAll().then(() => process.exit(1)));
}
try {
  await main();
} finally {
  await endAll();
}
