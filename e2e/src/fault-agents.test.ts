/**
 * Owns the proof that agents may vanish, return, be restarted under their executors, drain, be maintained and go: what
 * was not ended is not touched, what was is replaced elsewhere, and nothing is replaced that may come back.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type Program, until } from "@mr-redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createAt,
  type FaultySite,
  type ListedInstance,
  listAt,
  pidsOf,
  removeAt,
  startFaultySite,
  untilCalm,
} from "./faulty-site.js";
import { masterOf, replicasOf, type ShownInstance } from "./look.js";
import { withRedis, writeKey } from "./redis-client.js";

let faulty: FaultySite;
let scheduler: Program;
const kept = new Map<string, number | null>([["pair", 1]]);
const limit = { deadlineMs: 30_000 };

beforeAll(async () => {
  faulty = await startFaultySite({ agents: 3, redisPorts: 60 });
  scheduler = await faulty.site.startScheduler();
  await createAt(faulty.site, "pair", 1);
  await untilCalm(faulty, kept, "the beginning");
});
afterAll(() => faulty.site.destroy());

const show = async (name: string): Promise<ListedInstance> => {
  const found = (await listAt(faulty.site)).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

const numberOf = async (agentId: string): Promise<number> => {
  const index = (await faulty.seen()).agents.findIndex(({ id }) => id === agentId);
  if (index < 0) throw new Error(`no agent ${agentId}`);
  return index + 1;
};

const pair = async (): Promise<{ master: number; replica: number; shown: ListedInstance }> => {
  const shown = await show("pair");
  const [replica] = replicasOf(shown);
  return {
    shown,
    master: await numberOf(masterOf(shown).agentId),
    replica: await numberOf(replica?.agentId ?? ""),
  };
};

const ids = (shown: ShownInstance): string[] => shown.processes.map(({ id }) => id).sort();

/** The same processes with the same data after `fault`. */
async function expectUntouched(what: string, fault: () => Promise<unknown>): Promise<void> {
  const before = await untilCalm(faulty, kept, `before ${what}`);
  const pids = pidsOf(faulty, before);
  const value = `${what} ${Math.random()}`;
  await writeKey(masterOf(await show("pair")), "value", value);
  await fault();
  const after = await untilCalm(faulty, kept, what);
  expect([what, [...pidsOf(faulty, after)].sort()]).toEqual([what, [...pids].sort()]);
  await withRedis(masterOf(await show("pair")), async (redis) => {
    expect(await redis.get("value")).toBe(value);
  });
  expect(scheduler.exit).toBeNull();
}

const untilPromoted = (before: ShownInstance): Promise<void> =>
  until(async () => (await show(before.name)).epoch > before.epoch, {
    ...limit,
    what: "a promotion",
  });

test("a master and a replica that cannot be reached come back, and were not replaced", async () => {
  const { master, replica } = await pair();
  await expectUntouched("agents that cannot be reached", async () => {
    for (const agent of [replica, master])
      await faulty.inflict({ type: "mark-unreachable", agent });
    await eventually(async () => expect((await show("pair")).status).not.toBe("RUNNING"), limit);
    // What is asked for meanwhile is placed on the agent that is left.
    await createAt(faulty.site, "meanwhile", 1);
    await eventually(async () => expect((await show("meanwhile")).status).toBe("RUNNING"), limit);
    await removeAt(faulty.site, "meanwhile");
    await eventually(async () => expect((await show("meanwhile")).status).toBe("DELETED"), limit);
    for (const agent of [replica, master]) await faulty.inflict({ type: "return-agent", agent });
  });
});

test("deleted while it cannot be reached: its processes end when their agent is back", async () => {
  await createAt(faulty.site, "gone", 1);
  kept.set("gone", 1);
  await untilCalm(faulty, kept, "an instance to delete");
  const agent = await numberOf(masterOf(await show("gone")).agentId);
  await faulty.inflict({ type: "mark-unreachable", agent });
  await removeAt(faulty.site, "gone");
  kept.set("gone", null);
  await until(async () => (await show("gone")).status !== "RUNNING", {
    ...limit,
    what: "it is being deleted",
  });
  await faulty.inflict({ type: "return-agent", agent });
  await untilCalm(faulty, kept, "the end of what came back");
});

