/**
 * Owns what can happen to the scheduler's decision core. All of it: API requests, Mesos events, reports, store outcomes, time.
 * Not: what follows (control.ts). Produced by packages/scheduler, by tests and by the simulator.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ReportBatch } from "../goal/types.js";
import type { InstanceDocument, InstanceSpec } from "../instance/types.js";
import type { AgentOffer } from "../placement/types.js";
import type { UpgradeState } from "../upgrade/types.js";

/** Opaque version of a stored document (packages/store gives it its meaning). */
export type DocumentRevision = string;

/** A document with the version under which it is stored. */
export interface LoadedDocument {
  readonly document: InstanceDocument;
  readonly revision: DocumentRevision;
}

/** A task status update of Mesos, reduced to what decisions need. */
export interface TaskUpdate {
  readonly taskId: string;
  readonly agentId: string | null;
  /** `TASK_RUNNING` and so on. */
  readonly state: string;
  /** `SOURCE_MASTER`, `SOURCE_AGENT`, `SOURCE_EXECUTOR` or null. */
  readonly source: string | null;
  /** `REASON_...` or null. */
  readonly reason: string | null;
  readonly message: string | null;
  /** base64; present exactly when the update wants an acknowledgement. */
  readonly uuid: string | null;
}

/** What became of one document of a commit. */
export type CommitResult =
  | { readonly type: "done"; readonly revision: DocumentRevision | null }
  | { readonly type: "stale"; readonly current: LoadedDocument | null }
  | { readonly type: "rejected"; readonly text: string }
  | { readonly type: "not-leader"; readonly text: string }
  | { readonly type: "unknown"; readonly text: string };

/** One event. `atMs` is the wall clock (for records), `monotonicMs` never steps (for limits). */
export type ControlEvent = {
  readonly atMs: number;
  readonly monotonicMs: number;
} & ControlHappening;

/** What happened, without the time. */
export type ControlHappening =
  | {
      readonly type: "create-requested";
      readonly requestId: string;
      readonly name: string;
      readonly spec: InstanceSpec;
    }
  | { readonly type: "delete-requested"; readonly requestId: string; readonly name: string }
  | {
      readonly type: "failover-requested";
      readonly requestId: string;
      readonly name: string;
      /** The process that is to be master; null: the best. */
      readonly to: string | null;
      /** Also where writes may be lost by it. */
      readonly force: boolean;
    }
  | {
      readonly type: "rotation-requested";
      readonly requestId: string;
      readonly name: string;
      /** How long the passwords of now are accepted as well; 0: no longer. */
      readonly graceMs: number;
    }
  /** What an operator wished of the upgrade of executors; it is stored. */
  | { readonly type: "upgrade-set"; readonly state: UpgradeState }
  | { readonly type: "subscribed" }
  | { readonly type: "disconnected" }
  | { readonly type: "offers-received"; readonly offers: readonly AgentOffer[] }
  | { readonly type: "offer-rescinded"; readonly offerId: string }
  | {
      readonly type: "accept-failed";
      readonly agentId: string;
      readonly processIds: readonly string[];
      readonly text: string;
    }
  | { readonly type: "task-updated"; readonly update: TaskUpdate }
  | {
      readonly type: "reports-received";
      readonly agentId: string;
      readonly executorId: string;
      readonly batch: ReportBatch;
    }
  | { readonly type: "agent-removed"; readonly agentId: string }
  | { readonly type: "commit-finished"; readonly commitId: number; readonly result: CommitResult }
  | { readonly type: "woken" };
