/**
 * Owns the decisions of the executor, case by case. What must never happen is in never.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { Goal, GoalBatch, LaunchOrder } from "../goal/types.js";
import type { RedisInfo } from "../redis/info.js";
import { decide, initialSuperviseState } from "./decide.js";
import { type SuperviseEffect, type SuperviseEvent, superviseDefaults } from "./types.js";
import { wakeAtMs } from "./wake.js";

type Input = SuperviseEvent extends infer E
  ? E extends SuperviseEvent
    ? Omit<E, "atMs">
    : never
  : never;

/** A supervisor on a hand-moved clock. */
class Desk {
  state = initialSuperviseState({ ...superviseDefaults, runId: "run" }, 0);
  nowMs = 0;

  at(atMs: number, event: Input): readonly SuperviseEffect[] {
    this.nowMs = atMs;
    const { state, effects } = decide(this.state, { ...event, atMs } as SuperviseEvent);
    this.state = state;
    return effects;
  }

  /** Ticks when asked, as a shell does, up to `atMs`; all effects with their times. */
  runTo(atMs: number): (readonly [number, SuperviseEffect])[] {
    const seen: (readonly [number, SuperviseEffect])[] = [];
    for (let wake = wakeAtMs(this.state); wake <= atMs && !this.state.exiting; ) {
      const at = Math.max(wake, this.nowMs);
      for (const effect of this.at(at, { type: "tick" })) seen.push([at, effect]);
      wake = wakeAtMs(this.state);
    }
    this.nowMs = atMs;
    return seen;
  }
}

const goal: Goal = {
  processId: "i::a",
  stamp: { term: 1, counter: 1 },
  epoch: 1,
  role: "master",
  master: null,
  writeQuorum: 0,
  lagSecondsMax: 3,
  followers: [],
  leaseMs: null,
};
const order: LaunchOrder = {
  version: 1,
  instance: "i",
  processId: "i::a",
  address: "127.0.0.1",
  port: 7001,
  memoryMib: 100,
  config: {},
  goal,
};
const master = {
  processId: "i::m",
  address: "127.0.0.9",
  port: 7009,
  user: "replica-a",
  secret: "m",
};
const follow: Goal = { ...goal, role: "replica", master };
const names = { processId: "i::a", startId: "s1" };
const info: RedisInfo = {
  pid: 11,
  role: "master",
  master: null,
  linkUp: false,
  loading: false,
  attach: "none",
  offset: 0,
  replicationId: "r",
  writeQuorum: 0,
  lagSecondsMax: 3,
  goodReplicas: 0,
  followers: [],
  memoryUsedBytes: 1,
  uptimeSeconds: 0,
  clients: 1,
  opsPerSecond: 0,
  lastIoSeconds: 0,
};
const following: RedisInfo = {
  ...info,
  role: "replica",
  master: { address: "127.0.0.9", port: 7009 },
  linkUp: true,
  attach: "connected",
};
const waiting: RedisInfo = { ...following, linkUp: false, attach: "connect" };
const parked: RedisInfo = { ...waiting, master: { address: "127.0.0.1", port: 1 } };

const batch = (goals: readonly Goal[], reportNow = false): GoalBatch => ({
  version: 1,
  type: "goals",
  term: 1,
  answers: null,
  goals,
  leases: [],
  reportNow,
});

/** What effects are, in short. */
const short = (effects: readonly SuperviseEffect[]): string[] =>
  effects.map((effect) => {
    switch (effect.type) {
      case "send-update":
        return `${effect.taskId} ${effect.state}`;
      case "signal-process":
        return `${effect.signal} ${effect.pid}`;
      case "apply-goal":
        return `apply ${effect.goal.role} ${effect.goal.stamp.counter}${effect.reconnect ? " anew" : ""}`;
      case "probe-redis":
        return `probe ${effect.kind}`;
      case "send-reports":
        return `report ${effect.batch.full ? "all" : effect.batch.processes.map((each) => each.phase)}`;
      default:
        return effect.type;
    }
  });

/** A desk with one spawned process at 1 ms. */
function spawned(change: Partial<LaunchOrder> = {}): Desk {
  const desk = new Desk();
  desk.at(0, { type: "tick" });
  desk.at(0, { type: "launch-received", order: { ...order, ...change }, startId: "s1" });
  desk.at(1, { type: "process-spawned", ...names, pid: 11 });
  return desk;
}

