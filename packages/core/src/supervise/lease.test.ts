/**
 * Owns when masters are closed and opened by their executor, case by case. What must never happen is in
 * lease-never.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { Closed, Goal, GoalBatch, LaunchOrder, ProcessReport } from "../goal/types.js";
import { type RedisInfo, writeQuorumMax } from "../redis/info.js";
import { decide, initialSuperviseState } from "./decide.js";
import {
  type SuperviseEffect,
  type SuperviseEvent,
  type SuperviseState,
  sentBatchesMax,
  superviseDefaults,
} from "./types.js";
import { wakeAtMs } from "./wake.js";

const leaseMs = 10_000;
const processId = "i::a";
const names = { processId, startId: "s1" };
const single: Goal = {
  processId,
  stamp: { term: 1, counter: 1 },
  epoch: 1,
  role: "master",
  master: null,
  writeQuorum: 0,
  lagSecondsMax: 3,
  followers: [],
  leaseMs,
};
const park: Goal = { ...single, role: "parked", leaseMs: null, writeQuorum: writeQuorumMax };
const stamped = (goal: Goal, counter: number, term = 1): Goal => {
  return { ...goal, stamp: { term, counter } };
};

type Effect<Type extends SuperviseEffect["type"]> = Extract<SuperviseEffect, { type: Type }>;

/** A supervisor over one redis-server that does what it is told, at once unless it is said to be stuck. */
class Desk {
  state: SuperviseState;
  nowMs = 0;
  /** Wall clock less monotonic clock. */
  offsetMs = 1_000_000;
  isStuck = false;
  /** Applications, with their times. */
  readonly applied: [number, Effect<"apply-goal">][] = [];
  readonly signals: [number, string][] = [];
  readonly reports: ProcessReport[] = [];
  /** Number and time of the newest batch. */
  sent = { number: 0, atMs: 0 };
  info: RedisInfo;

  constructor(goal: Goal = single) {
    this.info = {
      pid: 11,
      role: goal.role === "master" ? "master" : "replica",
      master: goal.role === "parked" ? { address: "127.0.0.1", port: 1 } : null,
      linkUp: false,
      loading: false,
      attach: "none",
      offset: 0,
      replicationId: "r",
      writeQuorum: goal.leaseMs === null ? goal.writeQuorum : writeQuorumMax,
      lagSecondsMax: 3,
      goodReplicas: 0,
      followers: goal.followers.map((each) => each.user),
      memoryUsedBytes: 1,
      uptimeSeconds: 0,
      clients: 1,
      opsPerSecond: 0,
      lastIoSeconds: 0,
    };
    this.state = initialSuperviseState({ ...superviseDefaults, runId: "run" }, 0);
    const order: LaunchOrder = {
      version: 1,
      instance: "i",
      processId,
      address: "127.0.0.1",
      port: 7001,
      memoryMib: 100,
      config: {},
      goal,
    };
    this.give({ type: "tick", atMs: 0, wallMs: this.offsetMs });
    this.give({ type: "launch-received", atMs: 0, order, startId: "s1" });
    this.give({ type: "process-spawned", atMs: 1, ...names, pid: 11 });
    this.nowMs = 10;
    this.give({ type: "process-hinted", atMs: 10, ...names, hint: "ready" });
    this.runTo(20);
  }

  give(event: SuperviseEvent): void {
    const { state, effects } = decide(this.state, event);
    this.state = state;
    for (const effect of effects) this.run(effect);
  }

  run(effect: SuperviseEffect): void {
    const atMs = this.nowMs;
    if (effect.type === "send-reports") {
      this.sent = { number: effect.batch.number, atMs };
      this.reports.push(...effect.batch.processes);
    } else if (effect.type === "signal-process") this.signals.push([atMs, effect.signal]);
    else if (effect.type === "probe-redis") {
      this.give({ type: "probe-succeeded", atMs, ...names, info: this.info });
    } else if (effect.type === "apply-goal") {
      this.applied.push([atMs, effect]);
      this.apply(effect);
    }
  }

  apply({ goal, closed, users }: Effect<"apply-goal">): void {
    const answer = { atMs: this.nowMs, ...names, stamp: goal.stamp };
    if (this.isStuck) {
      this.give({ type: "goal-failed", ...answer, reason: "other", text: "BUSY" });
      return;
    }
    const kept = this.info.followers.filter((user) => !users.drop.includes(user));
    this.info = {
      ...this.info,
      role: goal.role === "master" ? "master" : "replica",
      master: goal.role === "parked" ? { address: "127.0.0.1", port: 1 } : null,
      writeQuorum: closed === null ? Math.min(goal.writeQuorum, writeQuorumMax) : writeQuorumMax,
      followers: [...kept, ...users.add.map(({ user }) => user)].sort(),
    };
    this.give({ type: "goal-applied", ...answer, info: this.info });
  }

