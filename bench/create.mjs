/**
 * Owns the measurement of creates: mr-redis beside a floor, alternating in the same minutes on the same machine.
 * Floor: a small program that starts the same redis-servers with the same configuration as fast as it can and waits
 * until all answer and all replicas have their link up. mr-redis: a running `mrr up`, from the first POST to the last
 * RUNNING as a client of the HTTP API sees it. Not: tests. Called by hand: `node bench/create.mjs [runs]`.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const runs = Number(process.argv[2] ?? 5);
const work = mkdtempSync(join(tmpdir(), "mrr-bench-"));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
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

/** Longest time of one floor: something else must be wrong by then. */
const floorMsMax = 60_000;

/** The configuration of a redis-server as mr-redis writes it, reduced to what costs time. */
const settings = (port, directory, masterPort) => [
  `port ${port}`,
  "bind 127.0.0.1",
  'save ""',
  "appendonly no",
  "maxmemory 100mb",
  "repl-diskless-sync yes",
  "repl-diskless-sync-delay 0",
  `dir ${directory}`,
  `logfile ${directory}/log`,
  ...(masterPort === null ? [] : [`replicaof 127.0.0.1 ${masterPort}`]),
];

/** Sends one command again and again until the answer is right. */
function poll(port, command, isRight) {
  return new Promise((resolve) => {
    const attempt = () => {
      const socket = connect(port, "127.0.0.1");
      let text = "";
      socket.setNoDelay(true);
      socket.on("connect", () => socket.write(command));
      socket.on("data", (chunk) => {
        text += chunk.toString();
        if (isRight(text)) {
          socket.destroy();
          resolve();
        } else if (text.endsWith("\r\n")) {
          text = "";
          setTimeout(() => socket.write(command), 3);
        }
      });
      socket.on("error", () => setTimeout(attempt, 2));
    };
    attempt();
  });
}

/** The floor: a shell starts all servers, replicas as soon as their master answers. Returns milliseconds. */
async function floor(count, isReplicated) {
  const firstPort = await freeRange(count);
  const directory = mkdtempSync(join(work, "floor-"));
  const ports = Array.from({ length: count }, (_, index) => firstPort + index);
  for (const port of ports) {
    mkdirSync(join(directory, String(port)));
    const master = isReplicated && port !== firstPort ? firstPort : null;
    const text = settings(port, join(directory, String(port)), master).join("\n");
    writeFileSync(join(directory, `${port}.conf`), text);
  }
  const start = performance.now();
  const shells = [];
  const startAll = (some) => {
    const script = some.map((port) => `redis-server ${directory}/${port}.conf &`).join("\n");
    const args = ["-c", `${script}\nwait`];
    shells.push(spawn("/bin/sh", args, { stdio: "ignore", detached: true }));
  };
  if (isReplicated) {
    // Replicas that come before their master answers try again only after a second.
    startAll(ports.slice(0, 1));
    await poll(firstPort, "PING\r\n", (text) => text.includes("+PONG"));
    startAll(ports.slice(1));
  } else startAll(ports);
  const limit = setTimeout(() => {
    throw new Error(`the floor took longer than ${floorMsMax} ms`);
  }, floorMsMax);
  await Promise.all(
    ports.map((port) =>
      isReplicated && port !== firstPort
        ? poll(port, "INFO replication\r\n", (text) => text.includes("master_link_status:up"))
        : poll(port, "PING\r\n", (text) => text.includes("+PONG")),
    ),
  );
  const tookMs = performance.now() - start;
  clearTimeout(limit);
  for (const shell of shells) process.kill(-shell.pid, "SIGKILL");
  await pause(300);
  rmSync(directory, { recursive: true, force: true });
  return tookMs;
}

async function startUp(agents) {
  const [http, artifact, mesos] = [await freePort(), await freePort(), await freePort()];
  const directory = join(work, `up-${agents}-${http}`);
  const first = await freeRange(600);
  const ports = `${first}-${first + 399}`;
  const args = ["packages/mrr-cli/bin/mrr.js", "up", "--data-dir", directory];
  args.push("--http-port", http, "--artifact-port", artifact, "--mesos-port", mesos);
  args.push("--agents", agents, "--ports", ports, "--proxy-http-port", await freePort());
  args.push("--proxy-ports", `${first + 400}-${first + 599}`);
  const child = spawn(process.execPath, args.map(String), { cwd: root, stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${http}`;
  for (;;) {
    const ready = await fetch(`${endpoint}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return { endpoint, directory, child };
    if (child.exitCode !== null) throw new Error("mrr up ended; run `npm run build` first");
    await pause(50);
  }
}

const stopUp = ({ child }) =>
  new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGINT");
  });

