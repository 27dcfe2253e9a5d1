/**
 * Owns the measurement of failovers, by turns in one run on one machine: mr-redis (1 + 2 and 1 + 1 on `mrr up`) beside
 * Redis Sentinel (a master, two replicas, three sentinels) over the same redis-server with the same data. Clients write
 * to every member all the time; told is the time from a signal to the first write that is accepted again, and which
 * acknowledged writes are gone. Not: tests (e2e). Called by hand: `node bench/failover.mjs`; see bench/failover.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
const stopRounds = Number(option("stop-rounds", 10));
/** Rounds of kill -9 with the limits that Sentinel has by default: some 30 s each. */
const defaultRounds = Number(option("default-rounds", 0));
const keys = Number(option("keys", 10_000));
/** Where the table goes; "none" for a trial. */
const page = option("page", join(root, "bench/failover.md"));
const jsonFile = option("json", join(tmpdir(), "mrr-failover.json"));

/** From a signal to the first accepted write: Sentinel's defaults need 30 s and, after a split vote, minutes. */
const acceptMsMax = 400_000;
/** Until a set is whole again: a full resync and the patience of both sides on a busy machine. */
const wholeMsMax = 180_000;
/** Between two commands of one writer, and before its next connection. */
const writeIntervalMs = 1;
/** Writes that must have been accepted before the signal: the writers are at speed. */
const acceptedBefore = 100;
/** Rest between whole and the next round: what was busy with the replacement has ended. */
const restMs = 500;

const work = mkdtempSync(join(tmpdir(), "mrr-failover-"));
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
const freePort = () => listens(0);

/** The first of `count` free ports in a row, below those that systems hand out by themselves. */
async function freeRange(count) {
  for (let first = 10_000; first < 32_000; first += count) {
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

/** Runs `use` with a connection that fails fast. */
async function withRedis(port, use) {
  const redis = new Redis({
    ...{ host: "127.0.0.1", port, lazyConnect: true, maxRetriesPerRequest: 1 },
    ...{ enableOfflineQueue: false, retryStrategy: () => null, commandTimeout: 10_000 },
    enableReadyCheck: false,
  });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

const pidOf = (port) =>
  withRedis(port, async (redis) => Number(/process_id:(\d+)/.exec(await redis.info("server"))[1]));

/** How many replicas the master at this port holds online. */
const onlineAt = (port) =>
  withRedis(port, async (redis) => {
    const text = await redis.info("replication");
    return text.includes("role:master") ? text.split("state=online").length - 1 : -1;
  });

/** Signals a process that may have ended. */
const signal = (pid, name) => {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended
  }
};

/** Every program that was started and has not ended. */
const children = new Set();
let isEnding = false;

function start(program, args, stdin = "ignore") {
  if (isEnding) throw new Error("everything is being ended");
  const child = spawn(program, args.map(String), { cwd: root, stdio: [stdin, "ignore", "ignore"] });
  children.add(child);
  child.ended = new Promise((resolve) => child.once("exit", resolve));
  child.ended.then(() => children.delete(child));
  return child;
}

/** Ends everything: `mrr up` ends its own when asked, the others hold nothing that is worth a word. */
async function endAll() {
  isEnding = true;
  const all = [...children];
  for (const child of all) child.kill(child.isUp ? "SIGINT" : "SIGKILL");
  const late = setTimeout(() => {
    for (const child of children) child.kill("SIGKILL");
  }, 30_000);
  await Promise.all(all.map(({ ended }) => ended));
  clearTimeout(late);
  rmSync(work, { recursive: true, force: true });
}

const fill = (port) =>
  withRedis(port, async (redis) => {
    const pipeline = redis.pipeline();
    for (let key = 0; key < keys; key += 1) pipeline.set(`key:${key}`, "x".repeat(100));
    await pipeline.exec();
    await redis.wait(2, 5_000);
  });

/** `mrr up` as a user starts it. */
async function startUp() {
  const [http, artifact, mesos] = [await freePort(), await freePort(), await freePort()];
  const first = await freeRange(500);
  const args = ["packages/mrr-cli/bin/mrr.js", "up", "--exit-with-parent", "--agents", 4];
  args.push("--data-dir", join(work, "up"), "--ports", `${first}-${first + 399}`);
  args.push("--http-port", http, "--artifact-port", artifact, "--mesos-port", mesos);
  args.push(
    "--proxy-http-port",
    await freePort(),
    "--proxy-ports",
    `${first + 400}-${first + 499}`,
  );
  const child = start(process.execPath, args, "pipe");
  child.isUp = true;
  const endpoint = `http://127.0.0.1:${http}`;
  await until("mrr up (run `npm run build` first)", 60_000, async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    return (await fetch(`${endpoint}/readyz`)).ok;
  });
  return endpoint;
}

/** A set that is an instance of mr-redis. */
async function startOurs(endpoint, name, slaves) {
  const answer = await fetch(`${endpoint}/v2/instances?wait=60`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, memory: 100, slaves }),
  });
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  /** Members once all are ready, in sync and the master is fenced. */
  const look = async () => {
    const { status, reason, processes } = await (
      await fetch(`${endpoint}/v2/instances/${name}`)
    ).json();
    if (status !== "RUNNING") throw new Error(`${status}: ${reason?.text}`);
    const master = processes.find(({ role }) => role === "master")?.port;
    if (processes.length !== slaves + 1 || !processes.every(({ ready }) => ready)) return null;
    const online = await onlineAt(master);
    if (online !== slaves) throw new Error(`${online} replicas are online`);
    const [, quorum] = await withRedis(master, (redis) => {
      return redis.config("GET", "min-replicas-to-write");
    });
    if (quorum !== "1") throw new Error(`write quorum ${quorum}`);
    return { master, ports: processes.map(({ port }) => port) };
  };
  const set = { name, whole: () => until(`${name} whole`, wholeMsMax, look), repair: () => {} };
  await fill((await set.whole()).master);
  return set;
}

