/**
 * Tests of failovers with a living master: one on request loses no write, one whose host froze is fenced, replaced, and
 * comes back as a replica. Not: dead masters (kill-redis.test.ts), nor networks that are cut.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type RunningUp, signalProcess, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createRunning,
  masterOf,
  replicasOf,
  type ShownInstance,
  type ShownProcess,
  show,
  waitStatus,
} from "./look.js";
import { withRedis } from "./redis-client.js";

/** Short limits, with all that their arithmetic needs; patient with redis-servers on a busy machine. */
const config = {
  FencingLagMs: 1_000,
  ExecutorSilenceMs: 1_000,
  ReportIntervalMs: 250,
  ReplicaSilenceMs: 2_000,
  RedisTimeoutMs: 10_000,
};

const deadlineMs = 60_000;

let up: RunningUp;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-failover-"));
  const file = join(directory, "config.json");
  await writeFile(file, JSON.stringify(config));
  up = await startUp({ agents: 3, args: ["--config", file] });
});

afterAll(async () => {
  const left = await up?.stop();
  await rm(directory, { recursive: true, force: true });
  expect(left).toEqual([]);
});

const failover = (name: string, body: object) =>
  up.api("POST", `/v2/instances/${name}/failover`, body);

/** Waits until the instance runs as asked under a master of this epoch. */
const waitEpoch = (name: string, epoch: number): Promise<ShownInstance> =>
  eventually(
    async () => {
      const shown = await show(up, name);
      expect([shown.status, shown.epoch]).toEqual(["RUNNING", epoch]);
      return shown;
    },
    { deadlineMs, what: `${name} runs in reign ${epoch}` },
  );

const waitFenced = (master: ShownProcess): Promise<void> =>
  eventually(
    async () => {
      const quorum = await withRedis(master, (redis) =>
        redis.config("GET", "min-replicas-to-write"),
      );
      expect(quorum).toEqual(["min-replicas-to-write", "1"]);
    },
    { deadlineMs, what: `a write quorum at port ${master.port}` },
  );

/** Writes a counter to whoever takes it, until it is stopped; returns the last number that was acknowledged. */
function countOn(name: string): () => Promise<number> {
  let running = true;
  let acknowledged = 0;
  const done = (async () => {
    while (running) {
      try {
        const master = masterOf(await show(up, name));
        await withRedis(master, async (redis) => {
          while (running) {
            if ((await redis.set("counter", String(acknowledged + 1))) !== "OK") return;
            acknowledged += 1;
          }
        });
      } catch {
        // Refused, cut off or between two masters: look again.
      }
    }
  })();
  return async () => {
    running = false;
    await done;
    return acknowledged;
  };
}

test("a failover on request moves the master and loses no write", async () => {
  const before = await createRunning(up, { name: "moved", slaves: 2 });
  await waitFenced(masterOf(before));
  const [target] = replicasOf(before);
  const stop = countOn("moved");
  const answer = await failover("moved", { to: target?.id });
  expect([answer.status, answer.json]).toEqual([202, { epoch: 2 }]);
  const after = await waitEpoch("moved", 2);
  expect(masterOf(after).id).toBe(target?.id);
  const acknowledged = await stop();
  expect(acknowledged).toBeGreaterThan(0);
  const counter = await withRedis(masterOf(after), (redis) => redis.get("counter"));
  expect(Number(counter)).toBeGreaterThanOrEqual(acknowledged);
  expect((await failover("moved", { to: target?.id })).status).toBe(409);
  expect((await failover("moved", { to: "moved::nobody" })).status).toBe(409);
});

test("a master whose host froze is fenced and replaced, and comes back as a replica", async () => {
  const before = await createRunning(up, { name: "frozen", slaves: 2 });
  const old = masterOf(before);
  await waitFenced(old);
  await withRedis(old, async (redis) => {
    await redis.set("foo", "bar");
    await redis.wait(2, 5_000);
  });
  const redisPid = up.redisPid(old.port);
  const executorPid = await parentOf(redisPid);
  signalProcess(executorPid, "SIGSTOP");
  signalProcess(redisPid, "SIGSTOP");
  try {
    const shown = await eventually(
      async () => {
        const now = await show(up, "frozen");
        expect([now.epoch, masterOf(now).ready]).toEqual([2, true]);
        return now;
      },
      { deadlineMs, what: "another master" },
    );
    expect(masterOf(shown).id).not.toBe(old.id);
    await withRedis(masterOf(shown), async (redis) => {
      expect(await redis.get("foo")).toBe("bar");
      expect(await redis.set("foo", "later")).toBe("OK");
    });
  } finally {
    signalProcess(redisPid, "SIGCONT");
    signalProcess(executorPid, "SIGCONT");
  }
  await waitStatus(up, "frozen", "RUNNING", deadlineMs);
  const after = await waitEpoch("frozen", 2);
  const [record] = after.failovers;
  expect(record).toMatchObject({ kind: "unreachable", epoch: 2, oldMaster: old.id });
  for (const replica of replicasOf(after)) {
    await eventually(
      async () => expect(await withRedis(replica, (redis) => redis.get("foo"))).toBe("later"),
      { deadlineMs, what: `the data of reign 2 at port ${replica.port}` },
    );
  }
});

/** The process that started this one: a redis-server is a child of its executor. */
async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}
