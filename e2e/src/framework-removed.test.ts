/**
 * Owns the proof that a removed framework ends the scheduler with what was lost, and that an operator's word starts anew;
 * and that a stranger with the framework's id is not fought.
 * SPDX-License-Identifier: Apache-2.0
 */
import { callApi, eventually, type Program, type Site, startSite, until } from "@mr-redis/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { masterOf, type ShownInstance } from "./look.js";
import { withRedis, writeKey } from "./redis-client.js";

let site: Site;

beforeEach(async () => {
  site = await startSite({ agents: 2, redisPorts: 20, config: { FailoverTimeoutS: "1" } });
});

afterEach(() => site.destroy());

const limit = { deadlineMs: 30_000 };

const create = async (name: string, slaves: number): Promise<ShownInstance> => {
  const wish = { name, memory: 100, slaves };
  const answer = await callApi(site.endpoint, "POST", "/v2/instances?wait=20", wish);
  expect([answer.status, (answer.json as ShownInstance).status]).toEqual([201, "RUNNING"]);
  return answer.json as ShownInstance;
};

const shown = async (name: string): Promise<ShownInstance> =>
  (await callApi(site.endpoint, "GET", `/v2/instances/${name}`)).json as ShownInstance;

const framework = async (): Promise<string | undefined> => {
  const answer = await fetch(`${site.mesosEndpoint}/state`);
  const { frameworks } = (await answer.json()) as { frameworks: { id: string }[] };
  return frameworks[0]?.id;
};

async function ended(program: Program): Promise<number | null> {
  await eventually(() => expect(program.exit, program.log).not.toBeNull(), limit);
  return program.exit?.code ?? null;
}

const lost = /2 instances with 3 processes \(alone, pair\)/;

test("removed: exit code 3 and what was lost, until --new-framework creates it again, new and empty", async () => {
  const first = await site.startScheduler();
  const old = await create("alone", 0);
  await create("pair", 1);
  const oldFramework = await framework();
  await writeKey(masterOf(old), "a", "1");

  // The failover timeout passes while nobody is there.
  first.signal("SIGKILL");
  await first.exited;
  await until(() => site.redisServers().length === 0, { ...limit, what: "Mesos ends everything" });
  for (let tries = 0; tries < 2; tries += 1) {
    const next = await site.startScheduler({}, { untilReady: false });
    expect(await ended(next), next.log).toBe(3);
    expect(next.stderr).toMatch(lost);
    expect(next.stderr).toContain(`Mesos has removed framework ${oldFramework}`);
    expect(next.stderr).toContain("start once: mrr-scheduler --new-framework");
  }
  expect(await framework()).toBeUndefined();

  const anew = await site.startScheduler({}, { args: ["--new-framework"] });
  await eventually(async () => {
    const instances = [await shown("alone"), await shown("pair")];
    expect(instances.map(({ status, epoch }) => [status, epoch])).toEqual([
      ["RUNNING", 2],
      ["RUNNING", 2],
    ]);
  }, limit);
  expect(anew.stderr).toMatch(lost);
  expect(await framework()).not.toBe(oldFramework);
  expect(site.redisServers()).toHaveLength(3);
  expect(await withRedis(masterOf(await shown("alone")), (redis) => redis.dbsize())).toBe(0);
});

test("failed over to a stranger: exit code 7, nothing is touched, and the next start has the framework back", async () => {
  const scheduler = await site.startScheduler();
  await create("pair", 1);
  const redisServers = site.redisServers().map(({ pid }) => pid);
  const stranger = new AbortController();
  const subscribed = await fetch(`${site.mesosEndpoint}/api/v1/scheduler`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({
      type: "SUBSCRIBE",
      framework_id: { value: await framework() },
      subscribe: {
        framework_info: {
          user: "",
          name: "stranger",
          id: { value: await framework() },
          failover_timeout: 60,
          checkpoint: true,
          roles: ["*"],
          capabilities: [{ type: "MULTI_ROLE" }],
        },
      },
    }),
    signal: stranger.signal,
  });
  expect(subscribed.status).toBe(200);
  expect(await ended(scheduler), scheduler.log).toBe(7);
  expect(scheduler.stderr).toContain("a stranger subscribed with the same framework id");
  expect(site.redisServers().map(({ pid }) => pid)).toEqual(redisServers);

  stranger.abort();
  await site.startScheduler();
  await eventually(async () => expect((await shown("pair")).status).toBe("RUNNING"), limit);
  expect(site.redisServers().map(({ pid }) => pid)).toEqual(redisServers);
});
