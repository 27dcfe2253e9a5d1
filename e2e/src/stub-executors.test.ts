/**
 * Owns the proof that stub executors (`mrr-local --stub-executors`) are executors as far as a scheduler can tell: instances
 * run, survive the scheduler's restart and are deleted, without any redis-server.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, killProcess, type Program, type Site, startSite } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

const instancesCount = 50;
const deadlineMs = 40_000;

let site: Site;
let scheduler: Program;
beforeAll(async () => {
  site = await startSite({ agents: 10, redisPorts: 0, stubExecutors: true });
  scheduler = await site.startScheduler();
});
afterAll(() => site.destroy());

const names = Array.from({ length: instancesCount }, (_, index) => `stub-${index}`);

async function list(): Promise<ShownInstance[]> {
  const answer = await site.api("GET", "/v2/instances?limit=500");
  expect(answer.status, answer.text).toBe(200);
  return (answer.json as { instances: ShownInstance[] }).instances;
}

const allRunning = () =>
  eventually(
    async () => {
      const running = (await list()).filter(({ status }) => status === "RUNNING");
      expect(running.map(({ name }) => name).sort()).toEqual([...names].sort());
      return running;
    },
    { deadlineMs, intervalMs: 100, what: "all instances are RUNNING" },
  );

const tasks = (instances: readonly ShownInstance[]): string[] =>
  instances.flatMap(({ processes }) => processes.map(({ id }) => id)).sort();

test("50 instances of three processes run without a redis-server, over a kill of the scheduler", async () => {
  const answers = await Promise.all(
    names.map((name) => site.api("POST", "/v2/instances", { name, memory: 100, slaves: 2 })),
  );
  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 201));
  const before = await allRunning();
  expect(tasks(before)).toHaveLength(3 * instancesCount);
  expect(site.redisServers()).toEqual([]);
  await killProcess(scheduler.pid);
  scheduler = await site.startScheduler();
  expect(tasks(await allRunning())).toEqual(tasks(before));
  await Promise.all(names.map((name) => site.api("DELETE", `/v2/instances/${name}`)));
  const statuses = async () => new Set((await list()).map(({ status }) => status));
  await eventually(async () => expect(await statuses()).toEqual(new Set(["DELETED"])), {
    deadlineMs,
    intervalMs: 100,
    what: "all instances are DELETED",
  });
});
