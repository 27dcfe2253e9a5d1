/**
 * Owns what closed masters never do, whatever mail arrives late, twice or not at all: a redis-server that obeys slowly
 * or not at all, a scheduler that says anything, a wall clock that is set. Broken rules must be noticed here too.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Goal, GoalBatch, Stamp } from "../goal/types.js";
import { type RedisInfo, writeQuorumMax } from "../redis/info.js";
import { decide, initialSuperviseState } from "./decide.js";
import { quorumInForce } from "./lease.js";
import { isNewerStamp, type SuperviseRules, superviseRules } from "./rules.js";
import { type SuperviseEffect, type SuperviseEvent, superviseDefaults } from "./types.js";
import { wakeAtMs } from "./wake.js";

const processId = "i::a";
const names = { processId, startId: "s1" };
const leaseMs = 4_000;

interface Step {
  readonly kind: "mail" | "obey" | "stick" | "refuse" | "look" | "set-clock" | "pass";
  readonly pick: number;
  readonly other: number;
  readonly waitMs: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 5, arbitrary: fc.constant("mail" as const) },
      { weight: 4, arbitrary: fc.constant("obey" as const) },
      { weight: 1, arbitrary: fc.constant("stick" as const) },
      { weight: 1, arbitrary: fc.constant("refuse" as const) },
      { weight: 3, arbitrary: fc.constant("look" as const) },
      { weight: 1, arbitrary: fc.constant("set-clock" as const) },
      { weight: 1, arbitrary: fc.constant("pass" as const) },
    ),
    pick: fc.nat(5),
    other: fc.nat(9),
    waitMs: fc.constantFrom(0, 1, 5, 40, 300, 900, 2_900, 5_000),
  }),
  { minLength: 10, maxLength: 60, size: "max" },
);

const base: Goal = {
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
/** What a scheduler may say; the same counter always means the same. */
const said: readonly Goal[] = [
  base,
  { ...base, role: "parked", leaseMs: null, writeQuorum: writeQuorumMax },
  { ...base, epoch: 2 },
  { ...base, epoch: 2, leaseMs: null, writeQuorum: 1 },
  { ...base, epoch: 2 },
  { ...base, epoch: 3, role: "parked", leaseMs: null, writeQuorum: 0 },
];
const goals = said.map(
  (goal, index): Goal => ({ ...goal, stamp: { term: 1 + (index >> 2), counter: index + 1 } }),
);

/** One process, with everything that the rules must hold for. */
class World {
  readonly rules: SuperviseRules;
  state = initialSuperviseState({ ...superviseDefaults, runId: "run" }, 0);
  nowMs = 0;
  offsetMs = 1_000_000;
  isAlive = true;
  info: RedisInfo;
  /** The goal that Redis has, and until when it may be open by what was said of it. */
  held = base;
  readonly sentAtMs = new Map<number, number>();
  /** Sending times of answered reports that named the process, by no older leader than that of its goal. */
  echoes: { sentAtMs: number; epoch: number }[] = [];
  newest: Stamp = base.stamp;
  newestGoal: Goal = base;
  waiting: Extract<SuperviseEffect, { type: "apply-goal" }> | null = null;
  /** Commands wait for a step that obeys. */
  isStuck = false;
  openings = 0;
  closings = 0;

  constructor(rules: SuperviseRules) {
    this.rules = rules;
    this.info = {
      pid: 11,
      role: "master",
      master: null,
      linkUp: false,
      loading: false,
      attach: "none",
      offset: 0,
      replicationId: "r",
      writeQuorum: writeQuorumMax,
      lagSecondsMax: 3,
      goodReplicas: 0,
      followers: [],
      memoryUsedBytes: 1,
      uptimeSeconds: 0,
      clients: 1,
      opsPerSecond: 0,
      lastIoSeconds: 0,
    };
    const order = {
      version: 1,
      instance: "i",
      processId,
      address: "127.0.0.1",
      port: 7001,
      memoryMib: 100,
      config: {},
      goal: base,
    } as const;
    this.give({ type: "tick", atMs: 0, wallMs: this.offsetMs });
    this.give({ type: "launch-received", atMs: 0, order, startId: "s1" });
    this.give({ type: "process-spawned", atMs: 0, ...names, pid: 11 });
    this.give({ type: "process-hinted", atMs: 0, ...names, hint: "ready" });
    this.give({ type: "probe-succeeded", atMs: 0, ...names, info: this.info });
  }

  give(event: SuperviseEvent): void {
    const { state, effects } = decide(this.state, event, this.rules);
    this.state = state;
    for (const effect of effects) {
      if (effect.type === "send-reports") this.sentAtMs.set(effect.batch.number, this.nowMs);
      else if (effect.type === "signal-process" && effect.signal === "SIGKILL") {
        this.isAlive = false;
      } else if (effect.type === "apply-goal") this.waiting = effect;
    }
  }

  get isOpen(): boolean {
    return this.isAlive && this.info.role === "master" && this.info.writeQuorum < writeQuorumMax;
  }

  /** The end of the longest lease that anybody may have promised for the goal that Redis has. */
  get leaseEndMs(): number {
    const good = this.echoes.filter(({ epoch }) => epoch === this.held.epoch);
    return Math.max(0, ...good.map(({ sentAtMs }) => sentAtMs + leaseMs));
  }

  check(): void {
    if (!this.isOpen || this.held.leaseMs === null) return;
    expect(this.nowMs, "open after the end of its lease").toBeLessThanOrEqual(this.leaseEndMs);
  }

