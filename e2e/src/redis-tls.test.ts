/**
 * Test of instances whose redis-servers speak TLS, on the built programs: certificates of the scheduler's own authority and
 * of a directory on the agents; clients, replicas, the proxy, what is killed, and where private keys are.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Authority,
  eventually,
  findProcesses,
  type RunningUp,
  run,
  signalProcess,
  startUp,
  until,
} from "@mr-redis/testing";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

const limit = { deadlineMs: 60_000 };

const directories: string[] = [];
let up: RunningUp | null = null;

afterEach(async () => {
  const left = await up?.stop();
  up = null;
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  expect(left).toEqual([]);
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "mrr-redis-tls-"));
  directories.push(directory);
  return directory;
}

/** `mrr up` with a proxy, and these keys in its configuration. */
async function start(keys: Readonly<Record<string, string>> = {}): Promise<RunningUp> {
  const directory = newDirectory();
  const keyFile = join(directory, "secret-keys");
  writeFileSync(keyFile, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  const config = join(directory, "config.json");
  writeFileSync(config, JSON.stringify({ SecretKeyFile: keyFile, ...keys }));
  up = await startUp({ hasProxy: true, agents: 3, secure: null, args: ["--config", config] });
  return up;
}

interface Connection {
  readonly tls: boolean;
  readonly ca: string | null;
  readonly url: string;
  readonly redisCli: string;
  readonly ioredis: { readonly host: string; readonly port: number; readonly tls: object };
  readonly direct: { readonly master: string | null; readonly replicas: readonly string[] };
}

async function connectionOf(running: RunningUp, name: string): Promise<Connection> {
  const { json, status, text } = await running.api("GET", `/v2/instances/${name}/connection`);
  expect(status, text).toBe(200);
  return json as Connection;
}

async function create(running: RunningUp, name: string, slaves: number): Promise<ShownInstance> {
  const wish = { name, memory: 100, slaves, tls: true };
  const { json, status, text } = await running.api("POST", "/v2/instances?wait=60", wish);
  expect(status, text).toBe(201);
  return json as ShownInstance;
}

const portOf = (place: string | null | undefined): number => Number(place?.split(":").at(-1));

/** One command over TLS, by a client that trusts `ca` and wants to speak with `host`. */
async function ask(
  place: { readonly host?: string; readonly port: number },
  ca: string,
  ...words: readonly [string, ...string[]]
): Promise<unknown> {
  const redis = new Redis({
    ...{ host: "127.0.0.1", ...place, tls: { ca }, lazyConnect: true, commandTimeout: 10_000 },
    ...{ maxRetriesPerRequest: 0, retryStrategy: () => null, enableOfflineQueue: false },
  });
  let because: Error | null = null;
  redis.on("error", (error: Error) => {
    because ??= error;
  });
  try {
    await redis.connect();
    const [command, ...rest] = words;
    return await redis.call(command, ...rest);
  } catch (error) {
    throw because ?? error;
  } finally {
    redis.disconnect();
  }
}

/** Files below `directory` that hold a private key, by their names alone. */
function keyFiles(directory: string): readonly string[] {
  const names: string[] = [];
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      const text = readFileSync(join(entry.parentPath, entry.name), "latin1");
      if (/PRIVATE KEY/.test(text)) names.push(entry.name);
    } catch {
      // It went with its process meanwhile.
    }
  }
  return [...new Set(names)];
}