/** A desk with one process that showed `shown` at 10 ms. */
function serving(shown: RedisInfo = info, change: Partial<LaunchOrder> = {}): Desk {
  const desk = spawned(change);
  desk.at(10, { type: "process-hinted", ...names, hint: "ready" });
  desk.at(10, { type: "probe-succeeded", ...names, info: shown });
  return desk;
}

test("launch, hint, PONG: RUNNING at once, reported 2 ms later", () => {
  const desk = new Desk();
  expect(short(desk.at(0, { type: "tick" }))).toEqual(["report all"]);
  expect(short(desk.at(0, { type: "launch-received", order, startId: "s1" }))).toEqual([
    "spawn-redis",
  ]);
  expect(desk.at(1, { type: "process-spawned", ...names, pid: 11 })).toEqual([]);
  expect(desk.at(3, { type: "tick" })).toEqual([]);
  expect(short(desk.at(9, { type: "process-hinted", ...names, hint: "ready" }))).toEqual([
    "probe info",
  ]);
  expect(short(desk.at(10, { type: "probe-succeeded", ...names, info }))).toEqual([
    "i::a TASK_RUNNING",
  ]);
  const [report, ...rest] = desk.at(12, { type: "tick" });
  expect(rest).toEqual([]);
  expect(report).toEqual({
    type: "send-reports",
    because: { code: "process-changed", text: "1 processes changed" },
    batch: {
      version: 1,
      type: "reports",
      number: 2,
      runId: "run",
      full: false,
      processes: [
        {
          processId: "i::a",
          startId: "s1",
          pid: 11,
          phase: "serving",
          exit: null,
          stamp: { term: 1, counter: 1 },
          epoch: 1,
          role: "master",
          writeQuorum: 0,
          closed: null,
          lagSecondsMax: 3,
          goodReplicas: 0,
          following: null,
          linkUp: false,
          loading: false,
          synced: true,
          dataEpoch: 1,
          diverged: false,
          offset: 0,
          replicationId: "r",
          stats: {
            memoryUsedBytes: 1,
            uptimeSeconds: 0,
            clients: 1,
            opsPerSecond: 0,
            lastIoSeconds: 0,
          },
        },
      ],
    },
  });
});

test("without the log's hint it is asked every 200 ms; a stranger's INFO is no answer", () => {
  const desk = spawned();
  const asked: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    for (const [at, effect] of desk.runTo(desk.nowMs + 200)) {
      if (effect.type !== "probe-redis") continue;
      asked.push(at);
      desk.at(at, { type: "probe-succeeded", ...names, info: { ...info, pid: 99 } });
    }
  }
  expect(asked).toEqual([201, 401, 601]);
  expect(desk.state.processes[0]?.phase).toBe("starting");
});

test("no PONG within the start limit: SIGKILL, once, and FAILED with that reason when it is gone", () => {
  const desk = spawned();
  const seen = desk.runTo(12_000).filter(([, effect]) => effect.type === "signal-process");
  expect(seen.map(([at, effect]) => [at, short([effect])[0]])).toEqual([[10_001, "SIGKILL 11"]]);
  const [update, forget, report] = desk.at(12_001, {
    type: "process-exited",
    ...names,
    code: null,
    signal: "SIGKILL",
    log: ["last words"],
  });
  expect(update).toMatchObject({
    state: "TASK_FAILED",
    message: "killed: no PONG within 10000 ms of its start",
    exit: { code: null, signal: "SIGKILL", log: ["last words"] },
  });
  expect(short([forget, report].filter((each) => each !== undefined))).toEqual([
    "forget-process",
    "report exited",
  ]);
});

test("silence of a serving process for the limit: SIGKILL; any answer before saves it", () => {
  const desk = serving();
  const first = desk.runTo(900).filter(([, effect]) => effect.type === "probe-redis");
  expect(first.length).toBe(1);
  const askedMs = first[0]?.[0] ?? 0;
  expect(askedMs).toBeGreaterThan(450);
  expect(askedMs).toBeLessThanOrEqual(510);
  desk.at(askedMs + 990, { type: "probe-succeeded", ...names, info: null });
  const seen = desk.runTo(10_000).filter(([, effect]) => effect.type === "signal-process");
  expect(seen.map(([, effect]) => short([effect])[0])).toEqual(["SIGKILL 11"]);
  const killedMs = seen[0]?.[0] ?? 0;
  expect(killedMs - (askedMs + 990)).toBeGreaterThan(1_000);
  expect(killedMs - (askedMs + 990)).toBeLessThanOrEqual(1_500);
});