  /** Ticks when asked, as a shell does. */
  runTo(atMs: number): void {
    while (wakeAtMs(this.state) <= atMs) {
      this.nowMs = Math.max(this.nowMs, wakeAtMs(this.state));
      this.give({ type: "tick", atMs: this.nowMs, wallMs: this.nowMs + this.offsetMs });
    }
    this.nowMs = atMs;
  }

  /** A message that answers the newest batch (or `number`) and confirms the process (or not). */
  answer(change: Partial<GoalBatch> = {}, number = this.sent.number): void {
    this.give({
      type: "goals-received",
      atMs: this.nowMs,
      batch: {
        version: 1,
        type: "goals",
        term: 1,
        answers: { runId: "run", number },
        goals: [],
        leases: [processId],
        reportNow: false,
        ...change,
      },
    });
  }

  /** Whether it accepts writes, as far as its executor has to say. */
  get isOpen(): boolean {
    return this.info.role === "master" && this.info.writeQuorum < writeQuorumMax;
  }

  /** What the newest report says. */
  get told(): { closed: Closed | null | undefined; writeQuorum: number | undefined } {
    this.runTo(this.nowMs + 5);
    const last = this.reports.at(-1);
    return { closed: last?.closed, writeQuorum: last?.writeQuorum };
  }
}

test("a master that needs a lease starts closed, says so, and is opened by the first echo", () => {
  const desk = new Desk();
  expect(desk.isOpen).toBe(false);
  expect(desk.reports.at(-1)).toMatchObject({
    closed: "lease",
    writeQuorum: writeQuorumMax,
    stamp: single.stamp,
    role: "master",
    goodReplicas: 0,
    lagSecondsMax: 3,
  });
  desk.answer();
  expect(desk.isOpen).toBe(true);
  expect(desk.told).toEqual({ closed: null, writeQuorum: 0 });
  expect(desk.applied.map(([, effect]) => effect.because.code)).toEqual(["master-opens"]);
});

test("an echo counts from the sending of what it answers, and closing begins before its end", () => {
  const desk = new Desk();
  const { number, atMs } = desk.sent;
  desk.runTo(4_000);
  desk.answer({}, number);
  expect(desk.isOpen).toBe(true);
  desk.runTo(atMs + leaseMs - superviseDefaults.redisTimeoutMs - 1);
  expect(desk.isOpen).toBe(true);
  desk.runTo(desk.nowMs + 1);
  expect(desk.isOpen).toBe(false);
  expect(desk.told).toEqual({ closed: "lease", writeQuorum: writeQuorumMax });
  // The same message again opens nothing; the answer to a newer report does.
  desk.answer({}, number);
  expect(desk.isOpen).toBe(false);
  desk.answer();
  expect(desk.isOpen).toBe(true);
});

test("renewed in time it is never closed", () => {
  const desk = new Desk();
  desk.answer();
  for (let times = 0; times < 20; times += 1) {
    desk.runTo(desk.nowMs + 5_000);
    desk.answer();
  }
  expect(desk.applied.length).toBe(1);
  expect(desk.reports.filter((report) => report.closed !== null).length).toBe(1);
});

test.each<[string, (desk: Desk) => void]>([
  ["of another run", (desk) => desk.answer({ answers: { runId: "old", number: 1 } })],
  ["of no report", (desk) => desk.answer({ answers: null })],
  ["of a report that was never sent", (desk) => desk.answer({}, 4_711)],
  ["that names another process", (desk) => desk.answer({ leases: ["i::b"] })],
  ["of an older leader than its goal", (desk) => desk.answer({ term: 0 })],
])("an answer %s opens nothing", (_name, answer) => {
  const desk = new Desk();
  answer(desk);
  desk.runTo(2_000);
  expect(desk.isOpen).toBe(false);
  desk.answer();
  expect(desk.isOpen).toBe(true);
});

