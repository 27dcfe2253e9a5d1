/**
 * Owns the rules of fencing that an executor keeps, each as one small function: `decide` calls them and nothing else
 * for these questions, so that the simulator can break one at a time and must notice.
 * Not: when they are asked (goal.ts, lease.ts, decide.ts). Source: docs/internals/fencing.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Closed, Goal, Stamp } from "../goal/types.js";
import type { RedisInfo } from "../redis/info.js";
import type { Supervised } from "./types.js";

/** Which reign the data of a process belongs to. */
export interface DataBooks {
  /** Reign that it last synced with or led; 0 when it holds no complete data. */
  readonly dataEpoch: number;
  /** Last reign that it led, 0 when none; forgotten with the data when a full sync begins to load. */
  readonly ledEpoch: number;
  /** Replication id when the data was last known to be complete, or before a full sync; "" until the first look. */
  readonly replicationId: string;
  /** Reign of the master that it was last told to follow; 0 when none. */
  readonly followedEpoch: number;
}

/** What a message of the scheduler says about the mastership of one process. */
export interface LeaseAnswer {
  /** Term of the scheduler that sent it. */
  readonly term: number;
  /** True when the message names the process. */
  readonly named: boolean;
  /** When the report batch that it answers was sent; null when that is not known (any more). */
  readonly sentAtMs: number | null;
  /** When the message arrived. */
  readonly receivedAtMs: number;
}

/** On what it depends whether a master may accept writes. */
export interface MasterFacts {
  /** Usable part of {@link Goal.leaseMs}; null when it needs no lease. */
  readonly leaseMs: number | null;
  /** From when its lease counts; null when it has none. */
  readonly leaseFromMs: number | null;
  /** `min-replicas-to-write` of its goal. */
  readonly writeQuorum: number;
  /** When its replicas were last made to log in again; null: never. */
  readonly cutFromMs: number | null;
  /** When the wall clock was last seen to have been set; null: never. */
  readonly steppedAtMs: number | null;
}

/** The rules by which an executor fences its processes. */
export interface SuperviseRules {
  /** Rule 1 (V1, V3, V12): only a goal that was said after the newest known one counts. */
  acceptsGoal(goal: Goal, newest: Stamp): boolean;
  /**
   * Rule 10 (V7): from when the lease of a process counts after an answer, null when the answer gives none: it must
   * name the process, come from no older leader than its goal, and answer a known report. It counts from the sending
   * of that report, so that late mail opens nothing.
   */
  leaseFromMs(answer: LeaseAnswer, wanted: Goal): number | null;
  /**
   * Rule 10 (V7, B3): why a master must not accept writes now, null when it may by its write quorum. After the wall
   * clock was set, a write quorum means nothing until all replicas have logged in anew, since Redis counts their lags
   * on that clock; and a lease means nothing until it is confirmed anew, since a host that slept missed time on the
   * monotonic clock, too.
   */
  closedFor(facts: MasterFacts, atMs: number): Closed | null;
  /** Rule 11 (V11): whether a process of an earlier run is taken over, its stamps forgotten. Never. */
  mayAdopt(left: Supervised): boolean;
  /**
   * Rules 2 and 9 (V10): what a process holds after `info` was seen with `goal` in force (null: with none). A sync may
   * be completed and its link lost between two looks: it shows in the replication id, which Redis takes over from the
   * master when the data is there and not before; where that is the same, in the offset, which it has then again.
   */
  booksAfter(books: DataBooks, goal: Goal | null, info: RedisInfo): DataBooks;
}

/** What Redis shows as the offset of a replica that has none. */
const offsetUnknown = 1;

/** @internal True when `a` was said after `b`: terms come first, then counters. */
export const isNewerStamp = (a: Stamp, b: Stamp): boolean =>
  a.term === b.term ? a.counter > b.counter : a.term > b.term;

/** @internal */
export const isSameStamp = (a: Stamp, b: Stamp): boolean =>
  a.term === b.term && a.counter === b.counter;

/** The rules as they must be. */
export const superviseRules: SuperviseRules = {
  acceptsGoal: (goal, newest) => isNewerStamp(goal.stamp, newest),

  leaseFromMs: ({ named, sentAtMs, term }, wanted) =>
    named && term >= wanted.stamp.term ? sentAtMs : null,

  closedFor({ leaseMs, leaseFromMs, writeQuorum, cutFromMs, steppedAtMs }, atMs) {
    if (leaseMs === null) {
      if (steppedAtMs === null || writeQuorum === 0) return null;
      return cutFromMs !== null && cutFromMs >= steppedAtMs ? null : "clock";
    }
    if (steppedAtMs !== null && (leaseFromMs ?? steppedAtMs) <= steppedAtMs) return "clock";
    return leaseFromMs !== null && atMs < leaseFromMs + leaseMs ? null : "lease";
  },

  mayAdopt: () => false,

  booksAfter(books, goal, info) {
    const { replicationId } = info;
    const followedEpoch = goal?.role === "replica" ? goal.epoch : books.followedEpoch;
    const next = { ...books, followedEpoch };
    // A full sync has dropped the old data, and the new is not complete.
    if (info.loading && info.role === "replica") {
      return { ...next, dataEpoch: 0, ledEpoch: 0, replicationId };
    }
    if (goal === null || info.loading) return next;
    if (goal.role === "master") {
      return { ...next, dataEpoch: goal.epoch, ledEpoch: goal.epoch, replicationId };
    }
    if (goal.role === "replica" && info.linkUp) {
      return { ...next, dataEpoch: goal.epoch, replicationId };
    }
    if (books.replicationId === "") return { ...next, replicationId };
    const isSynced =
      replicationId !== books.replicationId ||
      (books.dataEpoch === 0 && info.offset > offsetUnknown);
    // Of the master that it followed when it was looked at before: this goal may have come since.
    return isSynced && books.followedEpoch > 0
      ? { ...next, dataEpoch: books.followedEpoch, replicationId }
      : next;
  },
};
