/**
 * Owns what the executor's decisions never do, whatever happens in whatever order.
 * The world below answers effects or does not, late, twice, or for a start that is long gone.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Goal, Stamp } from "../goal/types.js";
import type { RedisInfo } from "../redis/info.js";
import { decide, initialSuperviseState } from "./decide.js";
import { type SuperviseEffect, type SuperviseEvent, superviseDefaults } from "./types.js";
import { wakeAtMs } from "./wake.js";

const taskIds = ["i::a", "i::b", "i::c"];
const stamps: readonly Stamp[] = [1, 2, 3, 4, 5, 6].map((counter) => ({
  term: counter > 4 ? 2 : 1,
  counter: counter % 5,
}));

interface Step {
  readonly kind: number;
  readonly task: number;
  readonly pick: number;
  readonly waitMs: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    // Answers and goals often, ends seldom: else nothing lives long enough.
    kind: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(5, 5, 6, 7, 10, 11, 12, 12, 13, 14) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 15 }) },
    ),
    task: fc.nat(2),
    pick: fc.nat(5),
    waitMs: fc.constantFrom(0, 0, 1, 3, 20, 60, 400, 1_100, 4_000),
  }),
  { minLength: 1, maxLength: 80, size: "max" },
);

function goalFor(processId: string, pick: number): Goal {
  const stamp = stamps[pick] ?? { term: 1, counter: 1 };
  const role = (["master", "replica", "parked"] as const)[pick % 3] ?? "master";
  const master = {
    processId: "i::m",
    address: "127.0.0.9",
    port: 7009,
    user: "replica-a",
    secret: "m",
  };
  return {
    processId,
    stamp,
    epoch: pick + 1,
    role,
    master: role === "replica" ? master : null,
    writeQuorum: pick % 2,
    lagSecondsMax: 3,
    followers: [],
    leaseMs: null,
  };
}

function infoFor(pid: number, pick: number): RedisInfo {
  const shapes: readonly Partial<RedisInfo>[] = [
    { role: "master", master: null },
    { role: "replica", master: { address: "127.0.0.9", port: 7009 }, linkUp: true },
    { role: "replica", master: { address: "127.0.0.9", port: 7009 }, attach: "connect" },
    { role: "replica", master: { address: "127.0.0.1", port: 1 } },
    { role: "replica", master: { address: "127.0.0.9", port: 7009 }, loading: true },
    { role: "master", master: null, pid: pid + 100 },
  ];
  return {
    pid,
    role: "master",
    master: null,
    linkUp: false,
    loading: false,
    attach: "none",
    offset: 0,
    replicationId: "r",
    writeQuorum: pick % 2,
    lagSecondsMax: 3,
    goodReplicas: 0,
    followers: [],
    memoryUsedBytes: 1,
    uptimeSeconds: 0,
    clients: 1,
    opsPerSecond: 0,
    lastIoSeconds: 0,
    ...shapes[pick],
  };
}

/** One run of the supervisor in a world that does as it likes; every rule is checked at every effect. */
class World {
  state = initialSuperviseState({ ...superviseDefaults, runId: "run" }, 0);
  nowMs = 0;
  starts = 0;
  readonly pids = new Map<string, number>();
  readonly gone = new Set<string>();
  readonly sigkilled = new Set<string>();
  readonly spawnedTasks = new Set<string>();
  readonly terminal = new Set<string>();
  readonly running = new Set<string>();
  readonly applied = new Map<string, Stamp>();
  readonly applying = new Map<string, Goal>();
  readonly starting = new Map<string, string>();
  readonly told = new Set<string>();
  batchNumber = 0;
  exited = false;

  give(event: SuperviseEvent): void {
    const { state, effects } = decide(this.state, event);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    this.state = state;
    for (const effect of effects) this.check(effect);
  }

  check(effect: SuperviseEffect): void {
    expect(this.exited, "nothing after exit-executor").toBe(false);
    switch (effect.type) {
      case "spawn-redis":
        expect(this.spawnedTasks.has(effect.processId), "a second spawn of a task").toBe(false);
        expect(this.terminal.has(effect.processId), "a spawn after the end").toBe(false);
        this.spawnedTasks.add(effect.processId);
        this.starting.set(effect.processId, effect.startId);
        break;
      case "send-update":
        this.checkUpdate(effect.taskId, effect.state);
        break;
      case "signal-process":
        expect(this.gone.has(effect.startId), "a signal to a reaped pid").toBe(false);
        expect(effect.pid).toBe(this.pids.get(effect.startId));
        if (effect.signal !== "SIGKILL") break;
        expect(this.sigkilled.has(effect.startId), "a second SIGKILL").toBe(false);
        this.sigkilled.add(effect.startId);
        break;
      case "apply-goal":
        this.checkApply(effect.startId, effect.goal);
        break;
      case "send-reports":
        expect(effect.batch.number).toBe(this.batchNumber + 1);
        this.batchNumber = effect.batch.number;
        for (const { processId, stamp } of effect.batch.processes) {
          const known = stamp.term === 0 || this.told.has(`${processId} ${JSON.stringify(stamp)}`);
          expect(known, "a stamp in force that nobody gave").toBe(true);
        }
        break;
      case "exit-executor":
        this.exited = true;
        break;
      default:
    }
  }

  checkUpdate(taskId: string, state: string): void {
    expect(this.terminal.has(taskId), "an update after the terminal one").toBe(false);
    if (state === "TASK_RUNNING") {
      expect(this.running.has(taskId), "RUNNING twice").toBe(false);
      this.running.add(taskId);
      return;
    }
    this.terminal.add(taskId);
    const startId = this.starting.get(taskId);
    if (startId !== undefined) {
      expect(this.gone.has(startId), "the end of a task whose process lives").toBe(true);
    }
  }