test("a stall of the executor itself is not held against its processes", () => {
  const desk = serving();
  desk.runTo(900);
  expect(short(desk.at(60_000, { type: "tick" }))).toEqual(["report all"]);
  expect(short(desk.at(60_001, { type: "probe-succeeded", ...names, info }))).toEqual([]);
});

test("KILL: TERM, then KILL after the grace, KILLED when gone; repeated it can only shorten", () => {
  const desk = serving();
  const kill = (graceMs: number | null): Input => ({
    type: "kill-received",
    taskId: "i::a",
    graceMs,
  });
  expect(short(desk.at(20, kill(null)))).toEqual(["SIGTERM 11", "report serving"]);
  expect(desk.at(30, kill(60_000))).toEqual([]);
  expect(desk.at(40, kill(500))).toEqual([]);
  expect(short(desk.at(540, { type: "tick" }))).toEqual(["SIGKILL 11"]);
  expect(desk.at(550, kill(0))).toEqual([]);
  const exit = { code: null, signal: "SIGKILL", log: [] };
  expect(short(desk.at(560, { type: "process-exited", ...names, ...exit }))).toEqual([
    "i::a TASK_KILLED",
    "forget-process",
    "report exited",
  ]);
  expect(desk.at(570, kill(null))).toEqual([]);
  expect(desk.at(580, { type: "launch-received", order, startId: "s2" })).toEqual([]);
});

test("KILL before the spawn is known ends it as soon as it is; of an unknown task: one KILLED", () => {
  const desk = new Desk();
  desk.at(0, { type: "tick" });
  desk.at(0, { type: "launch-received", order, startId: "s1" });
  const killed: Input = { type: "kill-received", taskId: "i::a", graceMs: null };
  expect(short(desk.at(1, killed))).toEqual(["cancel-spawn"]);
  expect(short(desk.at(1, killed))).toEqual([]);
  expect(short(desk.at(2, { type: "process-spawned", ...names, pid: 11 }))).toEqual(["SIGTERM 11"]);
  const unknown: Input = { type: "kill-received", taskId: "x", graceMs: null };
  expect(short(desk.at(3, unknown))).toEqual(["x TASK_KILLED"]);
  expect(desk.at(3, unknown)).toEqual([]);
});

test("a newer goal is applied, an older one dropped, an equal one answered by a report", () => {
  const desk = serving(following, { goal: follow });
  desk.runTo(20);
  const promote: Goal = { ...goal, stamp: { term: 1, counter: 5 }, epoch: 2 };
  expect(short(desk.at(20, { type: "goals-received", batch: batch([promote]) }))).toEqual([
    "apply master 5",
  ]);
  const stale: Goal = { ...follow, stamp: { term: 1, counter: 4 } };
  expect(desk.at(21, { type: "goals-received", batch: batch([stale]) })).toEqual([]);
  desk.at(22, { type: "goal-applied", ...names, stamp: promote.stamp, info });
  const reports = desk.runTo(24).filter(([, effect]) => effect.type === "send-reports");
  expect(reports.map(([, effect]) => effect)).toMatchObject([
    { batch: { processes: [{ role: "master", epoch: 2, dataEpoch: 2, stamp: promote.stamp }] } },
  ]);
  desk.at(30, { type: "goals-received", batch: batch([promote]) });
  expect(short(desk.at(32, { type: "tick" }))).toEqual(["report serving"]);
  const oldTerm: Goal = { ...follow, stamp: { term: 0, counter: 99 } };
  expect(desk.at(40, { type: "goals-received", batch: batch([oldTerm]) })).toEqual([]);
});

