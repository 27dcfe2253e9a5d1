/**
 * Owns the measurement of creates accepted by each store: a real mrr-scheduler (nothing is placed: there is no Mesos
 * master), creates over HTTP by 1 and 50 callers at a time, beside the raw rate of conditional puts of the same size that
 * the same server gives the same client library from a process of its own. Alternating, medians of the given rounds.
 * Not: tests. Called by hand: `npm run build && node bench/store.mjs [rounds] [store ...]`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts, startEtcd, startZookeeper } from "../packages/testing/dist/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const rounds = Number(process.argv[2] ?? 5);
const known = ["memory", "embedded", "etcd", "zookeeper"];
const wanted = process.argv.length > 3 ? process.argv.slice(3) : known;
const work = mkdtempSync(join(tmpdir(), "mrr-bench-store-"));
/** Creates of one measurement, by the number of callers. */
const counts = new Map([
  [1, 400],
  [50, 3_000],
]);
/** Bytes of the document that a create of a master and a replica commits; checked against the store below. */
const documentBytes = 950;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sorted = (list) => [...list].sort((left, right) => left - right);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];
const p99 = (list) => sorted(list)[Math.floor(list.length * 0.99)];

/** Runs `one(index)` `count` times, `callers` at a time. Rate for a second, p99 in ms. */
async function measure(count, callers, one) {
  const latencies = [];
  let next = 0;
  const startMs = performance.now();
  const caller = async (id) => {
    while (next < count) {
      const index = next;
      next += 1;
      const fromMs = performance.now();
      await one(index, id);
      latencies.push(performance.now() - fromMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, id) => caller(id)));
  return { rate: (count / (performance.now() - startMs)) * 1_000, p99: p99(latencies) };
}

/** A connection that asks one thing at a time and only looks at the status: the client must not be what is measured. */
function openClient(port) {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  let text = "";
  let answered = () => {};
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < head + 4 + length) return;
    const status = Number(text.slice(9, 12));
    text = "";
    answered(status);
  });
  const post = (body) =>
    new Promise((resolve) => {
      answered = resolve;
      socket.write(
        `POST /v2/instances HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`,
      );
    });
  return { post, close: () => socket.destroy() };
}