test("a promotion that arrives too late makes a closed master; in time, an open one in one go", () => {
  const late = new Desk(park);
  const { number, atMs } = late.sent;
  const promote = { goals: [stamped({ ...single, epoch: 2 }, 2)] };
  late.runTo(atMs + leaseMs);
  late.answer(promote, number);
  expect(late.info).toMatchObject({ role: "master", writeQuorum: writeQuorumMax });
  expect(late.told.closed).toBe("lease");
  const early = new Desk(park);
  early.answer(promote);
  expect(early.isOpen).toBe(true);
  expect(early.applied.map(([, { goal, closed }]) => [goal.role, closed])).toEqual([
    ["master", null],
  ]);
});

test("a lease is of one reign: parked and master again, it waits for a new echo", () => {
  const desk = new Desk();
  desk.answer();
  desk.answer({ goals: [stamped(park, 2)], leases: [] });
  expect(desk.applied.at(-1)?.[1]).toMatchObject({ cutClients: true, closed: null });
  desk.answer({ goals: [stamped({ ...single, epoch: 2 }, 3)], leases: [] });
  expect(desk.isOpen).toBe(false);
  desk.answer();
  expect(desk.isOpen).toBe(true);
  // A new goal of the same reign changes nothing about it.
  desk.answer({ goals: [stamped({ ...single, epoch: 2, lagSecondsMax: 5 }, 4)], leases: [] });
  expect(desk.applied.at(-1)?.[1]).toMatchObject({ closed: null, goal: { lagSecondsMax: 5 } });
});

test("lowered to no write quorum with its lease in the same message, it never closes", () => {
  const desk = new Desk({ ...single, leaseMs: null, writeQuorum: 1 });
  expect(desk.info.writeQuorum).toBe(1);
  desk.runTo(60_000);
  desk.answer({ goals: [stamped(single, 2)] });
  expect(desk.applied.map(([, { closed }]) => closed)).toEqual([null]);
  expect(desk.isOpen).toBe(true);
});

test("one that cannot be closed is killed when its lease ends, also while it is being ended", () => {
  const desk = new Desk();
  desk.answer();
  const endMs = desk.sent.atMs + leaseMs;
  desk.isStuck = true;
  desk.runTo(endMs - 1);
  expect(desk.signals).toEqual([]);
  desk.runTo(endMs + 2_000);
  expect(desk.signals).toEqual([[endMs, "SIGKILL"]]);
  const ending = new Desk();
  ending.answer();
  ending.isStuck = true;
  ending.runTo(ending.sent.atMs + leaseMs - 2_000);
  const atMs = ending.nowMs;
  ending.give({ type: "kill-received", atMs, taskId: processId, graceMs: 60_000 });
  ending.runTo(atMs + 10_000);
  expect(ending.signals.map(([, signal]) => signal)).toEqual(["SIGTERM", "SIGKILL"]);
  expect(ending.signals[1]?.[0]).toBeLessThanOrEqual(atMs + 2_000 + 5);
});

test("an executor that slept through the end of a lease closes first and kills later", () => {
  const desk = new Desk();
  desk.answer();
  desk.nowMs = 3_600_000;
  desk.give({ type: "tick", atMs: desk.nowMs, wallMs: desk.nowMs + desk.offsetMs });
  expect(desk.isOpen).toBe(false);
  desk.runTo(desk.nowMs + 5_000);
  expect(desk.signals).toEqual([]);
});

const fenced: Goal = { ...single, leaseMs: null, writeQuorum: 1 };

test.each([-10_000, 400, 3_600_000])(
  "a wall clock that is set by %d ms closes every master until its replicas have logged in again",
  (stepMs) => {
    const desk = new Desk(fenced);
    desk.runTo(5_000);
    desk.offsetMs += stepMs;
    desk.isStuck = true;
    desk.runTo(6_050);
    expect(desk.applied.at(-1)?.[1]).toMatchObject({ closed: "clock", cutReplicas: true });
    desk.isStuck = false;
    desk.runTo(desk.nowMs + 300);
    expect(desk.info.writeQuorum).toBe(1);
    expect(desk.told).toEqual({ closed: null, writeQuorum: 1 });
    const [closing, opening] = desk.applied.slice(-2).map(([, effect]) => effect);
    expect(closing).toMatchObject({ closed: "clock", cutReplicas: true });
    expect(opening).toMatchObject({ closed: null, cutReplicas: false });
    const { length } = desk.applied;
    desk.runTo(20_000);
    expect(desk.applied.length).toBe(length);
  },
);

