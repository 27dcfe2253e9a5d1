/**
 * Owns the ways to a redis-server that bench/proxy.mjs compares. Each is in a network namespace of its own, with a
 * redis-server of its own: no rule of one touches another or the host, and all of it is gone with its processes.
 * Not: what is measured (proxy.mjs).
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../packages/proxy/bin/mrr-proxy.js", import.meta.url));

/** Within every namespace. */
export const redisPort = 6379;
export const proxyPort = 7000;
export const adminPort = 7979;

/** Longest start of a program on a busy machine. */
const startMsMax = 20_000;

/** Every program that was started and has not ended. */
const children = new Set();

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a program that is ended by {@link endAll}; what it says goes to `log`. */
export function start(command, args, options = {}) {
  const child = spawn(command, args.map(String), { stdio: ["ignore", "pipe", "pipe"], ...options });
  child.log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      child.log = (child.log + chunk).slice(-4_096);
    });
  }
  children.add(child);
  child.ended = new Promise((resolve) => {
    child.once("error", (error) => {
      child.log += error.message;
      resolve(-1);
    });
    child.once("exit", (code) => resolve(code ?? -1));
  }).then((code) => {
    children.delete(child);
    return code;
  });
  return child;
}

/** Ends what is left, the way that lets a program take its rules back; whoever does not end is killed. */
export async function endAll() {
  const left = [...children];
  for (const child of left) child.kill("SIGTERM");
  const killer = setTimeout(() => {
    for (const child of left) child.kill("SIGKILL");
  }, 5_000);
  await Promise.all(left.map(({ ended }) => ended));
  clearTimeout(killer);
}

/** Runs a program to its end; null when it fails or needs longer than `msMax`. */
export async function run(command, args, msMax) {
  let out = "";
  const child = start(command, args);
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const killer = setTimeout(() => child.kill("SIGKILL"), msMax);
  const code = await child.ended;
  clearTimeout(killer);
  return code === 0 ? out : null;
}

const within = (pid, command, args) => ["-t", pid, "-n", command, ...args];

/** Runs something in the namespace of a site. */
export const runWithin = (site, command, args, msMax) =>
  run("nsenter", within(site.server.pid, command, args).map(String), msMax);

/** Starts something in the namespace of a site. */
export const startWithin = (site, command, args) =>
  start("nsenter", within(site.server.pid, command, args));

async function answers(site, port) {
  const endMs = performance.now() + startMsMax;
  while (performance.now() < endMs) {
    const said = await runWithin(site, "redis-cli", ["-p", port, "get", "nothing"], 2_000);
    if (said !== null && !/rror|refused/.test(said)) return true;
    if (site.proxy && site.proxy.exitCode !== null) return false;
    await pause(50);
  }
  return false;
}

const entries = (count) =>
  Array.from({ length: count }, (_, index) => ({
    Name: `r${index}`,
    Pair: { From: `127.0.0.1:${proxyPort + index}`, To: `127.0.0.1:${redisPort}` },
  }));

/** Starts our program with `count` entries. */
export function startOurs(site, work, { plane, workers = 1, count = 1 }) {
  const file = join(work, `${plane}-${count}.json`);
  const limits = { HTTPPort: adminPort, ClientsMax: 20_000, State: "" };
  writeFileSync(
    file,
    JSON.stringify({ ...limits, Plane: plane, Workers: workers, Entries: entries(count) }),
  );
  return startWithin(site, process.execPath, [program, `-config=${file}`]);
}

/** Twice the clients, and what HAProxy needs itself, must fit the limit of open files: else it does not start. */
const haproxyText = (clients) => `global
  nbthread 1
  maxconn ${clients}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen redis
  bind 127.0.0.1:${proxyPort}
  server redis 127.0.0.1:${redisPort}
`;

const nutcrackerText = `redis:
  listen: 127.0.0.1:${proxyPort}
  redis: true
  hash: fnv1a_64
  distribution: ketama
  servers:
   - 127.0.0.1:${redisPort}:1
`;

/** DNAT of local traffic, as one writes it by hand. */
const nftText = `table ip bench {
  chain out {
    type nat hook output priority -100;
    ip daddr 127.0.0.1 tcp dport ${proxyPort} dnat to 127.0.0.1:${redisPort}
  }
}
`;

/** What stands before the redis-server; gives the process that carries bytes, or null where the kernel does. */
const ways = {
  direct: () => null,
  userspace: (site, work) => startOurs(site, work, { plane: "userspace" }),
  kernel: (site, work) => startOurs(site, work, { plane: "kernel" }),
  haproxy: (site, work) => {
    const file = join(work, "haproxy.cfg");
    writeFileSync(file, haproxyText(4_000));
    return startWithin(site, "haproxy", ["-db", "-f", file]);
  },
  twemproxy: (site, work) => {
    const file = join(work, "nutcracker.yml");
    writeFileSync(file, nutcrackerText);
    const args = ["-c", file, "-s", 22_222, "-a", "127.0.0.1", "-m", 16_384];
    return startWithin(site, "nutcracker", args);
  },
  nft: (site, work) => {
    const file = join(work, "bench.nft");
    writeFileSync(file, nftText);
    const args = within(site.server.pid, "nft", ["-f", file]).map(String);
    const { status, stderr } = spawnSync("nsenter", args, { encoding: "utf8", timeout: 10_000 });
    if (status !== 0) throw new Error(`nft: ${stderr}`);
    return null;
  },
};

/** Names of all that can be compared. */
export const wayNames = Object.keys(ways);

/** A namespace with a redis-server; `name` says what else. Throws when it cannot serve. */
export async function openSite(name, work) {
  const directory = join(work, name);
  mkdirSync(directory, { recursive: true });
  const redis = `exec redis-server --bind 127.0.0.1 --port ${redisPort} --save '' --maxclients 9000`;
  const server = start("unshare", ["-n", "sh", "-c", `ip link set lo up && ${redis}`], {
    cwd: directory,
  });
  const site = { name, server, proxy: null, port: name === "direct" ? redisPort : proxyPort };
  if (!(await answers(site, redisPort))) throw new Error(`redis-server: ${server.log}`);
  site.proxy = (ways[name] ?? (() => null))(site, work);
  if (name in ways && !(await answers(site, site.port))) {
    throw new Error(`${name}: ${site.proxy?.log || "no answer"}`);
  }
  return site;
}

/** CPU time of a process so far, in microseconds, to 10 ms. */
export function cpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Resident memory of a process, in MB. */
export const residentMb = (pid) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1_024;
