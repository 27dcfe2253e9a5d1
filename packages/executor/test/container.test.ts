/**
 * Tests of containers on an engine that goes wrong: it hangs, answers with errors or in halves, or is away. That a real engine
 * does its part is tested end to end (e2e/src/container-runtime.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@mr-redis/mesos";
import { eventually, freePort } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ContainerProcess } from "../src/container/container-process.js";
import { createDockerodeEngine } from "../src/container/dockerode-engine.js";
import type { EndedLeftover } from "../src/container/leftovers.js";
import { ContainerRuntime, type ContainerSettings } from "../src/container/runtime.js";
import { logDirectory } from "../src/redis-process.js";
import { makeWorkPlace } from "../src/work-directory.js";
import { type FakeEngine, startFakeEngine } from "./fake-engine.js";
import { orderOf } from "./harness.js";

const owner = { frameworkId: "F", agentId: "A", executorId: "E", runId: "R2" };
const deadline = { deadlineMs: 30_000 };

/** Says that it is a redis-server, and then nothing more. */
const server = `#!/bin/sh
[ "$1" = --version ] && exec echo "Redis server v=7.0.15 sha=00000000:0 malloc=libc bits=64"
exec sleep 600
`;

let directory: string;
let socket: string;
let engine: FakeEngine;
let runtime: ContainerRuntime | null = null;
let leftovers: EndedLeftover[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "mrr-fake-"));
  socket = join(directory, "engine.sock");
  engine = await startFakeEngine(socket);
  writeFileSync(join(directory, "server"), server, { mode: 0o755 });
  leftovers = [];
});

afterEach(async () => {
  runtime?.close();
  runtime = null;
  await engine.close();
  rmSync(directory, { recursive: true, force: true });
});

/** What a process told, in order. */
interface Told {
  readonly notes: (string | null)[];
  pid: number | null;
  failed: string | null;
  exited: { code: number | null; signal: string | null; cause: string | null } | null;
  readonly process: ContainerProcess;
}

function createRuntime(settings: Partial<ContainerSettings> = {}, answerMs = 5_000): void {
  makeWorkPlace(directory);
  runtime = new ContainerRuntime({
    settings: {
      ...{ image: "redis:7", socket, pullTimeoutMs: 20_000, cpusMilli: 100 },
      ...{
        redisMemoryOverheadMib: 16,
        redisMemoryOverheadPercent: 10,
        program: join(directory, "server"),
      },
      ...settings,
    },
    owner,
    engine: createDockerodeEngine(socket, answerMs),
    clock: systemClock,
    sandbox: directory,
    executorSecret: "executor-secret",
    user: { uid: process.getuid?.() ?? 1, gid: process.getgid?.() ?? 1 },
    note: () => undefined,
    onLeftover: (leftover) => leftovers.push(leftover),
  });
}

async function start(processId = "i::a"): Promise<Told> {
  const order = orderOf(processId, await freePort(), { memoryMib: 10 });
  const told: Omit<Told, "process"> = { notes: [], pid: null, failed: null, exited: null };
  const listener = {
    noted: (text: string | null) => void told.notes.push(text),
    spawned: (pid: number) => {
      told.pid = pid;
    },
    failed: (text: string) => {
      told.failed = text;
    },
    hinted: () => undefined,
    exited: (
      code: number | null,
      signal: string | null,
      _log: readonly string[],
      cause: string | null,
    ) => {
      told.exited = { code, signal, cause };
    },
  };
  if (runtime === null) throw new Error("no runtime");
  const logPath = join(directory, logDirectory, `${processId}.log`);
  const process = runtime.start(
    { order, startId: `start-${processId.slice(-1)}`, logPath, identity: null },
    listener,
  );
  return Object.assign(told, { process });
}

const failure = async (told: Told): Promise<string> =>
  eventually(() => {
    if (told.failed === null) throw new Error("it has not failed");
    return told.failed;
  }, deadline);

const spawned = (told: Told): Promise<void> =>
  eventually(() => expect(told.pid).not.toBeNull(), deadline);