/** Of a redis-server as mr-redis configures it, what costs time in a failover or a resync. */
const settings = (port, directory) => [
  ...[`port ${port}`, "bind 127.0.0.1", 'save ""', "appendonly no", "maxmemory 100mb"],
  ...["repl-diskless-sync yes", "repl-diskless-sync-delay 0", "loglevel warning"],
  ...[`dir ${directory}`, `logfile ${directory}/log`],
];

/** Flat list of names and values as Sentinel answers. */
const fieldsOf = (list) =>
  Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]]] : [])));

const sentinelTexts = (name, sentinel, directory, masterPort, limits) => [
  ...[`port ${sentinel}`, "bind 127.0.0.1", `dir ${directory}`, `logfile ${directory}/log`],
  `sentinel monitor ${name} 127.0.0.1 ${masterPort} 2`,
  `sentinel parallel-syncs ${name} 2`,
  `sentinel down-after-milliseconds ${name} ${limits.downMs}`,
  `sentinel failover-timeout ${name} ${limits.failoverMs}`,
];

/** A set under three sentinels. */
async function startSentinel(name, limits) {
  const first = await freeRange(6);
  const ports = [first, first + 1, first + 2];
  const sentinels = [first + 3, first + 4, first + 5];
  const write = (port, lines) => {
    const directory = join(work, String(port));
    mkdirSync(directory);
    writeFileSync(join(directory, "conf"), `${lines(directory).join("\n")}\n`);
  };
  const run = (port, ...more) => start("redis-server", [join(work, String(port), "conf"), ...more]);
  for (const port of ports) write(port, (directory) => settings(port, directory));
  run(first);
  await until("a redis-server", 10_000, async () => (await onlineAt(first)) === 0);
  for (const port of ports.slice(1)) run(port, "--replicaof", "127.0.0.1", first);
  await until("its replicas", 30_000, async () => (await onlineAt(first)) === 2);
  await fill(first);
  for (const port of sentinels) {
    write(port, (directory) => sentinelTexts(name, port, directory, first, limits));
    run(port, "--sentinel");
  }
  /** What one sentinel takes for the master; throws unless it sees all others well. */
  const seenBy = (sentinel) =>
    withRedis(sentinel, async (redis) => {
      const master = fieldsOf(await redis.call("SENTINEL", "MASTER", name));
      const replicas = (await redis.call("SENTINEL", "REPLICAS", name)).map(fieldsOf);
      const flags = [master, ...replicas].map((one) => one.flags).join(" ");
      if (flags !== "master slave slave" || master["num-other-sentinels"] !== "2")
        throw new Error(`${flags}, ${master["num-other-sentinels"]} other sentinels`);
      return Number(master.port);
    });
  const look = async () => {
    const seen = await Promise.all(sentinels.map(seenBy));
    if (new Set(seen).size !== 1) throw new Error(`masters ${seen}`);
    const online = await onlineAt(seen[0]);
    if (online !== 2) throw new Error(`${online} replicas are online`);
    return { master: seen[0], ports };
  };
  return {
    name,
    whole: () => until(`${name} whole`, wholeMsMax, look),
    /** Somebody must start what was killed; what was stopped, Sentinel makes a replica. */
    repair: (port, master, isKilled) => {
      if (isKilled) run(port, "--replicaof", "127.0.0.1", master);
    },
  };
}

