/**
 * Owns the measurement of what security costs: two `mrr up` on one machine, one plain and one with everything on (TLS and tokens
 * at the API and for artifacts, instances with Auth and Tls), asked by turns in the same minutes. Told are creates, failovers,
 * throughput of Redis direct and through the proxy, and requests of the API. Not: tests (e2e).
 * Called by hand: `npm run build && node bench/secure.mjs`; see bench/secure.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { callApi, eventually, everythingOn, run, runMrr, startUp } from "@mr-redis/testing";
import { Redis } from "ioredis";

const root = fileURLToPath(new URL("..", import.meta.url));
const option = (name, fallback) => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
};
const creates = Number(option("creates", 15));
const failovers = Number(option("failovers", 15));
const rounds = Number(option("rounds", 3));
/** Requests of one run of redis-benchmark without pipelining; with it ten times as many. */
const requests = Number(option("requests", 100_000));
const apiSeconds = Number(option("api-seconds", 3));
/** Where the table goes; "none" for a trial. */
const page = option("page", join(root, "bench/secure.md"));

/** Connections of redis-benchmark and of the callers of the API. */
const connections = 50;
const callers = 10;
/** Between two tries of a writer. */
const retryMs = 1;
const wholeMsMax = 60_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];

async function timed(work) {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** One of the two: a running `mrr up` and how its instances are asked for. */
async function startSide(name, secure) {
  const up = await startUp({ agents: 4, hasProxy: true, secure });
  const wish = secure === null ? {} : { auth: true, tls: true };
  return { name, up, wish, secure };
}

async function mrr({ up }, ...args) {
  const result = await runMrr(args, { endpoint: up.endpoint, deadlineMs: wholeMsMax });
  if (result.exitCode !== 0) throw new Error(`mrr ${args.join(" ")}: ${result.stderr}`);
  return result.tookMs;
}

async function api({ up }, method, path, body) {
  const answer = await callApi(up.endpoint, method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

const flagsOf = ({ wish }) => Object.keys(wish).map((key) => `--${key}`);

const create = (side, name, slaves) =>
  mrr(side, "create", "-n", name, "-m", "100", "-s", String(slaves), "-w", ...flagsOf(side));

const remove = (side, name) => mrr(side, "delete", "-n", name, "-w");

const show = (side, name) => api(side, "GET", `/v2/instances/${name}`);

/** How a client logs in: options of ioredis beside the address. */
async function loginOf(side, name) {
  const { ioredis } = await api(side, "GET", `/v2/instances/${name}/connection`);
  const { host: _host, port: _port, ...login } = ioredis;
  return login;
}

/** Writes to one member all the time, connecting anew when it is cut off; `accepted` is called with each success. */
function startWriter(port, login, accepted) {
  let running = true;
  const loop = async () => {
    while (running) {
      const redis = new Redis({
        ...{ host: "127.0.0.1", port, lazyConnect: true, maxRetriesPerRequest: 0 },
        ...{ enableOfflineQueue: false, retryStrategy: () => null, enableReadyCheck: false },
        ...login,
      });
      redis.on("error", () => {});
      try {
        await redis.connect();
        while (running) {
          await redis.set("bench", "x");
          accepted(port);
          await pause(retryMs);
        }
      } catch {
        await pause(retryMs);
      } finally {
        redis.disconnect();
      }
    }
  };
  const ended = loop();
  return async () => {
    running = false;
    await ended;
  };
}

/** kill -9 of a master of 1 + 2: the time until another member takes a write. */
async function failover(side, name) {
  const whole = await eventually(
    async () => {
      const shown = await show(side, name);
      const isWhole = shown.processes.length === 3 && shown.processes.every(({ ready }) => ready);
      if (shown.status !== "RUNNING" || !isWhole) throw new Error(shown.status);
      return shown;
    },
    { deadlineMs: wholeMsMax, what: `${side.name} ${name} is whole` },
  );
  const login = await loginOf(side, name);
  const master = whole.processes.find(({ role }) => role === "master");
  let tookMs = null;
  let killedAtMs = null;
  let count = 0;
  const accepted = (port) => {
    count += 1;
    if (killedAtMs === null || port === master.port) return;
    tookMs ??= performance.now() - killedAtMs;
  };
  const stops = whole.processes.map(({ port }) => startWriter(port, login, accepted));
  try {
    // The writers are at speed.
    await eventually(() => count > 100 || Promise.reject(new Error(`${count} writes`)));
    killedAtMs = performance.now();
    process.kill(side.up.redisPid(master.port), "SIGKILL");
    await eventually(() => tookMs !== null || Promise.reject(new Error("no writer")), {
      deadlineMs: wholeMsMax,
      intervalMs: 5,
    });
  } finally {
    for (const stop of stops) await stop();
  }
  return tookMs;
}

/** Requests of redis-benchmark in a second, by command. */
async function benchmark(side, name, port, pipeline) {
  const login = await loginOf(side, name);
  const words = ["-h", "127.0.0.1", "-p", port, "-c", connections, "-P", pipeline];
  words.push("-n", requests * (pipeline > 1 ? 10 : 1), "-t", "set,get", "--csv");
  // On a command line, since redis-benchmark knows no other way; the password ends with this measurement.
  if (login.username !== undefined) words.push("--user", login.username, "-a", login.password);
  if (login.tls !== undefined) {
    const file = join(tmpdir(), `mrr-bench-${process.pid}.pem`);
    writeFileSync(file, login.tls.ca);
    words.push("--tls", "--cacert", file);
  }
  const args = words.map(String);
  const result = await run({ command: "redis-benchmark", args, deadlineMs: 300_000 });
  const rate = (word) =>
    Number(new RegExp(`^"${word}","([\\d.]+)"`, "m").exec(result.stdout)?.[1] ?? Number.NaN);
  const found = { SET: rate("SET"), GET: rate("GET") };
  if (Number.isNaN(found.SET)) throw new Error(`redis-benchmark: ${result.stdout}${result.stderr}`);
  return found;
}

/** Answers of the API in a second to callers that keep their connections. */
async function callRate({ up, secure }, path) {
  const [Agent, send] = secure === null ? [HttpAgent, httpRequest] : [HttpsAgent, httpsRequest];
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const options = secure === null ? {} : { ca: secure.ca };
  const headers = secure === null ? {} : { authorization: `Bearer ${secure.token}` };
  const call = () =>
    new Promise((resolve, reject) => {
      send(up.endpoint + path, { agent, headers, ...options }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
        response.resume().on("end", resolve);
      })
        .on("error", reject)
        .end();
    });
  const endMs = performance.now() + apiSeconds * 1_000;
  let count = 0;
  const caller = async () => {
    while (performance.now() < endMs) {
      await call();
      count += 1;
    }
  };
  const tookMs = await timed(() => Promise.all(Array.from({ length: callers }, caller)));
  agent.destroy();
  return (count * 1_000) / tookMs;
}

/** What was measured: title -> unit, and the figures of each side. */
const rows = new Map();
function note(title, unit, side, value) {
  const row = rows.get(title) ?? { unit, plain: [], on: [] };
  row[side.name].push(value);
  rows.set(title, row);
}

/** Each side by turns, and the other one first every other time. */
async function byTurns(sides, times, work) {
  for (let round = 0; round < times; round += 1) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) await work(side, round);
  }
}