test("a missing image is fetched, its progress told in steps; the container is removed after its end", async () => {
  engine.mischief = (_request, response, what) => {
    if (what !== "POST /images/create") return false;
    const lines = [5, 12, 55, 58, 100].map((current) => {
      const progressDetail = { current, total: 100 };
      return JSON.stringify({ status: "Downloading", id: "layer", progressDetail });
    });
    // Cut anywhere, with what is no JSON in between.
    const text = `${lines.join("\nnothing\n")}\n`;
    response.write(text.slice(0, 100));
    response.write(text.slice(100));
    engine.images.add("redis:7");
    response.end();
    return true;
  };
  createRuntime();
  const told = await start();
  await spawned(told);
  expect(told.notes).toEqual([
    "fetches the image redis:7",
    "fetches the image redis:7 (10 %)",
    "fetches the image redis:7 (50 %)",
    "fetches the image redis:7 (100 %)",
    null,
  ]);
  told.process.signal("SIGTERM");
  await eventually(
    () => expect(told.exited).toEqual({ code: null, signal: "SIGTERM", cause: null }),
    deadline,
  );
  await told.process.removed;
  expect([engine.containers.size, told.failed]).toEqual([0, null]);
});

test.each([
  ['{"error":"no space left"}', "the image redis:7 cannot be fetched: no space left"],
  ["", "the image redis:7 cannot be fetched: the engine gave up without a word"],
  ['{"stat', "the image redis:7 cannot be fetched: the engine gave up without a word"],
])("a pull that ends at half with %s fails with a reason", async (last, reason) => {
  engine.mischief = (_request, response, what) => {
    if (what !== "POST /images/create") return false;
    const progressDetail = { current: 50, total: 100 };
    response.write(`${JSON.stringify({ status: "Downloading", id: "l", progressDetail })}\n`);
    response.end(last);
    return true;
  };
  createRuntime();
  const told = await start();
  expect(await failure(told)).toBe(reason);
  expect([told.pid, told.exited, engine.containers.size]).toEqual([null, null, 0]);
});

test("a pull that hangs ends at its limit, and when nobody waits for it any more", async () => {
  let closed = 0;
  engine.mischief = (_request, response, what) => {
    if (what !== "POST /images/create") return false;
    response.write("\n");
    response.on("close", () => {
      closed += 1;
    });
    return true;
  };
  createRuntime({ pullTimeoutMs: 300 });
  const text = "the image redis:7 could not be fetched within 300 ms";
  expect(await failure(await start("i::a"))).toBe(text);
  await eventually(() => expect(closed).toBe(1), deadline);
  runtime?.close();
  createRuntime();
  const [first, second] = [await start("i::b"), await start("i::c")];
  await eventually(
    () => expect([first.notes.length, second.notes.length]).toEqual([1, 1]),
    deadline,
  );
  first.process.cancel();
  expect(await failure(first)).toBe("its start was given up");
  expect([second.failed, closed]).toEqual([null, 1]);
  second.process.cancel();
  expect(await failure(second)).toBe("its start was given up");
  await eventually(() => expect(closed).toBe(2), deadline);
  expect(engine.asked.filter((what) => what === "POST /images/create")).toHaveLength(2);
});

test.each(["POST /containers/create", "POST /containers/ID/start"])(
  "an error of the engine at %s is the reason, and nothing is left",
  async (step) => {
    engine.images.add("redis:7");
    engine.mischief = (_request, response, what) => {
      if (what !== step) return false;
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ message: "the disk\nis on fire" }));
      return true;
    };
    createRuntime();
    const told = await start();
    expect(await failure(told)).toMatch(
      /^the container engine refuses to \w+ a container \(500\): the disk is on fire$/,
    );
    await told.process.removed;
    expect([told.exited, engine.containers.size]).toEqual([null, 0]);
  },
);

test.each(["GET /images/redis:7/json", "POST /containers/create", "POST /containers/ID/start"])(
  "an engine that hangs at %s is given up in time",
  async (step) => {
    engine.images.add("redis:7");
    engine.mischief = (_request, _response, what) => decodeURIComponent(what) === step;
    createRuntime({}, 300);
    expect(await failure(await start())).toMatch(/did not .+ within 300 ms$/);
  },
);

test("answers that are no answers, or half ones, are no containers", async () => {
  engine.images.add("redis:7");
  const answers = ["[]", '{"Id":"../../x"}', '{"Id":', "null"];
  engine.mischief = (_request, response, what) => {
    if (what !== "POST /containers/create") return false;
    response.writeHead(201, { "content-type": "application/json" });
    response.end(answers.shift());
    return true;
  };
  createRuntime();
  for (const id of ["i::a", "i::b", "i::c", "i::d"]) {
    expect(await failure(await start(id))).toMatch(/container/);
  }
});

