/**
 * Owns the proof that the master may fail over, move and fall silent: what runs is not touched, what is accepted
 * meanwhile is done, and the scheduler finds the next session by itself.
 * SPDX-License-Identifier: Apache-2.0
 */
import { freePorts, killProcess, type Program, until } from "@mr-redis/testing";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  createAt,
  type FaultySite,
  pidsOf,
  removeAt,
  startFaultySite,
  untilCalm,
} from "./faulty-site.js";
import { masterOf } from "./look.js";
import { withRedis, writeKey } from "./redis-client.js";

let faulty: FaultySite;
let scheduler: Program | null = null;
/** Replicas by name; null: deleted. */
const kept = new Map<string, number | null>();
let frameworkId: string | undefined;
let pids: ReadonlyMap<string, number | undefined> = new Map();
let count = 0;

beforeAll(async () => {
  // Two masters: the second one comes up by the admin API.
  const [otherPort = 0] = await freePorts(1);
  faulty = await startFaultySite({
    agents: 2,
    redisPorts: 40,
    mastersBeside: [`127.0.0.1:${otherPort}`],
  });
  await faulty.inflict({ type: "add-master", port: otherPort });
});
// One that lost its master several times within seconds waits longer and longer before it tries again.
beforeEach(async () => {
  if (scheduler !== null) await killProcess(scheduler.pid);
  scheduler = await faulty.site.startScheduler();
});
afterAll(() => faulty.site.destroy());

async function create(name: string, slaves: number): Promise<void> {
  await createAt(faulty.site, name, slaves);
  kept.set(name, slaves);
}

async function remove(name: string): Promise<void> {
  await removeAt(faulty.site, name);
  kept.set(name, null);
}

/** What is accepted in the middle of `fault` is done, and what ran before it was not touched. */
async function expectUnharmed(what: string, fault: () => Promise<unknown>): Promise<void> {
  count += 1;
  await create(`before-${count}`, 0);
  const failing = fault();
  await create(`meanwhile-${count}`, 1);
  await remove(`before-${count}`);
  await failing;
  const instances = await untilCalm(faulty, kept, what);
  const now = pidsOf(faulty, instances);
  for (const [id, pid] of pids) expect([what, id, now.get(id)]).toEqual([what, id, pid]);
  for (const each of instances) {
    if (each.name !== "pair" && each.name !== "alone") continue;
    await withRedis(masterOf(each), async (redis) => {
      expect(await redis.get("name")).toBe(each.name);
    });
    expect([each.name, each.epoch]).toEqual([each.name, 1]);
  }
  await remove(`meanwhile-${count}`);
  await untilCalm(faulty, kept, `the end of ${what}`);
  expect((await faulty.seen()).mesos?.frameworks.map(({ id }) => id)).toEqual([frameworkId]);
  expect(scheduler?.exit).toBeNull();
}

test("heartbeats stop and nothing else is heard: the stream is given up after five of them", async () => {
  await faulty.inflict({ type: "add-rule", place: "event", kind: "HEARTBEAT", action: "drop" });
  await until(() => scheduler?.stderr.includes("nothing was heard for 2500 ms") === true, {
    deadlineMs: 30_000,
    what: "the stream is given up",
  });
  await faulty.inflict({ type: "clear-rules" });
  await create("pair", 1);
  await create("alone", 0);
  const instances = await untilCalm(faulty, kept, "the beginning");
  pids = pidsOf(faulty, instances);
  frameworkId = (await faulty.seen()).mesos?.frameworks[0]?.id;
  for (const each of instances) {
    await writeKey(masterOf(each), "name", each.name);
  }
});

test("killed, and elected after a while, with agents that come back late", () =>
  expectUnharmed("a failover of the master", () =>
    faulty.inflict({
      type: "fail-over-master",
      end: "cut",
      electionMs: 500,
      recoveryMs: 300,
      agentsReturnMs: 1_500,
    }),
  ));

test("ended with a final chunk while connections stay open, and another one leads elsewhere", async () => {
  await expectUnharmed("a move of the master", () =>
    faulty.inflict({ type: "fail-over-master", end: "finished", to: 1, agentsReturnMs: 200 }),
  );
  // Back again: the one that is known redirects now.
  await expectUnharmed("a move back", () =>
    faulty.inflict({ type: "fail-over-master", end: "cut", to: 0, electionMs: 200 }),
  );
});

test.each([
  { how: "cut", callsHeldMs: 0 },
  { how: "finished", callsHeldMs: 0 },
  { how: "frozen", callsHeldMs: 3_500 },
])("its stream is $how, and calls wait for $callsHeldMs ms", (fault) =>
  expectUnharmed(`a stream that is ${fault.how}`, () =>
    faulty.inflict({ type: "end-stream", ...fault }),
  ),
);