test("a wall clock that is set while it closes for that begins it anew", () => {
  const desk = new Desk(fenced);
  desk.isStuck = true;
  desk.offsetMs += 1_000;
  desk.runTo(1_100);
  desk.offsetMs += 1_000;
  const { length } = desk.applied;
  desk.isStuck = false;
  desk.runTo(4_000);
  expect(desk.applied.slice(length).map(([, { closed }]) => closed)).toContain("clock");
  expect(desk.info.writeQuorum).toBe(1);
});

test("a master without fence and lease does not care for the clock", () => {
  const desk = new Desk({ ...single, leaseMs: null });
  desk.offsetMs += 10_000;
  desk.runTo(3_000);
  expect(desk.applied).toEqual([]);
});

test("after the clock was set, a master with a lease must be named itself", () => {
  const desk = new Desk();
  desk.answer();
  desk.offsetMs -= 1_000;
  desk.runTo(2_000);
  expect(desk.told.closed).toBe("clock");
  desk.answer({ leases: [] });
  expect(desk.isOpen).toBe(false);
  desk.answer();
  expect(desk.isOpen).toBe(true);
});

test("small differences of the clocks add up to no surprise: they are measured from the start", () => {
  const desk = new Desk(fenced);
  for (let times = 1; times <= 3; times += 1) {
    desk.offsetMs += 99;
    desk.runTo(desk.nowMs + 2_000);
  }
  expect(desk.applied).toEqual([]);
  desk.offsetMs += 99;
  desk.runTo(desk.nowMs + 2_000);
  expect(desk.applied.map(([, { closed }]) => closed)).toEqual(["clock", null]);
});

test("replicas and parked processes are not closed: they accept nothing anyway", () => {
  const desk = new Desk(park);
  desk.offsetMs += 10_000;
  desk.runTo(5_000);
  expect(desk.applied).toEqual([]);
  expect(desk.told.closed).toBe(null);
});

test("the users of replicas become the goal's: unlisted ones go, changed ones are made anew", () => {
  const user = (index: number, password: string) => ({ user: `replica-${index}`, password });
  const followers = [user(1, "a"), user(2, "b"), user(3, "c")];
  const desk = new Desk({ ...fenced, followers });
  const next = { ...fenced, followers: [user(1, "a"), user(3, "new"), user(4, "d")] };
  desk.answer({ goals: [stamped(next, 2)] });
  expect(desk.applied.map(([, { users }]) => users)).toEqual([
    { drop: ["replica-2", "replica-3"], add: [user(3, "new"), user(4, "d")] },
  ]);
  expect(desk.reports.at(-1)?.stamp.counter).toBe(1);
  expect(desk.told).toBeDefined();
  expect(desk.reports.at(-1)?.stamp.counter).toBe(2);
  // Somebody makes a user by hand: it goes, and nothing else changes.
  desk.info = { ...desk.info, followers: [...desk.info.followers, "replica-9"] };
  desk.runTo(desk.nowMs + 2_000);
  expect(desk.applied.at(-1)?.[1].users).toEqual({ drop: ["replica-9"], add: [] });
  desk.answer({ goals: [stamped(park, 3)] });
  expect(desk.applied.at(-1)?.[1].users.drop).toEqual(["replica-1", "replica-3", "replica-4"]);
});

test("times of sending are kept for a bounded number of batches", () => {
  const desk = new Desk();
  const { number } = desk.sent;
  for (let times = 0; times < sentBatchesMax; times += 1) {
    desk.answer({ leases: [], answers: null, reportNow: true });
  }
  expect(desk.state.sentBatches.length).toBe(sentBatchesMax);
  desk.answer({}, number);
  expect(desk.isOpen).toBe(false);
});

test("a silent link is told at once, and looked at more often while it may be one", () => {
  const desk = new Desk(park);
  desk.answer({
    goals: [
      stamped(
        {
          ...park,
          role: "replica",
          master: { processId: "m", address: "10.0.0.9", port: 1, user: "replica-1", secret: "s" },
        },
        2,
      ),
    ],
  });
  const master = { address: "10.0.0.9", port: 1 };
  desk.info = { ...desk.info, role: "replica", master, linkUp: true, attach: "connected" };
  desk.runTo(10_000);
  const said = () => desk.reports.at(-1)?.stats?.lastIoSeconds;
  expect(said()).toBe(0);
  desk.info = { ...desk.info, lastIoSeconds: 1 };
  desk.runTo(11_100);
  const count = desk.reports.length;
  desk.info = { ...desk.info, lastIoSeconds: 2 };
  desk.runTo(11_610);
  expect(said()).toBe(2);
  expect(desk.reports.length).toBeGreaterThan(count);
});