async function measure(sides) {
  await byTurns(sides, 3, async (side, round) => {
    await create(side, `warm${round}`, 3);
    await remove(side, `warm${round}`);
  });
  for (const slaves of [0, 2]) {
    await byTurns(sides, creates, async (side, round) => {
      const name = `c${slaves}-${round}`;
      const title = `\`mrr create -m 100 -s ${slaves} -w\``;
      note(title, "ms", side, await create(side, name, slaves));
      await remove(side, name);
    });
  }
  for (const side of sides) await create(side, "inst", 2);
  await byTurns(sides, failovers, async (side) => {
    note("kill -9 of a master: no writer for", "ms", side, await failover(side, "inst"));
  });
  for (const side of sides) await create(side, "fast", 0);
  for (const pipeline of [1, 16]) {
    await byTurns(sides, rounds, async (side) => {
      const [{ port }] = (await show(side, "fast")).processes;
      const proxy = (await api(side, "GET", "/v2/instances/fast/connection")).port;
      for (const [way, to] of Object.entries({ direct: port, "through the proxy": proxy })) {
        const found = await benchmark(side, "fast", to, pipeline);
        for (const [word, rate] of Object.entries(found)) {
          note(`${word}, -P ${pipeline}, ${way}`, "/s", side, rate);
        }
      }
    });
  }
  await byTurns(sides, rounds, async (side) => {
    for (const path of ["/v2/instances/fast", "/v2/instances/fast/connection", "/healthz"]) {
      note(`\`GET ${path}\``, "/s", side, await callRate(side, path));
    }
  });
}

function table() {
  const show_ = (value, unit) => (unit === "ms" ? value.toFixed(0) : Math.round(value));
  const lines = [
    "| what | plain, median (lowest to highest) | everything on | cost |",
    "|---|---|---|---|",
  ];
  for (const [title, { unit, plain, on }] of rows) {
    const cell = (list) => {
      const all = sorted(list);
      return `${show_(median(list), unit)} ${unit} (${show_(all[0], unit)} to ${show_(all.at(-1), unit)})`;
    };
    const ratio = unit === "ms" ? median(on) / median(plain) : median(plain) / median(on);
    lines.push(`| ${title} | ${cell(plain)} | ${cell(on)} | ${ratio.toFixed(2)} |`);
  }
  return lines.join("\n");
}

// What was started ends with this process, once it ends by itself.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const before = loadavg()[0].toFixed(1);
const redis = (await run({ command: "redis-server", args: ["--version"] })).stdout;
const sides = [await startSide("plain", null), await startSide("on", everythingOn())];
try {
  await measure(sides);
} finally {
  for (const { up } of sides) await up.stop();
}
const words = process.argv.slice(2).join(" ");
const head = `\`node bench/secure.mjs${words === "" ? "" : ` ${words}`}\`, ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC: ${availableParallelism()} cores, Node ${process.version}, Redis ${/v=([\d.]+)/.exec(redis)?.[1]}, load ${before} before, ${loadavg()[0].toFixed(1)} after.`;
const text = `${head}\n\n${table()}`;
console.log(text);
if (page !== "none") {
  const old = readFileSync(page, "utf8");
  writeFileSync(
    page,
    old.replace(/<!-- run -->[\s\S]*<!-- \/run -->/, () => `<!-- run -->\n${text}\n<!-- /run -->`),
  );
}