  /** Questions are answered at once, commands at the next tick, unless it is stuck. */
  pass(waitMs: number): void {
    const end = this.nowMs + waitMs;
    while (wakeAtMs(this.state) <= end && this.isAlive) {
      const atMs = Math.max(this.nowMs, wakeAtMs(this.state));
      this.nowMs = atMs;
      if (!this.isStuck) this.obey();
      this.give({ type: "tick", atMs, wallMs: atMs + this.offsetMs });
      expect(wakeAtMs(this.state), "a busy loop").toBeGreaterThan(atMs);
      this.look();
      this.check();
    }
    this.nowMs = Math.max(end, this.nowMs);
    this.check();
  }

  look(): void {
    // Asked after the commands, answered after them.
    if (this.waiting !== null || !this.isAlive) return;
    this.give({ type: "probe-succeeded", atMs: this.nowMs, ...names, info: this.info });
  }

  mail({ pick, other }: Step): void {
    const goal = goals[pick] ?? base;
    const known = [...this.sentAtMs.keys()];
    // Mostly the newest report, at times any that was ever sent.
    const number = other < 6 ? (known.at(-1) ?? 0) : (known[other * 7] ?? 0);
    const term = 1 + (other % 2);
    const isNamed = other % 3 > 0;
    const isGoal = pick < goals.length && other % 4 === 0;
    const batch: GoalBatch = {
      version: 1,
      type: "goals",
      term,
      answers: { runId: "run", number },
      goals: isGoal ? [goal] : [],
      leases: isNamed ? [processId] : [],
      reportNow: false,
    };
    if (isGoal && isNewerStamp(goal.stamp, this.newest)) {
      this.newest = goal.stamp;
      this.newestGoal = goal;
    }
    const sentAtMs = this.sentAtMs.get(number);
    if (isNamed && sentAtMs !== undefined && term >= this.newest.term) {
      this.echoes.push({ sentAtMs, epoch: this.newestGoal.epoch });
    }
    this.give({ type: "goals-received", atMs: this.nowMs, batch });
  }

  obey(): void {
    const effect = this.waiting;
    if (effect === null || !this.isAlive) return;
    this.waiting = null;
    this.isStuck = false;
    const { goal, closed } = effect;
    expect(isNewerStamp(this.held.stamp, goal.stamp), "an older goal after a newer").toBe(false);
    this.held = goal;
    const wasOpen = this.isOpen;
    this.info = {
      ...this.info,
      role: goal.role === "master" ? "master" : "replica",
      master: goal.role === "parked" ? { address: "127.0.0.1", port: 1 } : null,
      writeQuorum: quorumInForce(goal, closed),
    };
    if (this.isOpen && !wasOpen) this.openings += 1;
    if (wasOpen && !this.isOpen) this.closings += 1;
    const answer = { atMs: this.nowMs, ...names, stamp: goal.stamp, info: this.info };
    this.give({ type: "goal-applied", ...answer });
  }

  step(step: Step): void {
    this.pass(step.waitMs);
    const atMs = this.nowMs;
    if (step.kind === "mail") this.mail(step);
    else if (step.kind === "obey") this.obey();
    else if (step.kind === "stick") this.isStuck = true;
    else if (step.kind === "look") this.look();
    else if (step.kind === "set-clock") this.offsetMs += (step.pick - 2) * 900;
    else if (step.kind === "refuse" && this.waiting !== null) {
      const { stamp } = this.waiting.goal;
      this.waiting = null;
      this.give({ type: "goal-failed", atMs, ...names, stamp, reason: "other", text: "BUSY" });
    }
    this.check();
  }
}

function play(list: readonly Step[], rules: SuperviseRules): World {
  const world = new World(rules);
  for (const step of list) if (world.isAlive) world.step(step);
  if (world.isAlive) world.pass(10_000);
  return world;
}

/** A loaded machine takes its time. */
const patienceMs = 60_000;

test(
  "a master without a write quorum never accepts writes after the end of its lease",
  () => {
    fc.assert(
      fc.property(steps, (list) => void play(list, superviseRules)),
      { numRuns: 200 },
    );
  },
  patienceMs,
);

test(
  "the runs are no idle ones: masters are opened and closed",
  () => {
    const seen = { openings: 0, closings: 0 };
    for (const list of fc.sample(steps, { numRuns: 60, seed: 7 })) {
      const { openings, closings } = play(list, superviseRules);
      seen.openings += openings;
      seen.closings += closings;
    }
    expect(seen.openings).toBeGreaterThan(20);
    expect(seen.closings).toBeGreaterThan(20);
  },
  patienceMs,
);

const broken: readonly [string, Partial<SuperviseRules>][] = [
  ["counts a lease from its arrival", { leaseFromMs: ({ receivedAtMs }) => receivedAtMs }],
  [
    "opens whom no message names",
    { leaseFromMs: ({ sentAtMs, term }, { stamp }) => (term >= stamp.term ? sentAtMs : null) },
  ],
  [
    "believes a deposed leader",
    { leaseFromMs: ({ named, sentAtMs }) => (named ? sentAtMs : null) },
  ],
  ["closes nobody", { closedFor: () => null }],
  ["takes any goal", { acceptsGoal: () => true }],
];

test.each(broken)(
  "an executor that %s is caught",
  (_name, change) => {
    const rules = { ...superviseRules, ...change };
    const samples = fc.sample(steps, { numRuns: 400, seed: 11 });
    const caught = samples.some((list) => {
      try {
        play(list, rules);
        return false;
      } catch {
        return true;
      }
    });
    expect(caught).toBe(true);
  },
  patienceMs,
);