test("the own authority: clients, replicas and the proxy speak TLS, whoever is killed", async () => {
  const running = await start();
  expect(await create(running, "inst", 2)).toMatchObject({ status: "RUNNING" });
  const first = await connectionOf(running, "inst");
  const ca = first.ca ?? "";
  const { port } = first.ioredis;
  expect([first.tls, first.url, first.ioredis.tls]).toEqual([
    true,
    `rediss://127.0.0.1:${port}`,
    { ca },
  ]);

  // The master and each replica, by what the certificate says; nobody who trusts somebody else, or nothing.
  const master = portOf(first.direct.master);
  expect(await ask({ port: master }, ca, "SET", "foo", "bar")).toBe("OK");
  for (const replica of first.direct.replicas) {
    await eventually(async () => {
      expect(await ask({ port: portOf(replica) }, ca, "GET", "foo")).toBe("bar");
    }, limit);
  }
  const plain = await run({ command: "redis-cli", args: ["-p", `${master}`, "PING"] });
  expect(plain.stdout).not.toContain("PONG");
  const stranger = new Authority();
  await expect(ask({ port: master }, stranger.ca, "PING")).rejects.toThrow(/certificate|issuer/);
  stranger.remove();

  // The proxy passes TLS through: its names are in the certificate, and the command line works as it is told.
  expect(await ask({ host: "localhost", port }, ca, "GET", "foo")).toBe("bar");
  const directory = newDirectory();
  writeFileSync(join(directory, "ca.crt"), ca);
  const [command = "", ...args] = first.redisCli.split(" ");
  const told = await run({ command, args: [...args, "GET", "foo"], cwd: directory });
  expect([told.stdout, told.stderr]).toEqual(["bar\n", ""]);

  // Private keys are in the directories of the processes, and nowhere else.
  expect(keyFiles(running.place.dataDir)).toEqual(["tls.pem"]);
  expect(JSON.stringify(findProcesses(running.place.dataDir))).not.toContain("PRIVATE KEY");

  // kill -9: a replica goes on with the data, and a new one joins it, over TLS.
  signalProcess(running.redisPid(master), "SIGKILL");
  await eventually(async () => {
    expect(await ask({ port }, ca, "SET", "foo", "bar2")).toBe("OK");
  }, limit);
  await until(
    async () => {
      const { json } = await running.api("GET", "/v2/instances/inst");
      const { status, processes } = json as ShownInstance;
      return status === "RUNNING" && processes.filter(({ ready }) => ready).length === 3;
    },
    { ...limit, what: "two synced replicas again" },
  );

  // A scheduler that starts anew goes on with the same authority.
  const scheduler = findProcesses(running.place.dataDir).find(({ commandLine }) =>
    commandLine.includes("packages/scheduler/"),
  );
  signalProcess(scheduler?.pid ?? 0, "SIGKILL");
  await eventually(async () => {
    const { json } = await running.api("GET", "/v2/instances/inst/connection");
    expect((json as Connection).ca).toBe(ca);
  }, limit);
  await until(async () => (await running.api("GET", "/readyz")).status === 200, {
    ...limit,
    what: "the scheduler",
  });
  expect(await create(running, "other", 0)).toMatchObject({ status: "RUNNING" });
  const other = await connectionOf(running, "other");
  expect(other.ca).toBe(ca);
  expect(await ask({ port: portOf(other.direct.master) }, ca, "PING")).toBe("PONG");

  // kill -9 of an executor: its private keys go at once, though it cannot take them along.
  const executor = findProcesses(running.place.dataDir).find(({ commandLine }) =>
    /node.*mr-redis-executor/.test(commandLine),
  );
  const sandbox = readlinkSync(`/proc/${executor?.pid}/cwd`);
  expect(keyFiles(sandbox)).toEqual(["tls.pem"]);
  signalProcess(executor?.pid ?? 0, "SIGKILL");
  await until(() => keyFiles(sandbox).length === 0, { ...limit, what: "the end of its keys" });
});

test("a directory on the agents: its certificates are shown, and what is wrong with it is the reason", async () => {
  const authority = new Authority();
  try {
    const directory = newDirectory();
    const { cert, key } = authority.certificate("IP:127.0.0.1");
    writeFileSync(join(directory, "tls.crt"), cert);
    writeFileSync(join(directory, "tls.key"), key, { mode: 0o600 });
    writeFileSync(join(directory, "ca.crt"), authority.ca);
    const running = await start({ RedisTLSDirectory: directory });
    expect(await create(running, "inst", 1)).toMatchObject({ status: "RUNNING" });
    const { ca, tls, ioredis, direct } = await connectionOf(running, "inst");
    expect([ca, tls, ioredis.tls]).toEqual([null, true, {}]);
    const place = { port: portOf(direct.master) };
    expect(await ask(place, authority.ca, "SET", "foo", "bar")).toBe("OK");
    await eventually(async () => {
      const replica = { port: portOf(direct.replicas[0]) };
      expect(await ask(replica, authority.ca, "GET", "foo")).toBe("bar");
    }, limit);

    // Anew with a directory that is not whole.
    await running.stop();
    up = null;
    rmSync(join(directory, "tls.key"));
    const again = await start({ RedisTLSDirectory: directory });
    const wish = { name: "late", memory: 100, slaves: 0, tls: true };
    expect((await again.api("POST", "/v2/instances", wish)).status).toBe(201);
    await eventually(async () => {
      const { json } = await again.api("GET", "/v2/instances/late");
      const { reason } = json as { readonly reason: { readonly text: string } | null };
      expect(reason?.text).toContain(`${join(directory, "tls.key")} cannot be read: ENOENT`);
    }, limit);
  } finally {
    authority.remove();
  }
});
