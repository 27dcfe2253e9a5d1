/**
 * Owns the proof of several workers: clients are divided, counters are sums, a change cuts in all of them, one that dies is
 * replaced while the others go on. On the program itself: a worker is the same program.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts, launch, type Program, until } from "@mr-redis/testing";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Backend, connectTo, type Side, startBackend } from "./sockets.js";

const home = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "mrr-workers-"));
const main = join(directory, "dist", "main.mjs");
const deadlineMs = 40_000;

beforeAll(async () => {
  await build({
    entryPoints: [join(home, "src/main.ts")],
    outfile: main,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    conditions: ["mr-redis-source"],
    logLevel: "warning",
  });
  writeFileSync(join(directory, "package.json"), '{"version":"9.9.9","type":"module"}');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function backend(): Promise<Backend> {
  const made = await startBackend(({ socket }) => {
    socket.on("data", (chunk) => socket.write(chunk));
  });
  ends.push(() => made.close());
  return made;
}

const workersOf = (program: Program): number[] =>
  readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8")
    .split(" ")
    .filter((pid) => pid !== "")
    .map(Number);

interface Proxy {
  readonly program: Program;
  readonly port: number;
  readonly metric: (name: string) => Promise<number | null>;
  readonly lead: (target: number) => Promise<void>;
}

async function start(target: number, settings: object = {}): Promise<Proxy> {
  const [http = 0, port = 0] = await freePorts(2);
  const entry = {
    Name: "a",
    Pair: { From: `127.0.0.1:${port}`, To: `127.0.0.1:${target}` },
  };
  const file = join(directory, `${port}.json`);
  const config = { HTTPPort: http, State: "", Workers: 2, Entries: [entry], ...settings };
  writeFileSync(file, JSON.stringify(config));
  const program = await launch({
    command: process.execPath,
    args: [main, `-config=${file}`],
    env: { PATH: process.env.PATH },
  });
  ends.push(async () => void (await program.kill()));
  const metric = async (name: string): Promise<number | null> => {
    const answer = await fetch(`http://127.0.0.1:${http}/metrics`).catch(() => null);
    const text = (await answer?.text()) ?? "";
    const value = new RegExp(`^mr_redis_proxy_${name}\\{route="a"\\} (.*)$`, "m").exec(text)?.[1];
    return value === undefined ? null : Number(value);
  };
  await until(async () => (await metric("listening")) === 1, { deadlineMs, what: "the start" });
  const lead = async (next: number): Promise<void> => {
    const body = JSON.stringify({ Name: "a", Addr: `127.0.0.1:${next}` });
    await fetch(`http://127.0.0.1:${http}/Update/`, { method: "PUT", body });
  };
  return { program, port, metric, lead };
}

function clients(port: number, count: number): Side[] {
  const sides = Array.from({ length: count }, () => connectTo(port));
  ends.push(async () => {
    for (const { socket } of sides) socket.destroy();
  });
  for (const { socket } of sides) socket.write("x");
  return sides;
}

const answered = (sides: readonly Side[]): Promise<void> =>
  until(() => sides.every(({ received }) => received === "x"), { deadlineMs, what: "echoes" });

describe("workers", () => {
  it("divide clients, add up counters, and all of them cut at a change", async () => {
    const [first, second] = [await backend(), await backend()];
    const proxy = await start(first.port);
    expect(workersOf(proxy.program)).toHaveLength(2);
    const before = clients(proxy.port, 8);
    await answered(before);
    expect(await proxy.metric("connections_open")).toBe(8);
    expect(await proxy.metric("client_bytes_total")).toBe(8);
    await proxy.lead(second.port);
    await until(() => before.every(({ closed }) => closed === "abrupt"), {
      ...{ deadlineMs, what: "the cuts" },
    });
    expect(await proxy.metric("cuts_total")).toBe(8);
    const after = clients(proxy.port, 4);
    await answered(after);
    expect(second.sides).toHaveLength(4);
    const left = workersOf(proxy.program);
    process.kill(proxy.program.pid, "SIGTERM");
    expect(await proxy.program.exited).toEqual({ code: 0, signal: null });
    const isGone = (pid: number): boolean => {
      try {
        return process.kill(pid, 0) && false;
      } catch {
        return true;
      }
    };
    await until(() => left.every(isGone), { deadlineMs, what: "the end of the workers" });
  });

  it("go on when one is killed, and get another one in its place", async () => {
    const target = await backend();
    const proxy = await start(target.port);
    const sides = clients(proxy.port, 8);
    await answered(sides);
    expect(await proxy.metric("connections_total")).toBe(8);
    const [victim = 0, other] = workersOf(proxy.program);
    process.kill(victim, "SIGKILL");
    await until(() => sides.some(({ ended, closed }) => ended || closed !== null), {
      ...{ deadlineMs, what: "the end of its clients" },
    });
    const rest = sides.filter(({ ended, closed }) => !ended && closed === null);
    expect(rest.length).toBeGreaterThan(0);
    for (const { socket } of rest) socket.write("y");
    await until(() => rest.every(({ received }) => received === "xy"), {
      ...{ deadlineMs, what: "the others" },
    });
    await until(
      () => {
        const now = workersOf(proxy.program);
        return now.length === 2 && now.includes(other ?? 0) && !now.includes(victim);
      },
      { deadlineMs, what: "another worker" },
    );
    await answered(clients(proxy.port, 8));
    // What the dead one had counted when it was asked last is not forgotten.
    await until(async () => (await proxy.metric("connections_total")) === 16, {
      ...{ deadlineMs, what: "the sum" },
    });
  });

  it("serve the other routes when the port of one is taken", async () => {
    const target = await backend();
    const taken = await backend();
    const [port = 0] = await freePorts(1);
    const entry = (Name: string, from: number) => ({
      Name,
      Pair: { From: `127.0.0.1:${from}`, To: `127.0.0.1:${target.port}` },
    });
    await start(target.port, { Entries: [entry("a", port), entry("b", taken.port)] });
    await answered(clients(port, 4));
  });
});
