/**
 * Tests of starting, finding and ending real processes. SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, until } from "./eventually.js";
import { launch, type Program, run } from "./launch.js";
import { closeServer, freePort, freePortRange, freePorts, listen } from "./ports.js";
import {
  findProcesses,
  findRedisServers,
  isAlive,
  killProcess,
  sweepProcesses,
} from "./processes.js";
import { redisCommand, startRedisServer } from "./redis-server.js";

let directory = "";
const programs: Program[] = [];

const start = async (script: string): Promise<Program> => {
  const program = await launch({
    command: process.execPath,
    args: ["-e", script],
    cwd: directory,
    env: { PATH: process.env.PATH },
  });
  programs.push(program);
  return program;
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-launch-"));
});

afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.kill()));
  await sweepProcesses(directory);
  await rm(directory, { recursive: true, force: true });
});

test("a program's ready line is found among other output", async () => {
  const program = await start(
    `console.log("{broken"); console.log(JSON.stringify({ msg: "ready", port: 7 })); setInterval(() => {}, 9999)`,
  );
  expect(await program.waitReady()).toEqual({ msg: "ready", port: 7 });
});

test("a program that ends before it is ready is an error with its output", async () => {
  const program = await start(`console.error("no luck"); process.exit(3)`);
  await expect(program.waitReady()).rejects.toThrow(/ended before[\s\S]*"code":3[\s\S]*no luck/);
});

test("captured output is bounded and keeps its end", async () => {
  const result = await run({
    command: process.execPath,
    args: ["-e", `process.stdout.write("x".repeat(3e6) + "end")`],
  });
  expect([result.exitCode, result.stdout.length, result.stdout.slice(-4)]).toEqual([
    0,
    1024 * 1024,
    "xend",
  ]);
});

test("a program that takes too long is killed with its children", async () => {
  const result = await run({ command: "sh", args: ["-c", "sleep 60 & wait"], deadlineMs: 200 });
  expect([result.exitCode, result.signal]).toEqual([null, "SIGKILL"]);
  expect(result.tookMs).toBeLessThan(5_000);
});

test("processes are found by working directory and by descent, and swept", async () => {
  const program = await start(
    `require("child_process").spawn("sleep", ["60"], { cwd: "/", env: {} }); setInterval(() => {}, 9999)`,
  );
  const names = (): string[] =>
    findProcesses(directory)
      .map((seen) => seen.name)
      .sort();
  await eventually(() => expect(names()).toEqual(["node", "sleep"]));
  const swept = await sweepProcesses(directory);
  expect(swept.length).toBe(2);
  expect([findProcesses(directory), isAlive(program.pid)]).toEqual([[], false]);
});

test("a killed process is gone, zombies do not count", async () => {
  const program = await start("setInterval(() => {}, 9999)");
  expect(isAlive(program.pid)).toBe(true);
  await killProcess(program.pid);
  expect(isAlive(program.pid)).toBe(false);
  await until(() => program.exit !== null, { what: "the exit is noticed" });
  expect(program.exit).toEqual({ code: null, signal: "SIGKILL" });
});

test("a real redis-server starts, is found by its directory, and ends", async () => {
  const server = await startRedisServer({ config: { requirepass: "secret" } });
  try {
    expect(await redisCommand(server.port, "PING")).toMatch(/^-NOAUTH/);
    expect(findRedisServers("/mrr-redis-")).toContainEqual({ pid: server.pid, port: server.port });
  } finally {
    await server.stop();
  }
  expect(isAlive(server.pid)).toBe(false);
});

test("free ports are free and different; a taken one is refused", async () => {
  // Picked blindly among some thousands, 400 would not all be different: what was given stays reserved.
  const ports = await freePorts(400);
  expect(new Set(ports).size).toBe(400);
  const port = await freePort();
  const server = await listen(port);
  await expect(listen(port)).rejects.toThrow("EADDRINUSE");
  await closeServer(server);
  const range = await freePortRange(60);
  expect(range.last - range.first).toBe(59);
});

test("eventually gives up with the last failure", async () => {
  const check = (): never => {
    throw new Error("still red");
  };
  await expect(eventually(check, { deadlineMs: 60, what: "green" })).rejects.toThrow(
    /^green: not within \d+ ms: still red$/,
  );
});
