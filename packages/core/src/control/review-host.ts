/**
 * Owns what the look at one instance needs of its owner, the decision core.
 * Not: the look itself (review.ts, failover/). Implemented by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, Stamp } from "../goal/types.js";
import type { ProcessRecord } from "../instance/types.js";
import type { InstanceCell } from "./cell.js";
import type { Effect } from "./effects.js";
import type { ControlSettings } from "./settings.js";

/** What a review needs from its owner. */
export interface ReviewHost {
  readonly atMs: number;
  readonly monotonicMs: number;
  readonly settings: ControlSettings;
  /** True while there is a session with Mesos: outside of one, KILLs and goals would be lost. */
  readonly subscribed: boolean;
  /** Monotonic begin of the present session. */
  readonly subscribedAtMs: number;
  /** Monotonic time at which this leader was elected, as near as it knows. */
  readonly electedAtMs: number;
  /** Monotonic end of the time in which a missing report means nothing; infinite before the first session. */
  readonly settleUntilMs: number;
  emit(effect: Effect): void;
  sendGoal(process: ProcessRecord, goal: Goal): void;
  /** Asks the executor of a process for a full report at once. */
  askReport(process: ProcessRecord): void;
  nextStamp(): Stamp;
  wakeAt(name: string, monotonicMs: number): void;
  /** Says whether the instance waits for places. */
  setWanting(cell: InstanceCell, wanting: boolean): void;
  /** Whose reviews do the next step of an upgrade, if the instance has its turn. */
  readonly upgrades: { review(cell: InstanceCell): void };
  /** Which gives ports at proxies, and takes them back. */
  readonly proxyPorts: { review(cell: InstanceCell): void };
  /** Which rotates passwords of users, and drops the previous ones. */
  readonly users: {
    reviewGrace(cell: InstanceCell, host: ReviewHost): void;
    review(cell: InstanceCell, host: ReviewHost): void;
  };
  /** Monotonic time at which the executor of a process was last heard in this session, or the begin of the session. */
  heardAtMs(process: ProcessRecord): number;
  /** True when the executor of a process is silent for `executorSilenceMs` of this session. */
  isSilent(process: ProcessRecord): boolean;
  /** From now on answers to its executor name this master, or do not. */
  setLeased(process: ProcessRecord, leased: boolean): void;
  /** Its executor waits for an answer that names it. */
  leaseWanted(process: ProcessRecord): void;
}
