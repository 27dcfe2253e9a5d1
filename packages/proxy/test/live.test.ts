/**
 * Owns the proof of what changes while the program runs: entries, limits and certificates; and that nothing else is
 * disturbed by it, nor anything by a file that is wrong.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import {
  Authority,
  eventually,
  freePort,
  freePorts,
  launch,
  type Program,
  redisCommand,
  startRedisServer,
} from "@mr-redis/testing";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

const directory = mkdtempSync(join(tmpdir(), "mrr-proxy-live-"));
const main = join(directory, "dist", "main.mjs");
const deadline = { deadlineMs: 30_000 };

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("../src/main.ts", import.meta.url))],
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

const entry = (name: string, from: number, to: number) => ({
  Name: name,
  Pair: { From: `127.0.0.1:${from}`, To: `127.0.0.1:${to}` },
});

async function start(config: object) {
  const http = await freePort();
  const file = join(directory, "config.json");
  const write = (now: object): void =>
    writeFileSync(file, JSON.stringify({ HTTPPort: http, ...now }));
  write(config);
  const program = await launch({ command: process.execPath, args: [main, `-config=${file}`] });
  ends.push(async () => void (await program.kill()));
  await program.waitFor(
    async () => expect((await fetch(`http://127.0.0.1:${http}/readyz`)).status).toBe(200),
    { ...deadline, what: "mrr-proxy is ready" },
  );
  await eventually(() => expect(program.stderr).toContain('"message":"serving"'), deadline);
  return { program, http, write };
}

const redis = async () => {
  const server = await startRedisServer();
  ends.push(() => server.stop());
  return server;
};

/** A connection that answers one command after the other. */
function open(port: number): { say: (command: string) => Promise<string>; socket: Socket } {
  const socket = createConnection({ port, host: "127.0.0.1" });
  socket.setEncoding("utf8").on("error", () => {});
  ends.push(async () => void socket.destroy());
  const say = (command: string) =>
    new Promise<string>((resolve, reject) => {
      socket.once("data", (text: string) => resolve(text.trimEnd()));
      socket.once("close", () => reject(new Error("closed")));
      socket.write(`${command}\r\n`);
    });
  return { say, socket };
}

/** Waits until the file has been read so many times. */
const waitRead = (program: Program, times: number): Promise<void> =>
  eventually(
    () => expect(program.stderr.split('"the configuration was read"')).toHaveLength(times + 1),
    { ...deadline, what: "the configuration was read" },
  );

describe("while it runs", () => {
  it("takes entries and limits from the file, and disturbs nobody else", async () => {
    const [first, second] = [await redis(), await redis()];
    const [a = 0, b = 0, c = 0] = await freePorts(3);
    const { program, http, write } = await start({
      Entries: [entry("a", a, first.port), entry("b", b, first.port)],
    });
    const stays = open(b);
    expect(await stays.say("PING")).toBe("+PONG");
    const body = JSON.stringify({ Name: "b", Addr: `127.0.0.1:${second.port}` });
    await fetch(`http://127.0.0.1:${http}/Update/`, { method: "PUT", body });
    const led = open(b);
    expect(await led.say("CONFIG GET port")).toContain(String(second.port));
    // b is where people led it, since the file says the same of it as before.
    write({
      ClientsMax: 1,
      Bind: "127.0.0.1",
      Entries: [entry("b", b, first.port), entry("c", c, second.port)],
    });
    process.kill(program.pid, "SIGHUP");
    await waitRead(program, 1);
    expect(await led.say("PING")).toBe("+PONG");
    expect(await redisCommand(c, "PING", 20_000)).toBe("+PONG");
    await expect(redisCommand(a, "PING", 20_000)).rejects.toThrow("ECONNREFUSED");
    expect(await open(b).say("PING")).toContain("max number of clients reached");
    expect(program.stderr).toContain('"keys":["bind"],"message":"these count from the next start"');
    // What is wrong changes nothing.
    write({ ClientsMax: 0 });
    process.kill(program.pid, "SIGHUP");
    await eventually(() => expect(program.stderr).toContain("stays as it was"), deadline);
    expect(program.stderr).toContain("ClientsMax must be");
    expect(await led.say("PING")).toBe("+PONG");
  });

  it("takes another certificate when its files change", async () => {
    const server = await redis();
    const [port = 0] = await freePorts(1);
    const authorities = [new Authority(), new Authority()] as const;
    for (const authority of authorities) ends.push(async () => authority.remove());
    const files = { TlsCert: join(directory, "cert.pem"), TlsKey: join(directory, "key.pem") };
    const others = { TlsCert: join(directory, "cert-2.pem"), TlsKey: join(directory, "key-2.pem") };
    const put = (authority: Authority, into = files): void => {
      const { cert, key } = authority.certificate("IP:127.0.0.1");
      writeFileSync(into.TlsKey, key);
      writeFileSync(into.TlsCert, cert);
    };
    put(authorities[0]);
    const Entries = [entry("a", port, server.port)];
    const { program, write } = await start({ ...files, Entries });
    const ping = (ca: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({ port, host: "127.0.0.1", ca });
        socket.setTimeout(20_000, () => socket.destroy(new Error("no answer")));
        socket.once("error", reject).once("secureConnect", () => socket.write("PING\r\n"));
        socket.once("close", () => reject(new Error("closed")));
        socket.once("data", (data) => {
          resolve(data.toString("utf8").trimEnd());
          socket.destroy();
        });
      });
    expect(await ping(authorities[0].ca)).toBe("+PONG");
    put(authorities[1]);
    // Seen by itself, without a signal.
    await eventually(async () => expect(await ping(authorities[1].ca)).toBe("+PONG"), deadline);
    await expect(ping(authorities[0].ca)).rejects.toThrow();
    writeFileSync(files.TlsCert, "nothing");
    process.kill(program.pid, "SIGHUP");
    await eventually(() => expect(program.stderr).toContain("stays as it was"), deadline);
    expect(await ping(authorities[1].ca)).toBe("+PONG");
    // Other files are watched as well.
    put(authorities[0], others);
    write({ ...others, Entries });
    await eventually(async () => expect(await ping(authorities[0].ca)).toBe("+PONG"), deadline);
    put(authorities[1], others);
    await eventually(async () => expect(await ping(authorities[1].ca)).toBe("+PONG"), deadline);
  });
});

describe("at the start", () => {
  it.each([
    [["-tls-cert", "/nowhere/c", "-tls-key", "/nowhere/k", "-scheduler", "http://127.0.0.1:1"], 2],
    [["-scheduler", "nowhere"], 2],
    [["-config", "/nowhere/config.json"], 2],
    [["-colour"], 2],
  ])("ends with a text and an exit code for %j", async (args, code) => {
    const program = await launch({
      command: process.execPath,
      args: [main, ...args, "-state", ""],
    });
    ends.push(async () => void (await program.kill()));
    expect(await program.exited).toEqual({ code, signal: null });
    expect(program.stderr).toMatch(/^mrr-proxy: .+\n.+\n$/);
  });

  it("checks file and flags without serving", async () => {
    const args = [main, "-scheduler=http://a:1,http://b:2", "-check-config"];
    const program = await launch({ command: process.execPath, args });
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.stderr).toContain("The configuration is good: 0 entries, 2 schedulers.");
  });
});
