/**
 * Owns what the scheduler's decision core can ask its shell to do. Each effect says why (`because`).
 * Not: how it is done (packages/scheduler). Read by shells, tests and the simulator.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { GoalBatch, LaunchOrder } from "../goal/types.js";
import type { Because, InstanceDocument } from "../instance/types.js";
import type { ProcessNeed } from "../placement/types.js";
import type { DocumentRevision } from "./events.js";

/** One document to store, based on the version that was last seen; `document` null removes it. */
export interface CommitDocument {
  readonly type: "commit-document";
  readonly commitId: number;
  readonly name: string;
  readonly basedOn: DocumentRevision | null;
  readonly document: InstanceDocument | null;
  readonly because: Because;
}

/** Answer to an API request, given only after what it says is durable. */
export type Reply =
  | { readonly type: "created"; readonly recreated: boolean }
  | { readonly type: "exists" }
  | { readonly type: "delete-accepted" }
  | { readonly type: "already-deleted" }
  | { readonly type: "not-found" }
  /** It was taken up; the record of this epoch shows its end. */
  | { readonly type: "failover-accepted"; readonly epoch: number }
  /** Nothing was changed; `code` in kebab-case, `text` has the numbers. */
  | { readonly type: "failover-refused"; readonly code: string; readonly text: string }
  /** Nothing was created: `code` in kebab-case, `text` has the remedy. */
  | { readonly type: "create-refused"; readonly code: "secret-key-missing"; readonly text: string }
  /** The new passwords are stored; `pending`: the processes that have not confirmed them, none of which is the rule. */
  | { readonly type: "rotated"; readonly pending: readonly string[] }
  | {
      readonly type: "rotation-refused";
      readonly code: "no-users" | "deleting";
      readonly text: string;
    }
  | { readonly type: "store-failed"; readonly text: string };

/** One process to launch; the shell carves its resources out of the offers. */
export interface Launch {
  readonly order: LaunchOrder;
  readonly need: ProcessNeed;
  /** The executor that it is for, where it is not the usual one. */
  readonly executorId?: string;
}

/** One effect. Those of one event are to be started in order; each outcome comes back as an event. */
export type Effect =
  | CommitDocument
  | { readonly type: "reply"; readonly requestId: string; readonly reply: Reply }
  | {
      readonly type: "accept-offers";
      readonly agentId: string;
      readonly offerIds: readonly string[];
      readonly launches: readonly Launch[];
      /** Seconds for which the rest of the offers is not wanted; 0: offer it again at the next tick. */
      readonly refuseSeconds: number;
      readonly because: Because;
    }
  | {
      readonly type: "decline-offers";
      readonly offerIds: readonly string[];
      readonly refuseSeconds: number;
      readonly because: Because;
    }
  | { readonly type: "revive-offers"; readonly because: Because }
  | { readonly type: "suppress-offers"; readonly because: Because }
  | {
      readonly type: "acknowledge";
      readonly agentId: string;
      readonly taskId: string;
      readonly uuid: string;
    }
  | {
      readonly type: "kill-task";
      readonly agentId: string;
      readonly taskId: string;
      readonly because: Because;
    }
  /** An empty list asks for all tasks (implicit reconciliation). */
  | {
      readonly type: "reconcile-tasks";
      readonly tasks: readonly { readonly taskId: string; readonly agentId: string }[];
      readonly because: Because;
    }
  | {
      readonly type: "send-goals";
      readonly agentId: string;
      readonly executorId: string;
      readonly batch: GoalBatch;
      readonly because: Because;
    }
  /** What the API shows of this instance has changed. */
  | { readonly type: "view-changed"; readonly name: string }
  /** This scheduler must stop acting and end. */
  | { readonly type: "stop"; readonly because: Because };
