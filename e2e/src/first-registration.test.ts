/**
 * Owns the proof that the very first registration survives a kill on both sides of the commit of the framework's id.
 * Not: the crash points of a scheduler that is registered (crash-points.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { callApi, eventually, type Site, startSite, until } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ShownInstance } from "./look.js";

let site: Site;

beforeEach(async () => {
  site = await startSite({ agents: 1, redisPorts: 10 });
});

afterEach(() => site.destroy());

interface Framework {
  readonly id: string;
  readonly active: boolean;
}

const frameworks = async (): Promise<readonly Framework[]> => {
  const answer = await fetch(`${site.mesosEndpoint}/state`);
  return ((await answer.json()) as { frameworks: Framework[] }).frameworks;
};

test.each([
  // Mesos knows an id that nobody stored: it has no task, and goes with its failover timeout.
  ["before:framework", 2],
  ["after:framework", 1],
])("killed at %s: the next one works as one framework", async (point, known) => {
  const dying = await site.startScheduler(
    { MRR_TEST: "1", MRR_CRASH_AT: point },
    { untilReady: false },
  );
  await until(() => dying.exit !== null, { deadlineMs: 20_000, what: `it dies at ${point}` });
  expect(dying.exit?.signal, dying.log).toBe("SIGKILL");
  const [first] = await frameworks();

  const second = await site.startScheduler();
  const wish = { name: "first", memory: 100, slaves: 0 };
  const created = await callApi(site.endpoint, "POST", "/v2/instances?wait=20", wish);
  expect([created.status, (created.json as ShownInstance).status]).toEqual([201, "RUNNING"]);
  const registered = await frameworks();
  expect(registered).toHaveLength(known);
  if (known === 1) expect(registered[0]?.id).toBe(first?.id);

  // What is stored now is kept.
  second.signal("SIGKILL");
  await second.exited;
  await site.startScheduler();
  await eventually(async () => {
    const shown = await callApi(site.endpoint, "GET", "/v2/instances/first");
    expect((shown.json as ShownInstance).status).toBe("RUNNING");
  });
  expect((await frameworks()).map(({ id }) => id)).toEqual(registered.map(({ id }) => id));
  expect(site.redisServers()).toHaveLength(1);
});
