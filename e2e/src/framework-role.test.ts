/**
 * Owns the proof that instances run on what operators reserve for the framework's role, also where nothing else is offered,
 * and that a scheduler that is started again finds its executors there.
 * SPDX-License-Identifier: Apache-2.0
 */
import { callApi, eventually, findProcesses, type Site, startSite } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

let site: Site;

afterEach(() => site.destroy());

const limit = { deadlineMs: 30_000 };

const create = async (name: string): Promise<void> => {
  const wish = { name, memory: 100, slaves: 2 };
  const answer = await callApi(site.endpoint, "POST", "/v2/instances?wait=20", wish);
  const { status, reason } = answer.json as ShownInstance;
  expect([answer.status, status, reason]).toEqual([201, "RUNNING", null]);
};

const executorsCount = (): number =>
  findProcesses(site.directory).filter(
    ({ name, commandLine }) => !name.startsWith("redis") && /mr-redis-executor/.test(commandLine),
  ).length;

test.each([
  ["everything", "team:100", "team/db"],
  // Too little for all, so that tasks take reserved parts and others.
  ["a part", "team/db:5", "team/db"],
])("%s of the agents is reserved", async (_what, reserve, Role) => {
  site = await startSite({
    agents: 2,
    redisPorts: 40,
    localArgs: ["--reserve", reserve],
    config: { Role, RedisCpus: "0.3" },
  });
  const first = await site.startScheduler();
  await create("one");
  const before = site.redisServers().map(({ pid }) => pid);
  first.signal("SIGKILL");
  await first.exited;
  await site.startScheduler();
  await create("two");
  await eventually(() => expect(site.redisServers()).toHaveLength(6), limit);
  expect(site.redisServers().map(({ pid }) => pid)).toEqual(expect.arrayContaining(before));
  expect(executorsCount()).toBe(2);
});
