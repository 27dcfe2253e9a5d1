/**
 * Tests of masters while nobody leads: one that nothing fences accepts writes until its lease ends and again as soon as
 * somebody leads; one with a replica in sync goes on for ever.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type RunningUp, signalProcess, startUp } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRunning, masterOf, type ShownProcess, show } from "./look.js";
import { schedulerOf } from "./programs.js";
import { withRedis } from "./redis-client.js";

/** A short lease, with all that its arithmetic needs; patient with redis-servers on a busy machine. */
const config = {
  MasterLeaseMs: 5_000,
  ExecutorSilenceMs: 500,
  ReportIntervalMs: 250,
  RedisTimeoutMs: 10_000,
};

const deadlineMs = 30_000;

let up: RunningUp;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mrr-leases-"));
  const file = join(directory, "config.json");
  await writeFile(file, JSON.stringify(config));
  up = await startUp({ agents: 2, args: ["--config", file] });
});

afterAll(async () => {
  const left = await up?.stop();
  await rm(directory, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** "OK", or what Redis says instead. */
const write = (master: ShownProcess, value: string): Promise<string> =>
  withRedis(master, (redis) => redis.set("foo", value)).catch(String);

const waitFor = (master: ShownProcess, answer: string): Promise<void> =>
  eventually(async () => expect(await write(master, "x")).toContain(answer), {
    deadlineMs,
    what: `${answer} of port ${master.port}`,
  });

test("while the scheduler is frozen, a single closes at the end of its lease, a fenced master never", async () => {
  const single = masterOf(await createRunning(up, { name: "single", slaves: 0 }));
  const pair = masterOf(await createRunning(up, { name: "pair", slaves: 1 }));
  await eventually(
    async () => {
      const quorum = await withRedis(pair, (redis) => redis.config("GET", "min-replicas-to-write"));
      expect(quorum).toEqual(["min-replicas-to-write", "1"]);
    },
    { deadlineMs, what: "a fenced pair" },
  );
  const { pid } = schedulerOf(up);
  // Leases are renewed all the time: with nobody to do that, one ends.
  await waitFor(single, "OK");
  signalProcess(pid, "SIGSTOP");
  try {
    await waitFor(single, "NOREPLICAS");
    await eventually(async () => expect(await write(pair, "alone")).toBe("OK"), {
      deadlineMs,
      what: "a write to the fenced pair",
    });
  } finally {
    signalProcess(pid, "SIGCONT");
  }
  await waitFor(single, "OK");
  for (const [name, master] of [
    ["single", single],
    ["pair", pair],
  ] as const) {
    const shown = await eventually(
      async () => {
        const now = await show(up, name);
        expect(now.status).toBe("RUNNING");
        return now;
      },
      { deadlineMs, what: `${name} as before` },
    );
    expect([masterOf(shown).id, shown.epoch]).toEqual([master.id, 1]);
  }
  expect(await withRedis(pair, (redis) => redis.get("foo"))).toBe("alone");
});