/** Writes to one member, one command in flight; notes each answer. */
function writeTo(port, key, life, note) {
  let number = 0;
  const attempt = () => {
    if (life.isOver) return;
    const socket = connect(port, "127.0.0.1");
    let value = "";
    let text = "";
    const send = () => {
      if (life.isOver) return socket.destroy();
      number += 1;
      value = `${port}/${number}`;
      socket.write(`RPUSH ${key} ${value}\r\n`);
    };
    life.sockets.add(socket);
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("connect", send).on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk;
      if (!text.endsWith("\r\n")) return;
      note({ port, value, atMs: performance.now(), isAccepted: text.startsWith(":") });
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

function startWriters(ports, key) {
  const life = { isOver: false, sockets: new Set() };
  const answers = [];
  for (const port of ports) writeTo(port, key, life, (answer) => answers.push(answer));
  const stop = () => {
    life.isOver = true;
    for (const socket of life.sockets) socket.destroy();
  };
  return { answers, stop };
}

let roundNumber = 0;

/**
 * One round: writers, a signal to the master, the first write accepted by another; then all until the set is whole.
 * `lost` of what was acknowledged until that write, `lostLater` of what was acknowledged after it (by an old master
 * that woke up and did not know, or by one that was soon replaced by another; see the page).
 */
async function masterRound(set, name) {
  const { master, ports } = await set.whole();
  await pause(restMs);
  const pid = await pidOf(master);
  roundNumber += 1;
  const key = `history:${roundNumber}`;
  const { answers, stop } = startWriters(ports, key);
  try {
    const accepted = () => answers.filter(({ isAccepted }) => isAccepted);
    await until("writes", 10_000, async () => accepted().length >= acceptedBefore);
    const atMs = performance.now();
    process.kill(pid, name);
    const isNew = ({ isAccepted, port }) => isAccepted && port !== master;
    const first = await until("a new master", acceptMsMax, async () => answers.find(isNew), 5);
    signal(pid, "SIGCONT");
    set.repair(master, first.port, name === "SIGKILL");
    const now = await set.whole();
    stop();
    const kept = await withRedis(now.master, async (redis) => {
      const list = new Set(await redis.lrange(key, 0, -1));
      await redis.del(key);
      return list;
    });
    const gone = accepted().filter(({ value }) => !kept.has(value));
    const lost = gone.filter(({ atMs }) => atMs <= first.atMs).length;
    return { ms: first.atMs - atMs, lost, lostLater: gone.length - lost };
  } finally {
    stop();
    signal(pid, "SIGCONT");
  }
}

/** One round with the only replica killed: until the master, which refuses without it, accepts again. */
async function replicaRound(set) {
  const { master, ports } = await set.whole();
  await pause(restMs);
  const pid = await pidOf(ports.find((port) => port !== master));
  roundNumber += 1;
  const key = `history:${roundNumber}`;
  const { answers, stop } = startWriters([master], key);
  try {
    const accepted = () => answers.filter(({ isAccepted }) => isAccepted);
    await until("writes", 10_000, async () => accepted().length >= acceptedBefore);
    const atMs = performance.now();
    process.kill(pid, "SIGKILL");
    // The API may show the dead one for another moment.
    const now = await until("another replica", wholeMsMax, async () => {
      const next = await set.whole();
      const pids = await Promise.all(next.ports.map(pidOf));
      return pids.includes(pid) ? null : next;
    });
    stop();
    const kept = await withRedis(now.master, async (redis) => {
      const list = new Set(await redis.lrange(key, 0, -1));
      await redis.del(key);
      return list;
    });
    const after = answers.filter((answer) => answer.atMs > atMs);
    const refusedAt = after.findIndex(({ isAccepted }) => !isAccepted);
    const again = after.slice(refusedAt).find(({ isAccepted }) => isAccepted);
    const lost = accepted().filter(({ value }) => !kept.has(value)).length;
    // Without a refusal the master never stopped: nobody waited.
    return { ms: refusedAt < 0 ? 0 : again.atMs - atMs, lost, lostLater: 0 };
  } finally {
    stop();
  }
}

const sorted = (list) => [...list].sort((left, right) => left - right);
/** Nearest rank: with fewer than 100 rounds the 99th percentile is the highest. */
const rank = (list, part) => sorted(list)[Math.max(0, Math.ceil(list.length * part) - 1)];
const sum = (list) => list.reduce((total, each) => total + each, 0);

const results = new Map();

async function measure(kind, who, round) {
  const result = await round();
  const id = `${kind}|${who}`;
  if (!results.has(id)) results.set(id, { kind, who, rounds: [] });
  results.get(id).rounds.push(result);
  const { ms, lost, lostLater } = result;
  console.log(`${kind}, ${who}: ${ms.toFixed(1)} ms, lost ${lost}, later ${lostLater}`);
}

const summaries = () =>
  [...results.values()].map(({ kind, who, rounds: all }) => {
    const times = all.map(({ ms }) => ms);
    return {
      ...{ kind, who, rounds: all.length },
      ...{ medianMs: rank(times, 0.5), p99Ms: rank(times, 0.99), maxMs: rank(times, 1) },
      lost: sum(all.map(({ lost }) => lost)),
      lostLater: sum(all.map(({ lostLater }) => lostLater)),
      all,
    };
  });

const ours = "mr-redis";
const kinds = {
  kill: "kill -9 of the master of 1 + 2",
  stop: "SIGSTOP of the master of 1 + 2",
  replica: "kill -9 of the only replica of 1 + 1",
};

/** The table in Markdown; the ratio is of medians, in the row of the other one. */
function table() {
  const all = summaries();
  const rows = all.map((one) => {
    const own = all.find(({ kind, who }) => kind === one.kind && who === ours);
    const ratio = one === own || own === undefined ? "" : (one.medianMs / own.medianMs).toFixed(1);
    const times = [one.medianMs, one.p99Ms, one.maxMs].map((ms) => ms.toFixed(1));
    const cells = [one.kind, one.who, one.rounds, ...times, one.lost, one.lostLater, ratio];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| what | who | rounds | median ms | p99 ms | max ms | lost | lost later | Sentinel / mr-redis |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

const loadBefore = loadavg()[0];
const version = /v=(\S+)/.exec(String(spawnSync("redis-server", ["--version"]).stdout))?.[1];

/** Puts the table of this run into the page, with what it depends on. */
function publish() {
  const loads = `load ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after`;
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const command = `node bench/failover.mjs ${process.argv.slice(2).join(" ")}`.trim();
  const machine = `${availableParallelism()} cores, Node ${process.version}, Redis ${version}`;
  const head = `\`${command}\`, ${date} UTC: ${machine}, ${loads}.`;
  writeFileSync(
    jsonFile,
    `${JSON.stringify({ command, date, machine, loads, kinds: summaries() }, null, 2)}\n`,
  );
  console.log(`\n${head}\n\n${table()}\n\nwritten to ${jsonFile}`);
  if (page === "none") return;
  const [before, rest] = readFileSync(page, "utf8").split("<!-- run -->\n");
  const [, after] = rest.split("<!-- /run -->");
  const text = `<!-- run -->\n${head}\n\n${table()}\n<!-- /run -->`;
  writeFileSync(page, `${before}${text}${after}`);
}

async function main() {
  const endpoint = await startUp();
  const trio = await startOurs(endpoint, "trio", 2);
  const pair = await startOurs(endpoint, "pair", 1);
  const quick = await startSentinel("quick", { downMs: 1_000, failoverMs: 2_000 });
  // By turns, so that a busy machine is busy for all.
  for (let round = 0; round < rounds; round += 1) {
    await measure(kinds.kill, ours, () => masterRound(trio, "SIGKILL"));
    await measure(kinds.kill, "Sentinel, 1000 ms", () => masterRound(quick, "SIGKILL"));
    await measure(kinds.replica, ours, () => replicaRound(pair));
  }
  for (let round = 0; round < stopRounds; round += 1) {
    await measure(kinds.stop, ours, () => masterRound(trio, "SIGSTOP"));
    await measure(kinds.stop, "Sentinel, 1000 ms", () => masterRound(quick, "SIGSTOP"));
  }
  if (defaultRounds === 0) return;
  const slow = await startSentinel("slow", { downMs: 30_000, failoverMs: 180_000 });
  for (let round = 0; round < defaultRounds; round += 1) {
    await measure(kinds.kill, "Sentinel, default", () => masterRound(slow, "SIGKILL"));
  }
}

for (const name of ["SIGINT", "SIGTERM"]) {
  process.once(name, () => void endAll().then(() => process.exit(1)));
}
try {
  await main();
  publish();
} catch (error) {
  if (results.size > 0) console.log(`\nnot finished; until then:\n\n${table()}`);
  throw error;
} finally {
  await endAll();
}