test("without an engine a start fails with where it was looked for", async () => {
  await engine.close();
  rmSync(socket, { force: true });
  createRuntime();
  expect(await failure(await start())).toBe(
    `the container engine at ${socket} cannot look for the image: ENOENT`,
  );
}, 60_000);

test("an image without redis-server says so", async () => {
  engine.images.add("redis:7");
  createRuntime({ program: "no-such-server" });
  expect(await failure(await start())).toContain("there is no no-such-server in this image");
});

test("one that the kernel ended for its memory says so", async () => {
  engine.images.add("redis:7");
  createRuntime();
  const told = await start();
  await spawned(told);
  const [container] = engine.containers.values();
  if (container === undefined) throw new Error("no container");
  container.isOutOfMemory = true;
  told.process.signal("SIGKILL");
  const cause = "out of memory: its container has 26 MiB";
  await eventually(
    () => expect(told.exited).toEqual({ code: null, signal: "SIGKILL", cause }),
    deadline,
  );
});

test("an end is told only when it was confirmed, however often the engine does not know", async () => {
  engine.images.add("redis:7");
  createRuntime();
  const told = await start();
  await spawned(told);
  let refused = 0;
  engine.mischief = (_request, response, what) => {
    if (what !== "GET /containers/ID/json" || refused === 3) return false;
    refused += 1;
    if (refused === 1) response.destroy();
    else response.writeHead(refused === 2 ? 500 : 200).end(refused === 2 ? "" : '{"Sta');
    return true;
  };
  const [container] = engine.containers.values();
  // Who waits for its end is cut off, while it lives.
  for (const response of container?.waiting.splice(0) ?? []) response.destroy();
  container?.input?.destroy();
  await eventually(() => expect(refused).toBe(3), deadline);
  expect(told.exited).toBeNull();
  told.process.signal("SIGKILL");
  await eventually(
    () => expect(told.exited).toEqual({ code: null, signal: "SIGKILL", cause: null }),
    deadline,
  );
});

test("the guard kills what the engine does not, and when the executor's connection ends", async () => {
  engine.images.add("redis:7");
  engine.mischief = (_request, response, what) => {
    if (what !== "POST /containers/ID/kill") return false;
    response.writeHead(500).end();
    return true;
  };
  createRuntime();
  const [told, other] = [await start("i::a"), await start("i::b")];
  await spawned(told);
  await spawned(other);
  told.process.signal("SIGKILL");
  const killed = { code: null, signal: "SIGKILL", cause: null };
  await eventually(() => expect(told.exited).toEqual(killed), deadline);
  expect(other.exited).toBeNull();
  for (const { input } of engine.containers.values()) input?.end();
  for (const { child } of engine.containers.values()) child?.stdin?.end();
  await eventually(() => expect(other.exited).toEqual(killed), deadline);
});

test("what an ended executor has left is ended, told once it is gone, and nobody else's is touched", async () => {
  const labels = {
    ...{ "mr-redis.framework": "F", "mr-redis.agent": "A", "mr-redis.executor": "E" },
    ...{ "mr-redis.run": "R1", "mr-redis.process": "i::old", "mr-redis.start": "s1" },
  };
  const left = engine.leave(labels, "running");
  const ended = engine.leave({ ...labels, "mr-redis.process": "i::ended" }, "exited");
  const others = [
    engine.leave({ ...labels, "mr-redis.executor": "another" }, "running"),
    engine.leave({ ...labels, "mr-redis.agent": "B" }, "running"),
    engine.leave({ ...labels, "mr-redis.framework": "G" }, "running"),
    engine.leave({ ...labels, "mr-redis.run": "R2" }, "running"),
  ];
  let refused = 0;
  engine.mischief = (_request, response, what) => {
    if (what !== "DELETE /containers/ID" || refused > 0) return false;
    refused += 1;
    response.writeHead(500).end();
    return true;
  };
  createRuntime();
  await eventually(() => expect(leftovers).toHaveLength(2), deadline);
  const text = "left by an executor that has ended";
  expect(leftovers).toEqual([
    { processId: "i::old", startId: "s1", code: null, signal: "SIGKILL", text: `${text}: killed` },
    { processId: "i::ended", startId: "s1", code: 0, signal: null, text: `${text}: it had ended` },
  ]);
  expect([...engine.containers.keys()]).toEqual(others.map(({ id }) => id));
  expect([left, ended].some(({ id }) => engine.containers.has(id))).toBe(false);
  expect(existsSync(join(directory, "guard", "alive"))).toBe(true);
});
