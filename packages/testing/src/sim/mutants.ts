/**
 * Owns the broken rules: each is one rule of fencing knocked out, and must be noticed by the simulator within a stated
 * number of seeds. Not: the rules (core/failover/rules.ts, core/supervise/rules.ts).
 * The V numbers are those of docs/internals/fencing.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FencingRules, SuperviseRules } from "@mr-redis/core";
import { instanceOf, type SimOptions } from "./options.js";
import type { ScriptName } from "./scripts.js";
import type { SafetyRule } from "./violation.js";
import type { SimRules } from "./world.js";

/** One broken rule. */
export interface Mutant {
  readonly name: string;
  /** What is wrong with it. */
  readonly text: string;
  /** The story that leads to where the rule is needed; all of them are told in ordinary runs too. */
  readonly script: ScriptName;
  /** What else the story needs to come there soon. */
  readonly options?: Partial<SimOptions>;
  /** Within so many seeds of that story it must be noticed. */
  readonly seedsMax: number;
  /** What counts as notice; absent: every rule of safety. */
  readonly breaks?: readonly SafetyRule[];
  readonly rules: (real: SimRules) => SimRules;
}

const fencing =
  (change: (real: FencingRules) => Partial<FencingRules>) =>
  (real: SimRules): SimRules => ({
    ...real,
    fencing: { ...real.fencing, ...change(real.fencing) },
  });

const supervise =
  (change: (real: SuperviseRules) => Partial<SuperviseRules>) =>
  (real: SimRules): SimRules => ({
    ...real,
    supervise: { ...real.supervise, ...change(real.supervise) },
  });

/** All of them. */
export const mutants: readonly Mutant[] = [
  {
    name: "V1-any-goal",
    text: "an executor takes a goal that is older than the one in force",
    script: "suspect-twice",
    seedsMax: 200,
    rules: supervise(() => ({ acceptsGoal: () => true })),
  },
  {
    name: "V2-any-report",
    text: "a report counts although it is older than the last goal",
    script: "cancelled-then-dead",
    seedsMax: 200,
    rules: fencing((real) => ({
      reportCounts: () => true,
      candidateOf: (report) => real.candidateOf(report, { term: 0, counter: 0 }),
    })),
  },
  {
    name: "V3-no-term",
    text: "stamps have no term: a new scheduler counts from the beginning",
    script: "old-mail-of-old-leader",
    seedsMax: 200,
    rules: fencing(() => ({ stampOf: (_term, counter) => ({ term: 1, counter }) })),
  },
  {
    name: "V4-death-does-not-restart",
    text: "the wait is not begun anew when a member of R dies",
    script: "death-in-the-wait",
    seedsMax: 200,
    rules: fencing(() => ({ restartsWait: (leaving) => leaving !== "died" })),
  },
  {
    name: "V5-joiner-not-counted",
    text: "a joining replica is counted in R only when it is synced",
    script: "join-in-failover",
    seedsMax: 200,
    rules: fencing(() => ({ countsInR: (process, isSynced) => process.member && isSynced })),
  },
  {
    name: "V6-lower-then-store",
    text: "a lower write quorum is said before it is stored",
    script: "lowered-unheard",
    seedsMax: 200,
    rules: fencing(() => ({ storesLowerFirst: () => false })),
  },
  {
    name: "V7-lease-from-arrival",
    text: "the lease of a master runs from the arrival of an answer, and any message gives one",
    script: "lease-runs-out",
    seedsMax: 200,
    rules: supervise(() => ({ leaseFromMs: ({ receivedAtMs }) => receivedAtMs })),
  },
  {
    name: "V7-no-wait-for-the-lease",
    text: "a master without a quorum is replaced before its lease is over",
    script: "lease-runs-out",
    seedsMax: 200,
    rules: fencing(() => ({ leaseEndMs: ({ heardAtMs }) => heardAtMs })),
  },
  {
    name: "V8-lease-alone",
    text: "for a lowest quorum of 0 only the lease is waited for, not for R to be empty",
    script: "quorum-in-doubt",
    seedsMax: 200,
    rules: fencing(() => ({
      isFenced: ({ quorumMin, remaining, waited, leaseOver }) =>
        quorumMin > 0 ? waited && remaining < quorumMin : leaseOver,
    })),
  },
  {
    name: "V9-any-offset",
    text: "a candidate's offset is taken from any report, not from the confirmation of its park",
    script: "cancelled-then-dead",
    seedsMax: 200,
    rules: fencing(() => ({
      candidateOf: (report) =>
        report === undefined || report.phase !== "serving"
          ? null
          : {
              processId: report.processId,
              diverged: report.diverged,
              dataEpoch: report.dataEpoch,
              offset: report.offset,
            },
    })),
  },
  {
    name: "V10-offset-alone",
    text: "the highest offset wins, whatever reign it is of",
    script: "deposed-returns",
    seedsMax: 200,
    rules: fencing(() => ({
      compareCandidates: (a, b) => b.offset - a.offset || (a.processId < b.processId ? -1 : 1),
      mayChoose: () => true,
    })),
  },
  {
    name: "V11-adopted",
    text: "an executor takes over what an earlier one left, without its stamps",
    script: "executor-ends",
    seedsMax: 200,
    rules: supervise(() => ({ mayAdopt: () => true })),
  },
  {
    name: "V11-executor-end-confirms",
    text: "the end of an executor confirms the death of what it ran in containers",
    script: "executor-leaves",
    options: { runtime: "container" },
    seedsMax: 200,
    rules: fencing(() => ({ confirmsEnd: () => true })),
  },
  {
    name: "V11-guard-not-waited",
    text: "a lease ends with what its executor would have done, had it lived",
    script: "lease-unguarded",
    options: { runtime: "container" },
    seedsMax: 200,
    rules: fencing((real) => ({
      leaseEndMs: (input) => real.leaseEndMs({ ...input, outliveMs: 0 }),
    })),
  },
  {
    name: "V11-short-guard",
    text: "what a container does after its executor's end is not waited for",
    script: "executor-leaves",
    options: { runtime: "container" },
    seedsMax: 200,
    rules: fencing(() => ({ outliveMs: () => 0 })),
  },
  {
    name: "V12-no-wait",
    text: "a promotion does not wait until the master has noticed that it lost its replicas",
    script: "suspect-twice",
    seedsMax: 200,
    rules: fencing(() => ({ waitMs: () => 0 })),
  },
  {
    name: "B2-short-wait",
    text: "the wait is the lag limit alone",
    script: "latest-fence",
    seedsMax: 200,
    rules: fencing(() => ({ waitMs: (lagMs) => lagMs })),
  },
  {
    name: "V10-no-reigns",
    text: "an executor does not know of which reign its data is",
    script: "deposed-returns",
    seedsMax: 200,
    rules: supervise((real) => ({
      booksAfter: (books, goal, info) => {
        const after = real.booksAfter(books, goal, info);
        return { ...after, dataEpoch: Math.min(after.dataEpoch, 1), ledEpoch: 0 };
      },
    })),
  },
  {
    name: "B8-open-doors",
    text: "a replica is let in by whoever listens where its master was",
    script: "port-reused",
    options: {
      agents: 3,
      portsEach: 4,
      instances: [instanceOf(1), instanceOf(0), instanceOf(0)],
    },
    seedsMax: 200,
    rules: (real) => ({ ...real, openDoors: true }),
  },
];
