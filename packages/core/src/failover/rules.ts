/**
 * Owns the rules that keep an instance at one writer, each as one small function that names what breaks without it
 * (V1 to V12 are the violations that a model of the protocol found; docs/internals/fencing.md tells their stories).
 * Not: when they are asked (control/, quorum.ts, wait.ts), nor the executor's half of them (supervise/rules.ts).
 * Handed in with the settings, so that the simulator can knock one out and has to notice.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessReport, Stamp } from "../goal/types.js";
import type { ProcessRecord } from "../instance/types.js";
import { guardOutliveMs } from "../supervise/guard.js";

/** Negative when `a` is older than `b`, 0 when equal. */
export const compareStamps = (a: Stamp, b: Stamp): number =>
  a.term === b.term ? a.counter - b.counter : a.term - b.term;

/** A replica whose park is confirmed: nothing flows into it any more, so its offset is final. */
export interface Candidate {
  readonly processId: string;
  readonly diverged: boolean;
  readonly dataEpoch: number;
  readonly offset: number;
  /**
   * The reign whose data it has reached; absent: `dataEpoch`. A replica takes a new reign's id over before it has all that
   * the master of that reign began with (reach.ts).
   */
  readonly reachedEpoch?: number;
}

/** How a process can leave R, the processes that may count for the writes of a master. */
export type Leaving = "parked" | "died" | "expelled";

/** What is known of a master that cannot be reached, when its replacement is considered. */
export interface FenceFacts {
  /** Lowest `min-replicas-to-write` that may be in force at it. */
  readonly quorumMin: number;
  /** |R|: members that are not parked, not dead and not expelled. */
  readonly remaining: number;
  /** True when the wait since the last leaving of R is over. */
  readonly waited: boolean;
  /** True when its lease is over, as far as any leader may have renewed it. */
  readonly leaseOver: boolean;
}

/** A process that gave no final offset, when a choice is made among the others. */
export interface Absent {
  /** Latest reign that it can have synced with. */
  readonly dataEpochMax: number;
  /** True when it is a member of the present reign, or its master. */
  readonly isOfReign: boolean;
}

/** How a process runs: as a child of its executor, or in a container. */
export type Runtime = "process" | "container";

/** See the head of this file. */
export interface FencingRules {
  /**
   * V11: is the word that a process has ended a confirmed death? Of a process in a container only its executor's, or that of a
   * later executor of its agent: Mesos ends executors, and containers are no children of theirs.
   */
  confirmsEnd(input: { readonly runtime: Runtime; readonly isByExecutor: boolean }): boolean;
  /** V11: how long a process can outlive its executor: until its guard has ended it. */
  outliveMs(runtime: Runtime): number;
  /** V3: without the leader's term, goals of a deposed leader look newer than those of the next one. */
  stampOf(term: number, counter: number): Stamp;
  /** V2: what was reported before the last goal arrived says nothing about the time after it. */
  reportCounts(reported: Stamp, lastSent: Stamp | undefined): boolean;
  /** V5: a process launched as a replica may attach after the failover that did not count it. */
  joinsParked(): boolean;
  /** V5: counted in R from the commit that allows it to follow, not from its first sync. */
  countsInR(process: ProcessRecord, isSynced: boolean): boolean;
  /** V4, V12: does this leaving of R begin the wait anew? All do, deaths included. */
  restartsWait(leaving: Leaving): boolean;
  /**
   * V12: how long a master that lost its replicas may go on writing. Redis counts whole seconds (+1 s), looks once a
   * second (+1 s) and at its own ticks (+0.2 s).
   */
  waitMs(lagMs: number, marginMs: number): number;
  /** V6: true when a lower write quorum is stored before the master is told. */
  storesLowerFirst(): boolean;
  /** A write quorum is not lowered at a master that is under suspicion: it would be told to go on alone. */
  mayLower(isSuspected: boolean): boolean;
  /** V8: the fence of an unreachable master. */
  isFenced(facts: FenceFacts): boolean;
  /** V7: when the lease of a master ends: from its last report and, for a new leader, from the election. */
  leaseEndMs(input: {
    readonly heardAtMs: number;
    readonly electedAtMs: number;
    readonly leaseMs: number;
    readonly marginMs: number;
    /** An executor that has died closes nothing: its guard ends the master so much later. */
    readonly outliveMs: number;
  }): number;
  /** V7: true when an answer to its executor may name this process: it is the master of the stored reign, unsuspected. */
  mayLease(input: { readonly isStoredMaster: boolean; readonly isFailingOver: boolean }): boolean;
  /** V9: an offset is final only in the confirmation of a park. */
  candidateOf(report: ProcessReport | undefined, park: Stamp): Candidate | null;
  /** V10: better ones first. */
  compareCandidates(a: Candidate, b: Candidate): number;
  /** V10: may the best of those that answered be promoted although these did not? */
  mayChoose(best: Candidate, absent: readonly Absent[]): boolean;
}

/** What Redis adds to the lag limit before it refuses writes. */
export const redisFenceMs = 2_200;

/** The rules. */
export const fencingRules: FencingRules = {
  confirmsEnd: ({ runtime, isByExecutor }) => runtime === "process" || isByExecutor,
  outliveMs: (runtime) => (runtime === "process" ? 0 : guardOutliveMs),
  stampOf: (term, counter) => ({ term, counter }),
  reportCounts: (reported, lastSent) =>
    lastSent === undefined || compareStamps(reported, lastSent) >= 0,
  joinsParked: () => true,
  countsInR: (process) => process.member,
  restartsWait: () => true,
  waitMs: (lagMs, marginMs) => lagMs + redisFenceMs + marginMs,
  storesLowerFirst: () => true,
  mayLower: (isSuspected) => !isSuspected,
  isFenced: ({ quorumMin, remaining, waited, leaseOver }) =>
    waited && (quorumMin > 0 ? remaining < quorumMin : remaining === 0 && leaseOver),
  leaseEndMs: ({ heardAtMs, electedAtMs, leaseMs, marginMs, outliveMs }) =>
    Math.max(heardAtMs, electedAtMs) + leaseMs + marginMs + outliveMs,
  mayLease: ({ isStoredMaster, isFailingOver }) => isStoredMaster && !isFailingOver,
  candidateOf: (report, park) => {
    if (report === undefined || report.phase !== "serving" || report.role !== "parked") return null;
    if (report.loading || compareStamps(report.stamp, park) < 0) return null;
    const { processId, diverged, dataEpoch, offset } = report;
    return { processId, diverged, dataEpoch, offset };
  },
  compareCandidates: (a, b) =>
    // The data epoch is exact, so at an equal one the master of that reign has whatever its replicas have.
    (b.reachedEpoch ?? b.dataEpoch) - (a.reachedEpoch ?? a.dataEpoch) ||
    b.offset - a.offset ||
    Number(a.diverged) - Number(b.diverged) ||
    (a.processId < b.processId ? -1 : 1),
  mayChoose: (best, absent) =>
    absent.every(
      ({ dataEpochMax, isOfReign }) =>
        dataEpochMax <= best.dataEpoch && !(best.diverged && isOfReign),
    ),
};