test("a newer goal waits for the one that is being applied, and then follows at once", () => {
  const desk = serving(following, { goal: follow });
  const park: Goal = { ...goal, stamp: { term: 1, counter: 2 }, role: "parked" };
  const back: Goal = { ...follow, stamp: { term: 1, counter: 3 } };
  expect(short(desk.at(20, { type: "goals-received", batch: batch([park]) }))).toContain(
    "apply parked 2",
  );
  expect(desk.at(21, { type: "goals-received", batch: batch([back]) })).toEqual([]);
  const applied = desk.at(25, { type: "goal-applied", ...names, stamp: park.stamp, info: parked });
  expect(short(applied)).toEqual(["apply replica 3"]);
});

test("a goal that does not show is applied again after a pause", () => {
  const desk = serving();
  const park: Goal = { ...goal, stamp: { term: 1, counter: 2 }, role: "parked" };
  desk.at(20, { type: "goals-received", batch: batch([park]) });
  desk.at(21, { type: "goal-applied", ...names, stamp: park.stamp, info });
  const again = desk.runTo(200).filter(([, effect]) => effect.type === "apply-goal");
  expect(again.map(([at]) => at)).toEqual([121]);
});

test("a park refused while it loads is answered with SIGKILL; another goal is tried again", () => {
  const park: Goal = { ...goal, stamp: { term: 1, counter: 2 }, role: "parked" };
  const failed = (stamp: Goal["stamp"]): Input => ({
    type: "goal-failed",
    ...names,
    stamp,
    reason: "loading",
    text: "LOADING Redis is loading the dataset in memory",
  });
  const desk = serving(following, { goal: follow });
  desk.at(20, { type: "goals-received", batch: batch([park]) });
  expect(short(desk.at(21, failed(park.stamp)))).toContain("SIGKILL 11");
  const other = serving(following, { goal: follow });
  const promote: Goal = { ...goal, stamp: { term: 1, counter: 2 }, epoch: 2 };
  other.at(20, { type: "goals-received", batch: batch([promote]) });
  other.at(21, failed(promote.stamp));
  const seen = other.runTo(200).map(([, effect]) => effect);
  expect(short(seen)).toContain("apply master 2");
  expect(short(seen)).not.toContain("SIGKILL 11");
});

test("a refused replica tries again sooner than Redis does, ever more slowly, then leaves it to Redis", () => {
  const desk = serving(waiting, { goal: follow });
  const tries: number[] = [];
  while (desk.nowMs < 3_000) {
    for (const [at, effect] of desk.runTo(desk.nowMs + 1)) {
      if (effect.type === "probe-redis") {
        desk.at(at, { type: "probe-succeeded", ...names, info: waiting });
      }
      if (effect.type !== "apply-goal") continue;
      expect(effect.reconnect).toBe(true);
      tries.push(at);
      desk.at(at, { type: "goal-applied", ...names, stamp: goal.stamp, info: waiting });
    }
  }
  const pauses = tries.map((at, index) => at - (tries[index - 1] ?? 10));
  expect(pauses).toEqual([10, 20, 40, 80, 160, 320]);
});

test("the same address with another process' secret needs a new link", () => {
  const desk = serving(following, { goal: follow });
  const same: Goal = { ...follow, stamp: { term: 1, counter: 2 }, epoch: 2 };
  expect(short(desk.at(20, { type: "goals-received", batch: batch([same]) }))).toContain(
    "apply replica 2",
  );
  desk.at(21, { type: "goal-applied", ...names, stamp: same.stamp, info: following });
  const other = { ...master, processId: "i::n", secret: "n" };
  const moved: Goal = { ...follow, stamp: { term: 1, counter: 3 }, master: other };
  expect(short(desk.at(30, { type: "goals-received", batch: batch([moved]) }))).toContain(
    "apply replica 3 anew",
  );
});