const post = async (up, name, slaves) => {
  const answer = await fetch(`${up.endpoint}/v2/instances?wait=60`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, memory: 100, slaves }),
  });
  const instance = await answer.json();
  if (instance.status !== "RUNNING") throw new Error(`${name}: ${JSON.stringify(instance.reason)}`);
};

const remove = async (up, name) => {
  await fetch(`${up.endpoint}/v2/instances/${name}`, { method: "DELETE" });
  await fetch(`${up.endpoint}/v2/instances/${name}?wait=30&until=DELETED`);
};

async function timed(work_) {
  const start = performance.now();
  await work_();
  return performance.now() - start;
}

const names = (prefix, count) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** Resident memory in MB of the programs of a data directory, by kind. */
function memory(directory) {
  const found = {};
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      if (!command.includes(directory) && !environment.includes(directory)) continue;
      const kind = /redis-server/.test(command)
        ? null
        : /mr-redis-executor/.test(command)
          ? "executor"
          : /scheduler/.test(command)
            ? "scheduler"
            : /local/.test(command)
              ? "local"
              : null;
      if (kind === null || /setpriv|\/bin\/sh/.test(command)) continue;
      const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
      found[kind] = [...(found[kind] ?? []), Math.round(kb / 1024)];
    } catch {
      // it has just ended
    }
  }
  return found;
}

function report(title, floors, ours) {
  const ratio = median(ours) / median(floors);
  const show = (list) => list.map((each) => Math.round(each)).join(" ");
  console.log(`${title}
  floor     median ${Math.round(median(floors))} ms   (${show(floors)})
  mr-redis  median ${Math.round(median(ours))} ms   (${show(ours)})
  ratio     ${ratio.toFixed(2)}`);
}

const commandLine = (args, env = {}) => {
  const start = performance.now();
  const result = spawnSync(process.execPath, ["packages/mrr-cli/bin/mrr.js", ...args], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  if (result.status !== 0) throw new Error(String(result.stderr));
  return performance.now() - start;
};

console.log(
  `${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}, node ${process.version}, ${runs} runs each`,
);
const up = await startUp(4);
try {
  // Warm: every agent has its executor, and all code has run once.
  await post(up, "warm", 7);
  for (let round = 0; round < 2; round += 1) {
    await Promise.all(names(`warmup${round}`, 20).map((name) => post(up, name, 0)));
    await Promise.all(names(`warmup${round}`, 20).map((name) => remove(up, name)));
  }
  const set = { floor: [], ours: [] };
  const singles = { floor: [], ours: [] };
  for (let run = 0; run < runs; run += 1) {
    set.floor.push(await floor(51, true));
    set.ours.push(await timed(() => post(up, `set${run}`, 50)));
    await remove(up, `set${run}`);
    await pause(1_500);
    singles.floor.push(await floor(70, false));
    const list = names(`single${run}`, 70);
    singles.ours.push(await timed(() => Promise.all(list.map((name) => post(up, name, 0)))));
    if (run === runs - 1)
      console.log("resident MB with 70 processes", JSON.stringify(memory(up.directory)));
    await Promise.all(list.map((name) => remove(up, name)));
    await pause(1_500);
  }
  report("1 + 50 on 4 agents, executors warm", set.floor, set.ours);
  report("70 singles by 70 concurrent calls, executors warm", singles.floor, singles.ours);
  const cli = [];
  for (let run = 0; run < runs; run += 1) {
    cli.push(
      commandLine(["create", "-n", `cli${run}`, "-m", "100", "-w"], { MRR_ENDPOINT: up.endpoint }),
    );
    await remove(up, `cli${run}`);
  }
  console.log(
    `mrr create -n x -m 100 -w  median ${Math.round(median(cli))} ms (${cli.map(Math.round).join(" ")})`,
  );
  const help = Array.from({ length: runs }, () => commandLine(["--help"]));
  console.log(
    `mrr --help                 median ${Math.round(median(help))} ms (${help.map(Math.round).join(" ")})`,
  );
} finally {
  await stopUp(up);
}
const cold = { set: [], singles: [], floorSet: [], floorSingles: [] };
for (let run = 0; run < runs; run += 1) {
  for (const kind of ["set", "singles"]) {
    const fresh = await startUp(4);
    try {
      await pause(1_000);
      if (kind === "set") {
        cold.floorSet.push(await floor(51, true));
        cold.set.push(await timed(() => post(fresh, "set", 50)));
      } else {
        cold.floorSingles.push(await floor(70, false));
        const list = names("single", 70);
        cold.singles.push(await timed(() => Promise.all(list.map((name) => post(fresh, name, 0)))));
      }
    } finally {
      await stopUp(fresh);
    }
  }
}
report("1 + 50 on 4 agents, executors cold", cold.floorSet, cold.set);
report("70 singles by 70 concurrent calls, executors cold", cold.floorSingles, cold.singles);
rmSync(work, { recursive: true, force: true });