/** Creates through a scheduler of its own. */
async function creates(store, server, callers) {
  const directory = mkdtempSync(join(work, `${store}-`));
  const [http, artifact, nobody] = await freePorts(3);
  const config = join(directory, "config.json");
  writeFileSync(
    config,
    JSON.stringify({
      UserName: "",
      DBType: store,
      ...(server === null ? {} : { DBEndPoint: server.endPoint() }),
      DataDir: join(directory, "data"),
      Master: `127.0.0.1:${nobody}`,
      ArtifactIP: "127.0.0.1",
      ArtifactPort: String(artifact),
      HTTPBind: "127.0.0.1",
      HTTPPort: String(http),
      LogFile: join(directory, "log"),
    }),
  );
  const program = join(root, "packages/scheduler/bin/mrr-scheduler.js");
  const child = spawn(process.execPath, [program, `-config=${config}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await new Promise((resolve, reject) => {
      child.stdout.on("data", (chunk) => String(chunk).includes("ready") && resolve());
      child.once("exit", (code) => reject(new Error(`mrr-scheduler ended with ${code}`)));
    });
    const clients = Array.from({ length: callers }, () => openClient(http));
    const create = async (index, id) => {
      const body = JSON.stringify({ name: `bench-${callers}-${index}`, memory: 100, slaves: 1 });
      // Until the scheduler leads, creates are refused: the first calls wait for that.
      for (;;) {
        const status = await clients[id].post(body);
        if (status === 201) return;
        if (status !== 503) throw new Error(`create: ${status}`);
        await pause(20);
      }
    };
    // All code has run, and it leads.
    await measure(200, callers, (index, id) => create(`warm-${index}`, id));
    const result = await measure(counts.get(callers), callers, create);
    for (const client of clients) client.close();
    return result;
  } finally {
    child.removeAllListeners("exit");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

/** The floor runs in a process of its own, as a scheduler does: `node bench/store.mjs --raw store endpoint callers run`. */
async function raw(store, endpoint, callers, run) {
  const value = "x".repeat(documentBytes);
  const count = counts.get(callers);
  let put;
  if (store === "etcd") {
    const { Etcd3 } = await import("etcd3");
    const client = new Etcd3({ hosts: endpoint });
    put = async (index) => {
      const key = `raw/${run}/${index}`;
      const answer = await client
        .if(key, "Create", "==", 0)
        .then(client.put(key).value(value))
        .commit();
      if (!answer.succeeded) throw new Error("not put");
    };
  } else if (store === "zookeeper") {
    const { default: ZooKeeper } = await import("zookeeper");
    const client = new ZooKeeper({ connect: endpoint, timeout: 5_000, debug_level: 0 });
    await new Promise((resolve) => client.connect({ debug_level: 0 }, resolve));
    await client.create(`/raw-${run}`, "", 0);
    put = (index) => client.create(`/raw-${run}/${index}`, value, 0);
  } else {
    const { ClassicLevel } = await import("classic-level");
    const level = new ClassicLevel(endpoint);
    await level.open();
    put = (index) => level.put(`raw/${run}/${index}`, value, { sync: true });
  }
  await measure(200, callers, (index) => put(`warm-${index}`));
  process.stdout.write(`${JSON.stringify(await measure(count, callers, put))}\n`);
  process.exit(0);
}

function rawOutside(store, endpoint, callers, run) {
  return new Promise((resolve, reject) => {
    const args = [fileURLToPath(import.meta.url), "--raw", store, endpoint, callers, run];
    const child = spawn(process.execPath, args.map(String), {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    child.once("exit", (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`the floor ended with ${code}`)),
    );
  });
}

/** A server for each measurement: no database grows over the rounds. */
async function openServer(store) {
  if (store === "memory") return null;
  if (store === "embedded") {
    const directory = mkdtempSync(join(work, "level-"));
    return { raw: directory, endPoint: () => "", stop: async () => {} };
  }
  const server = store === "etcd" ? await startEtcd() : await startZookeeper();
  return { raw: server.endpoint, endPoint: () => server.endpoint, stop: () => server.stop() };
}

async function main() {
  mkdirSync(work, { recursive: true });
  const found = new Map();
  const note = (key, result) => found.set(key, [...(found.get(key) ?? []), result]);
  console.log(
    `${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}, node ${process.version}, ${rounds} rounds`,
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const callers of counts.keys()) {
      for (const store of wanted) {
        const server = await openServer(store);
        if (server !== null) {
          note(`${store} ${callers} raw`, await rawOutside(store, server.raw, callers, round));
        }
        note(
          `${store} ${callers} creates`,
          await creates(store, store === "embedded" ? null : server, callers),
        );
        await server?.stop();
      }
    }
  }
  const rate = (key) => median((found.get(key) ?? []).map((each) => each.rate));
  console.log(
    "| store | callers | raw puts/s | creates/s | p99 of a create ms | of the lower bar |",
  );
  console.log("|---|---|---|---|---|---|");
  for (const store of wanted) {
    for (const callers of counts.keys()) {
      const ours = found.get(`${store} ${callers} creates`);
      const rawRate = rate(`${store} ${callers} raw`) ?? Number.POSITIVE_INFINITY;
      const floor = Math.min(rawRate, rate(`memory ${callers} creates`) ?? rawRate);
      const mine = rate(`${store} ${callers} creates`);
      const cells = [
        store,
        callers,
        Number.isFinite(rawRate) ? Math.round(rawRate) : "-",
        Math.round(mine),
        median(ours.map((each) => each.p99)).toFixed(1),
        store === "memory" ? "-" : (mine / floor).toFixed(2),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
  rmSync(work, { recursive: true, force: true });
}

if (process.argv[2] === "--raw") {
  const [, , , store, endpoint, callers, run] = process.argv;
  await raw(store, endpoint, Number(callers), run);
} else {
  await main();
  process.exit(0);
}