test("agents are restarted under their executors, connections break: nothing is touched", async () => {
  const { master, replica } = await pair();
  await expectUntouched("restarted agents", () =>
    Promise.all([
      faulty.inflict({ type: "restart-agent", agent: master, downMs: 300 }),
      faulty.inflict({ type: "cut-executors", agent: replica }),
    ]),
  );
  await expectUntouched("broken links", async () => {
    for (const agent of [1, 2, 3]) await faulty.inflict({ type: "break-link", agent });
    await faulty.inflict({ type: "cut-executors", agent: master });
  });
});

test("maintenance is announced: every inverse offer is answered, nothing moves", () =>
  expectUntouched("announced maintenance", async () => {
    const { master: agent, shown } = await pair();
    await faulty.inflict({ type: "schedule-maintenance", agent });
    await eventually(async () => {
      const { mesos } = await faulty.seen();
      const one = mesos?.agents.find(({ id }) => id === masterOf(shown).agentId);
      expect(Object.values(one?.inverseAnswers ?? {})).toHaveLength(1);
    }, limit);
    await faulty.inflict({ type: "clear-maintenance", agent });
  }));

test("the master's agent drains: the replica is promoted, and the next one is placed elsewhere", async () => {
  const { master: agent, shown } = await pair();
  const [replica] = replicasOf(shown);
  const drained = masterOf(shown).agentId;
  // A report says that the executor has its stream back, which the test before has cut: a KILL would be lost without it.
  const isHeard = async () =>
    (masterOf(await show("pair")).uptimeSeconds ?? 0) > (masterOf(shown).uptimeSeconds ?? 0) + 1;
  await until(isHeard, { ...limit, what: "reports of the master's executor" });
  await faulty.inflict({ type: "drain-agent", agent });
  await untilPromoted(shown);
  await untilCalm(faulty, kept, "a drained agent");
  const now = await show("pair");
  expect(masterOf(now).id).toBe(replica?.id);
  expect(now.processes.map(({ agentId }) => agentId)).not.toContain(drained);
  await faulty.inflict({ type: "reactivate-agent", agent });
});

test.each(["mark-gone", "drain-agent"])(
  "the master's agent is gone for good (%s): promoted, replaced, and a new agent is used",
  async (type) => {
    const { master: agent, shown } = await pair();
    const [replica] = replicasOf(shown);
    await writeKey(masterOf(shown), "kept", type);
    await eventually(
      async () =>
        withRedis(replica ?? { ip: "", port: 0 }, async (redis) => {
          expect(await redis.get("kept")).toBe(type);
        }),
      limit,
    );
    const markGone = type === "drain-agent" ? { markGone: true } : {};
    await faulty.inflict({ type, agent, ...markGone });
    await untilPromoted(shown);
    await untilCalm(faulty, kept, "an agent that is gone");
    const now = await show("pair");
    expect(masterOf(now).id).toBe(replica?.id);
    expect(ids(now)).not.toContain(masterOf(shown).id);
    await withRedis(masterOf(now), async (redis) => expect(await redis.get("kept")).toBe(type));
    await until(async () => (await faulty.seen()).agents[agent - 1]?.state === "ended", {
      ...limit,
      what: "the agent ends",
    });
    await faulty.inflict({ type: "renew-agent", agent });
    await createAt(faulty.site, type, 2);
    kept.set(type, 2);
    const all = await untilCalm(faulty, kept, "an instance on the new agent, too");
    const agents = all.find(({ name }) => name === type)?.processes.map(({ agentId }) => agentId);
    expect(agents).toContain((await faulty.seen()).agents[agent - 1]?.id);
    await removeAt(faulty.site, type);
    kept.set(type, null);
  },
);

test("a replica's agent is removed: nothing is promoted, it is shown as it is, and can be deleted", async () => {
  await untilCalm(faulty, kept, "before a removed agent");
  const { replica: agent, shown } = await pair();
  await faulty.inflict({ type: "remove-agent", agent, why: "machine-down" });
  const now = await eventually(async () => {
    const one = await show("pair");
    expect(one.status).toBe("DEGRADED");
    return one;
  }, limit);
  expect([masterOf(now).id, now.epoch]).toEqual([masterOf(shown).id, shown.epoch]);
  await removeAt(faulty.site, "pair");
  kept.set("pair", null);
  await untilCalm(faulty, kept, "the end");
});