test("data epoch and divergence: led, deposed, loading, synced with a later reign", () => {
  const desk = serving();
  const books = () => {
    const report = desk
      .at(desk.nowMs + 1, { type: "goals-received", batch: batch([], true) })
      .flatMap((effect) => (effect.type === "send-reports" ? effect.batch.processes : []))[0];
    return [report?.dataEpoch, report?.diverged, report?.synced];
  };
  expect(books()).toEqual([1, false, true]);
  const park: Goal = { ...goal, stamp: { term: 1, counter: 2 }, role: "parked" };
  desk.at(30, { type: "goals-received", batch: batch([park]) });
  desk.at(31, { type: "goal-applied", ...names, stamp: park.stamp, info: parked });
  expect(books()).toEqual([1, true, false]);
  const join: Goal = { ...follow, stamp: { term: 1, counter: 3 }, epoch: 2 };
  desk.at(40, { type: "goals-received", batch: batch([join]) });
  desk.at(41, {
    type: "goal-applied",
    ...names,
    stamp: join.stamp,
    info: { ...waiting, attach: "sync" },
  });
  expect(books()).toEqual([1, true, false]);
  desk.at(50, { type: "process-hinted", ...names, hint: "replication" });
  desk.at(51, {
    type: "probe-succeeded",
    ...names,
    info: { ...waiting, attach: "sync", loading: true },
  });
  expect(books()).toEqual([0, false, false]);
  desk.at(60, { type: "process-hinted", ...names, hint: "replication" });
  desk.at(61, { type: "probe-succeeded", ...names, info: following });
  expect(books()).toEqual([2, false, true]);
});

test("a sync whose link is lost before it was looked at again counts for the reign that was followed", () => {
  const reports = (desk: Desk) =>
    desk
      .at(desk.nowMs + 1, { type: "goals-received", batch: batch([], true) })
      .flatMap((effect) => (effect.type === "send-reports" ? effect.batch.processes : []));
  const look = (desk: Desk, shown: RedisInfo): number => {
    const atMs = desk.nowMs + 10;
    desk.at(atMs, { type: "process-hinted", ...names, hint: "replication" });
    desk.at(atMs + 1, { type: "probe-succeeded", ...names, info: shown });
    return reports(desk)[0]?.dataEpoch ?? -1;
  };
  // Redis' own tries are under way, so that none is hastened here.
  const down: RedisInfo = { ...waiting, attach: "connecting" };
  const loading: RedisInfo = { ...down, attach: "sync", loading: true, offset: 1 };
  const join = (desk: Desk, counter: number, epoch: number, shown: RedisInfo): number => {
    const goal: Goal = { ...follow, stamp: { term: 1, counter }, epoch };
    desk.at(desk.nowMs + 1, { type: "goals-received", batch: batch([goal]) });
    desk.at(desk.nowMs + 1, { type: "goal-applied", ...names, stamp: goal.stamp, info: shown });
    return reports(desk)[0]?.dataEpoch ?? -1;
  };
  // Empty, loads the data of reign 1, and has it when its master is gone.
  const fresh = serving({ ...down, offset: 1 }, { goal: follow });
  expect([look(fresh, loading), look(fresh, { ...down, offset: 1 })]).toEqual([0, 0]);
  expect(look(fresh, { ...down, replicationId: "new", offset: 0 })).toBe(1);
  // The same master again, so the id stays: the offset tells.
  expect([look(fresh, loading), look(fresh, { ...down, offset: 70 })]).toEqual([0, 1]);
  // A partial sync with reign 2 that nobody saw; then it is told to follow reign 3, which it never reached.
  const synced = serving({ ...following, offset: 70 }, { goal: follow });
  expect(join(synced, 2, 2, { ...down, offset: 70 })).toBe(1);
  expect(join(synced, 3, 3, { ...down, replicationId: "second", offset: 90 })).toBe(2);
  expect(join(synced, 4, 4, { ...down, replicationId: "second", offset: 90 })).toBe(2);
  expect(look(synced, { ...down, replicationId: "fourth", offset: 99 })).toBe(4);
});

test("a lost link is told at once, by the log's hint", () => {
  const desk = serving(following, { goal: follow });
  desk.runTo(400);
  const hinted = desk.at(400, { type: "process-hinted", ...names, hint: "replication" });
  expect(short(hinted)).toEqual(["probe info"]);
  desk.at(401, { type: "probe-succeeded", ...names, info: waiting });
  const [, report] = desk.runTo(403)[0] ?? [];
  expect(report).toMatchObject({ batch: { processes: [{ linkUp: false, synced: false }] } });
});

test("settings that are not allowed, too many processes and an ending executor start nothing", () => {
  const desk = new Desk();
  desk.at(0, { type: "tick" });
  const bad = { ...order, config: { requirepass: "x" } };
  const [refused] = desk.at(0, { type: "launch-received", order: bad, startId: "s1" });
  expect(refused).toMatchObject({ state: "TASK_FAILED", exit: null });
  desk.at(1, { type: "launch-received", order: { ...order, processId: "i::b" }, startId: "s2" });
  desk.at(2, { type: "shutdown-received", graceMs: 1_000 });
  const late = { ...order, processId: "i::c" };
  expect(short(desk.at(3, { type: "launch-received", order: late, startId: "s3" }))).toEqual([
    "i::c TASK_KILLED",
  ]);
});