  checkApply(startId: string, goal: Goal): void {
    expect(this.gone.has(startId), "a goal for a process that is gone").toBe(false);
    expect(this.applying.has(startId), "two goals at a time").toBe(false);
    const last = this.applied.get(startId);
    const older =
      last !== undefined &&
      (goal.stamp.term < last.term ||
        (goal.stamp.term === last.term && goal.stamp.counter < last.counter));
    expect(older, "an older goal after a newer one").toBe(false);
    this.applied.set(startId, goal.stamp);
    this.applying.set(startId, goal);
  }

  tell(goal: Goal): Goal {
    this.told.add(`${goal.processId} ${JSON.stringify(goal.stamp)}`);
    return goal;
  }

  /** Moves the clock, ticking as a shell does: each tick must put off the next one. */
  pass(waitMs: number): void {
    const end = this.nowMs + waitMs;
    while (!this.exited && wakeAtMs(this.state) <= end) {
      this.nowMs = Math.max(this.nowMs, wakeAtMs(this.state));
      this.give({ type: "tick", atMs: this.nowMs });
      if (!this.exited) expect(wakeAtMs(this.state), "a busy loop").toBeGreaterThan(this.nowMs);
    }
    this.nowMs = end;
  }

  /** Launches and spawns the first two tasks, so that most runs have something to go wrong. */
  warm(): void {
    for (const task of [0, 1]) {
      for (const kind of [0, 2]) this.step({ kind, task, pick: task, waitMs: 1 });
    }
  }

  step({ kind, task, pick, waitMs }: Step): void {
    this.pass(waitMs);
    const processId = taskIds[task] ?? "i::a";
    const startId = this.starting.get(processId) ?? "s-none";
    const atMs = this.nowMs;
    const names = { processId, startId, atMs };
    const pid = this.pids.get(startId);
    switch (kind) {
      case 0:
      case 1: {
        this.starts += 1;
        const order = {
          version: 1,
          instance: "i",
          processId,
          address: "127.0.0.1",
          port: 7001,
          memoryMib: 100,
          config: {},
          goal: this.tell(goalFor(processId, pick)),
        } as const;
        this.give({ type: "launch-received", atMs, order, startId: `s${this.starts}` });
        break;
      }
      case 2:
      case 3:
        if (pid !== undefined || this.gone.has(startId)) break;
        this.pids.set(startId, 100 + this.starts);
        this.give({ type: "process-spawned", ...names, pid: 100 + this.starts });
        break;
      case 4:
        if (pid !== undefined) break;
        this.gone.add(startId);
        this.give({ type: "spawn-failed", ...names, text: "no such file" });
        break;
      case 5:
      case 6:
        this.give({
          type: "probe-succeeded",
          ...names,
          info: pick === 4 ? null : infoFor(pid ?? 1, pick),
        });
        break;
      case 7:
        this.give({ type: "probe-failed", ...names, text: "ECONNREFUSED" });
        break;
      case 8:
        if (pid === undefined) break;
        this.gone.add(startId);
        this.give({ type: "process-exited", ...names, code: pick, signal: null, log: ["x"] });
        break;
      case 9:
        this.give({ type: "kill-received", atMs, taskId: processId, graceMs: pick * 100 });
        break;
      case 10:
      case 11: {
        const goals = [this.tell(goalFor(processId, pick))];
        const batch = { version: 1, type: "goals", term: 1, answers: null, goals } as const;
        const asked = { leases: [], reportNow: pick === 3 };
        this.give({ type: "goals-received", atMs, batch: { ...batch, ...asked } });
        break;
      }
      case 12: {
        const goal = this.applying.get(startId);
        if (goal === undefined) break;
        this.applying.delete(startId);
        const info = infoFor(pid ?? 1, pick);
        this.give({ type: "goal-applied", ...names, stamp: goal.stamp, info });
        break;
      }
      case 13: {
        const goal = this.applying.get(startId);
        if (goal === undefined) break;
        this.applying.delete(startId);
        const reason = pick > 2 ? "loading" : "other";
        this.give({ type: "goal-failed", ...names, stamp: goal.stamp, reason, text: "no" });
        break;
      }
      case 14:
        this.give({ type: "process-hinted", ...names, hint: pick > 2 ? "ready" : "replication" });
        break;
      default:
        // Rare, so that most runs go on.
        if (pick === 0) this.give({ type: "shutdown-received", atMs, graceMs: 2_000 });
        else if (pick === 1) this.give({ type: "agent-lost", atMs });
        else this.give({ type: "launch-unreadable", atMs, taskId: processId, text: "no JSON" });
    }
  }
}

/** A loaded machine takes its time. */
const patienceMs = 60_000;

test(
  "no sequence of events makes it break a rule",
  () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (list, warm) => {
        const world = new World();
        if (warm) world.warm();
        for (const step of list) world.step(step);
        world.pass(2_000);
      }),
      { numRuns: 150 },
    );
  },
  patienceMs,
);

test(
  "the runs are no idle ones: all kinds of effects occur",
  () => {
    const seen = new Set<string>();
    for (const list of fc.sample(steps, { numRuns: 60, seed: 7 })) {
      const world = new World();
      const check = world.check.bind(world);
      world.check = (effect) => {
        seen.add(effect.type === "send-update" ? effect.state : effect.type);
        check(effect);
      };
      world.warm();
      for (const step of list) world.step(step);
    }
    expect([...seen].sort()).toEqual([
      "TASK_FAILED",
      "TASK_KILLED",
      "TASK_RUNNING",
      "apply-goal",
      "cancel-spawn",
      "exit-executor",
      "forget-process",
      "probe-redis",
      "send-reports",
      "signal-process",
      "spawn-redis",
    ]);
  },
  patienceMs,
);
