/**
 * Owns the proof that messages between scheduler, master and agents may be lost, doubled and late, and offers be taken
 * back, expire or be stale when they are used: everything that is accepted is done all the same, under new ids.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type Program, pause, signalProcess } from "@mr-redis/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  createAt,
  type FaultySite,
  listAt,
  pidsOf,
  removeAt,
  startFaultySite,
  untilCalm,
} from "./faulty-site.js";
import { masterOf } from "./look.js";

let faulty: FaultySite;
let scheduler: Program;
const kept = new Map<string, number | null>();

beforeAll(async () => {
  faulty = await startFaultySite({ agents: 3, redisPorts: 80 });
  scheduler = await faulty.site.startScheduler();
});
afterEach(async () => {
  await faulty.inflict({ type: "clear-rules" });
  await faulty.inflict({ type: "set-offer-timeout", ms: null });
  expect(scheduler.exit).toBeNull();
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

/** Creates, the end of a master, and a delete. */
async function workload(name: string): Promise<void> {
  await create(`${name}-pair`, 1);
  await create(`${name}-trio`, 2);
  await create(`${name}-short`, 0);
  const trio = await eventually(
    async () => {
      const found = (await listAt(faulty.site)).find((each) => each.name === `${name}-trio`);
      expect([found?.status, found?.reason]).toEqual(["RUNNING", null]);
      return found;
    },
    { deadlineMs: 60_000, what: `${name}-trio runs` },
  );
  await remove(`${name}-short`);
  if (trio === undefined) return;
  const master = masterOf(trio);
  const pid = pidsOf(faulty, [trio]).get(master.id);
  expect(pid).toBeDefined();
  if (pid !== undefined) signalProcess(pid, "SIGKILL");
  await eventually(
    async () => {
      const now = (await listAt(faulty.site)).find((each) => each.name === trio.name);
      expect([now?.status, now?.epoch]).toEqual(["RUNNING", 2]);
    },
    { deadlineMs: 60_000, what: `${name}-trio has another master` },
  );
}

/** Ends what a workload made, so that the next one has room. */
async function clear(name: string): Promise<void> {
  await remove(`${name}-pair`);
  await remove(`${name}-trio`);
  await untilCalm(faulty, kept, `the end of ${name}`);
}

/** So many creates meet stale offers at least once. */
const creationsMax = 20;

const rule = (place: string, kind: string, action: string, more = {}) =>
  faulty.inflict({ type: "add-rule", place, kind, action, ...more });

test("updates, acknowledgements and reports are lost, doubled and late", async () => {
  const some = { probability: 0.3, delayMs: 300 };
  for (const action of ["drop", "duplicate", "delay"]) {
    await rule("from-agent", "update", action, { count: 3, delayMs: 300 });
    await rule("to-agent", "acknowledge-update", action, { count: 1, delayMs: 300 });
    await rule("from-agent", "executor-message", action, some);
    await rule("to-agent", "scheduler-message", action, some);
  }
  await workload("messages");
  await eventually(
    async () => {
      const used = await faulty.used();
      for (const action of ["drop", "duplicate", "delay"]) {
        expect(used[`${action} from-agent update`], JSON.stringify(used)).toBe(3);
        expect(used[`${action} to-agent acknowledge-update`], JSON.stringify(used)).toBe(1);
      }
    },
    { deadlineMs: 30_000, what: "what is lost is repeated" },
  );
  await untilCalm(faulty, kept, "with messages that are lost");
  await faulty.inflict({ type: "clear-rules" });
  await clear("messages");
});

test("launches and kills are lost on the way, in the master and before the agent", async () => {
  await create("first", 1);
  await untilCalm(faulty, kept, "executors are there");
  await rule("call", "ACCEPT", "drop", { count: 1 });
  await rule("to-agent", "run-task", "drop", { count: 1 });
  await create("launched", 2);
  await untilCalm(faulty, kept, "with launches that are lost");
  await rule("to-agent", "kill-task", "drop", { count: 2 });
  await remove("launched");
  await remove("first");
  await untilCalm(faulty, kept, "with kills that are lost");
  const used = await faulty.used();
  expect([used["drop call ACCEPT"], used["drop to-agent run-task"]]).toEqual([1, 1]);
  expect(used["drop to-agent kill-task"]).toBe(2);
});

test("offers are taken back while they are used, time after time, and expire", async () => {
  await faulty.inflict({ type: "set-offer-timeout", ms: 400 });
  let isOver = false;
  const rescinding = (async () => {
    while (!isOver) {
      // What the scheduler hears is old, and it accepts what is no more.
      await faulty.inflict({ type: "hold-stream", ms: 120 });
      await faulty.inflict({ type: "rescind-offers" });
    }
  })();
  const before = await faulty.seen();
  const names: string[] = [];
  const isPoisoned = () => scheduler.stderr.includes("Task launched with invalid offers");
  while (!isPoisoned() && names.length < creationsMax) {
    names.push(`stale-${names.length}`);
    await create(names.at(-1) ?? "", 1);
    await pause(300);
  }
  expect(isPoisoned(), "an ACCEPT of offers that are no more").toBe(true);
  isOver = true;
  await rescinding;
  await faulty.inflict({ type: "set-offer-timeout", ms: null });
  await untilCalm(faulty, kept, "with offers that are taken back");
  const ended = (await faulty.seen()).mesos?.offersEnded.rescinded ?? 0;
  expect(ended).toBeGreaterThan(before.mesos?.offersEnded.rescinded ?? 0);
  for (const name of names) await remove(name);
  await untilCalm(faulty, kept, "the end");
});