test("SHUTDOWN: TERM, KILL at half of the grace, exit when all are gone or at its limit", () => {
  const desk = serving();
  desk.runTo(20);
  expect(short(desk.at(20, { type: "shutdown-received", graceMs: 1_000 }))).toEqual(["SIGTERM 11"]);
  const seen = desk.runTo(5_000).map(([at, effect]) => [at, short([effect])[0]]);
  expect(seen.filter(([, what]) => what !== "report all")).toEqual([
    [520, "SIGKILL 11"],
    [820, "exit-executor"],
  ]);
  expect(desk.at(6_000, { type: "launch-received", order, startId: "s9" })).toEqual([]);
});

test("a lost agent: KILL at once, exit with the last one", () => {
  const desk = serving();
  desk.runTo(20);
  expect(short(desk.at(20, { type: "agent-lost" }))).toEqual(["SIGKILL 11"]);
  const exit = { code: null, signal: "SIGKILL", log: [] };
  expect(short(desk.at(21, { type: "process-exited", ...names, ...exit }))).toEqual([
    "i::a TASK_KILLED",
    "forget-process",
    "report exited",
    "exit-executor",
  ]);
});

test("a process that does not answer at once is reported as starting after 50 ms", () => {
  const reports = spawned()
    .runTo(100)
    .filter(([, effect]) => effect.type === "send-reports");
  expect(reports.map(([at, effect]) => [at, ...short([effect])])).toEqual([
    [51, "report starting"],
  ]);
});

/** A desk with `count` processes that answered at 20 ms; it has reported that. */
function crowd(count: number): Desk {
  const desk = new Desk();
  desk.at(0, { type: "tick" });
  for (let index = 0; index < count; index += 1) {
    const processId = `i::${index}`;
    const some = { processId, startId: `s${index}` };
    const own = { ...order, processId, port: 7000 + index, goal: { ...follow, processId } };
    desk.at(0, { type: "launch-received", order: own, startId: some.startId });
    desk.at(1, { type: "process-spawned", ...some, pid: 11 });
    desk.at(20, { type: "process-hinted", ...some, hint: "ready" });
    desk.at(20, { type: "probe-succeeded", ...some, info: waiting });
  }
  expect(short(desk.at(22, { type: "tick" }))).toHaveLength(1);
  return desk;
}

test("with many processes reports keep a distance, but for an end", () => {
  const change = { processId: "i::0", startId: "s0" };
  const reportTimes = (desk: Desk): number[] =>
    desk
      .runTo(60)
      .filter(([, effect]) => effect.type === "send-reports")
      .map(([at]) => at);
  for (const [count, atMs] of [
    [1, 25],
    [4, 25],
    [12, 28],
    [50, 32],
  ] as const) {
    const desk = crowd(count);
    desk.at(23, { type: "probe-succeeded", ...change, info: following });
    expect(reportTimes(desk)[0]).toBe(atMs);
  }
  const exit = { type: "process-exited", ...change, code: 1, signal: null, log: [] } as const;
  expect(short(crowd(50).at(23, exit))).toContain("report exited");
});

test("an idle executor reports every second and ends after five minutes", () => {
  const desk = new Desk();
  const seen = desk.runTo(400_000);
  expect(seen.filter(([, effect]) => effect.type === "exit-executor").map(([at]) => at)).toEqual([
    300_000,
  ]);
  // The last one goes out with the end.
  expect(seen.filter(([, effect]) => effect.type === "send-reports").length).toBe(301);
});

test("an exit stays in the full reports for ten seconds", () => {
  const desk = serving();
  desk.at(20, { type: "process-exited", ...names, code: 1, signal: null, log: [] });
  const phases = desk
    .runTo(12_500)
    .map(([at, effect]) =>
      effect.type === "send-reports" && effect.batch.processes.some((each) => each.exit !== null)
        ? at
        : 0,
    );
  expect(Math.max(...phases)).toBe(10_000);
});
