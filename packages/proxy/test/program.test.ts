/**
 * Owns the proof of the program: its file, the ancestor's admin routes with their texts, its end; with a real redis-server.
 * SPDX-License-Identifier: Apache-2.0
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  eventually,
  freePorts,
  launch,
  type Program,
  redisCommand,
  startRedisServer,
} from "@mr-redis/testing";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

const home = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "mrr-proxy-"));
// Beside a package.json, as the program that is built.
const main = join(directory, "dist", "main.mjs");

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

async function start(config: unknown): Promise<Program> {
  const file = join(directory, "config.json");
  writeFileSync(file, JSON.stringify(config));
  const program = await launch({
    command: process.execPath,
    args: [main, `-config=${file}`],
    env: { PATH: process.env.PATH },
  });
  ends.push(async () => void (await program.kill()));
  return program;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly location: string | undefined;
}

const ask = (
  port: number,
  path: string,
  options: { method?: string; body?: string; host?: string } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method = "GET", body = "", host = "127.0.0.1" } = options;
    const asked = request(
      { port, host: "127.0.0.1", path, method, headers: { host }, timeout: 10_000 },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, text, location: headers.location });
        });
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });

const entry = (name: string, from: number, to: number) => ({
  Name: name,
  Pair: { From: `127.0.0.1:${from}`, To: `127.0.0.1:${to}` },
});

async function served() {
  const redis = await startRedisServer();
  ends.push(() => redis.stop());
  const [from = 0, other = 0, http = 0, dead = 0] = await freePorts(4);
  const program = await start({
    HTTPPort: String(http),
    Entries: [entry("b", from, redis.port), entry("a", other, dead)],
  });
  await eventually(async () => expect((await ask(http, "/healthz")).text).toBe("ok\n"), {
    deadlineMs: 30_000,
  });
  return { redis, from, other, http, dead, program };
}

describe("mrr-proxy", () => {
  it("carries Redis, shows its entries and is led elsewhere, in the ancestor's words", async () => {
    const { redis, from, other, http, dead, program } = await served();
    expect(await redisCommand(from, "SET key value", 20_000)).toBe("+OK");
    const shown = (target: number) =>
      `Current Config: {\n   "a": {\n     "Name": "a",\n     "Pair": {\n       "From": "127.0.0.1:${other}",\n       "To": "127.0.0.1:${target}"\n     }\n   },\n   "b": {\n     "Name": "b",\n     "Pair": {\n       "From": "127.0.0.1:${from}",\n       "To": "127.0.0.1:${redis.port}"\n     }\n   }\n }`;
    expect(await ask(http, "/Get/")).toMatchObject({ status: 200, text: shown(dead) });
    const put = (body: string) => ask(http, "/Update/", { method: "PUT", body });
    const hello = "Hi there, Going to Update Update/! Method=PUT\n";
    const update = JSON.stringify({ Name: "a", Addr: `127.0.0.1:${redis.port}` });
    expect((await put(update)).text).toBe(hello);
    expect((await ask(http, "/Get/whatever")).text).toBe(shown(redis.port));
    expect(await redisCommand(other, "GET key", 20_000)).toBe("$5\r\nvalue");
    const wrong = `${hello}Error Proxy entry is incorrect / empty for `;
    expect((await put('{"Name":"c","Addr":"127.0.0.1:1"}')).text).toBe(`${wrong}c`);
    expect((await put('{"Name":"a","Addr":"nowhere"}')).text).toBe(`${wrong}a`);
    expect((await put("{}")).text).toBe(wrong);
    expect((await put("{")).text).toMatch(/^Hi there.*\nWrong json format ./);
    expect((await put(`"${"x".repeat(100_000)}"`)).text).toContain("Wrong json format more than");
    expect((await ask(http, "/Update/")).text).toBe(hello.replace("PUT", "GET"));
    expect(await ask(http, "/Get")).toMatchObject({ status: 301, location: "/Get/" });
    expect((await ask(http, "/else")).status).toBe(404);
    expect((await ask(http, "/Get/", { host: "evil.example" })).status).toBe(403);
    expect((await ask(http, "/metrics")).text).toContain(
      'mr_redis_proxy_connections_total{route="b"} 1\n',
    );
    process.kill(program.pid, "SIGTERM");
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  it("names every problem of its file and ends with exit code 2", async () => {
    const program = await start({ Entries: [entry("a", 1, 2), entry("a", 1, 2)] });
    expect(await program.exited).toEqual({ code: 2, signal: null });
    expect(program.stderr).toContain("Entries[1].Name must be unique");
    expect(program.stderr).toContain("Entries[1].Pair.From must be unique");
  });

  it("says so when its admin port is taken", async () => {
    const { http } = await served();
    const second = await start({ HTTPPort: http, Entries: [] });
    expect(await second.exited).toEqual({ code: 8, signal: null });
    expect(second.stderr).toContain(`cannot listen on 127.0.0.1:${http}`);
  });

  it("goes on when nobody reads its log any more", async () => {
    const redis = await startRedisServer();
    ends.push(() => redis.stop());
    const [from = 0, http = 0] = await freePorts(2);
    const file = join(directory, "unread.json");
    writeFileSync(file, JSON.stringify({ HTTPPort: http, Entries: [] }));
    const program = spawn(process.execPath, [main, `-config=${file}`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(program, "exit");
    ends.push(async () => {
      program.kill("SIGKILL");
      await ended;
    });
    program.stderr.once("data", () => program.stderr.destroy());
    await eventually(async () => expect((await ask(http, "/healthz")).text).toBe("ok\n"), {
      deadlineMs: 30_000,
    });
    writeFileSync(
      file,
      JSON.stringify({ HTTPPort: http, Entries: [entry("a", from, redis.port)] }),
    );
    // Seen by itself; each reading is a line of the log.
    await eventually(async () => expect(await redisCommand(from, "PING", 20_000)).toBe("+PONG"), {
      deadlineMs: 30_000,
    });
    expect((await ask(http, "/healthz")).text).toBe("ok\n");
  });

  it("teaches its flags", () => {
    const run = (...args: string[]) =>
      execFileSync(process.execPath, [main, ...args], { encoding: "utf8", timeout: 30_000 });
    expect(run("--help")).toContain("TargetWaitMs");
    expect(run("-version")).toBe("9.9.9\n");
  });
});
