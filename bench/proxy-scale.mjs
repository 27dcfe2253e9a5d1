/**
 * Owns what bench/proxy.mjs tells of size: memory with many idle connections, loading of many routes, change of one.
 * Not: throughput (proxy.mjs).
 * SPDX-License-Identifier: Apache-2.0
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  adminPort,
  endAll,
  openSite,
  proxyPort,
  residentMb,
  runWithin,
  startOurs,
  startWithin,
} from "./proxy-sites.mjs";

const connections = 5_000;
const routes = 10_000;
const waitMsMax = 60_000;

/** Runs in the namespace of a site. Opens idle connections, each after an answer, says so, and stays. */
const idleClients = `
import { connect } from "node:net";
const [count, port] = process.argv.slice(2).map(Number);
let answered = 0;
const one = () => {
  const socket = connect(port, "127.0.0.1");
  socket.once("data", () => {
    answered += 1;
    if (answered === count) console.log("all");
    else if (answered + 49 < count) one();
  });
  socket.write("PING\\r\\n");
};
for (let index = 0; index < 50; index += 1) one();
`;

/** Runs in the namespace of a site. Waits for the last route, then leads routes elsewhere by the admin route. */
const changes = `
import { createServer, connect } from "node:net";
const [first, count, admin] = process.argv.slice(2).map(Number);
const tryOnce = (port) => new Promise((resolve) => {
  const socket = connect(port, "127.0.0.1");
  socket.once("data", (data) => { socket.destroy(); resolve(String(data)); });
  socket.once("error", () => resolve("")).once("close", () => resolve(""));
  socket.write("PING\\r\\n");
});
const until = async (port, text) => {
  while (!(await tryOnce(port)).startsWith(text)) await new Promise((done) => setTimeout(done, 2));
};
await until(first + count - 1, "+PONG");
console.log("loaded");
const server = createServer((socket) => socket.on("error", () => {}).end("+OTHER\\r\\n"));
await new Promise((done) => server.listen(6999, "127.0.0.1", done));
const times = [];
// The first one warms the client itself.
for (let index = -1; index < 20; index += 1) {
  const number = Math.floor(((index + 1) * count) / 21);
  const startMs = performance.now();
  const body = JSON.stringify({ Name: "r" + number, Addr: "127.0.0.1:6999" });
  await fetch("http://127.0.0.1:" + admin + "/Update/", { method: "PUT", body });
  await until(first + number, "+OTHER");
  if (index >= 0) times.push(performance.now() - startMs);
}
times.sort((a, b) => a - b);
console.log("change " + times[10].toFixed(1) + " " + times[19].toFixed(1));
process.exit(0);
`;

function said(child, pattern) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`${pattern}: ${child.log}`)), waitMsMax);
    const look = () => {
      const match = pattern.exec(child.log);
      if (match === null) return;
      clearTimeout(limit);
      resolve(match);
    };
    child.stdout.on("data", look);
    look();
  });
}

async function idle(work, lines) {
  const site = await openSite("idle", work);
  site.proxy = startOurs(site, work, { plane: "userspace" });
  const file = join(work, "idle.mjs");
  writeFileSync(file, idleClients);
  while ((await runWithin(site, "redis-cli", ["-p", proxyPort, "ping"], 5_000)) !== "PONG\n");
  const before = residentMb(site.proxy.pid);
  const clients = startWithin(site, process.execPath, [file, connections, proxyPort]);
  await said(clients, /all/);
  const after = residentMb(site.proxy.pid);
  lines.push(
    `| userspace: resident memory with ${connections.toLocaleString("en")} idle connections (none) | ${after.toFixed(0)} MB (${before.toFixed(0)} MB) | 120 MB |`,
  );
  await endAll();
}

async function many(work, plane, lines) {
  const site = await openSite(`many-${plane}`, work);
  const file = join(work, "changes.mjs");
  writeFileSync(file, changes);
  const startMs = performance.now();
  site.proxy = startOurs(site, work, { plane, count: routes });
  const client = startWithin(site, process.execPath, [file, proxyPort, routes, adminPort]);
  await said(client, /loaded/);
  const loadedMs = performance.now() - startMs;
  const memory = residentMb(site.proxy.pid);
  const [, median, most] = await said(client, /change ([\d.]+) ([\d.]+)/);
  const count = routes.toLocaleString("en");
  lines.push(
    `| ${plane}: start of the program to the last of ${count} routes served | ${Math.round(loadedMs)} ms | 2,000 ms |`,
    `| ${plane}: resident memory with ${count} routes | ${memory.toFixed(0)} MB | none |`,
    `| ${plane}: one of them led elsewhere, PUT to the first connection there: median, longest of 20 | ${median} ms, ${most} ms | 50 ms |`,
  );
  await endAll();
}

/** A table; a part that fails says why in it. */
export async function measureScale(work) {
  const lines = ["| size | measured | bar |", "|---|---|---|"];
  const parts = [
    () => idle(work, lines),
    () => many(work, "userspace", lines),
    () => many(work, "kernel", lines),
  ];
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      lines.push(
        `| not measured: ${String(error.message)
          .replaceAll(/[|\s]+/g, " ")
          .slice(0, 200)} | | |`,
      );
      await endAll();
    }
  }
  return lines.join("\n");
}
