/**
 * Owns the next step that brings one instance from old executors to the present one: replicas first, a temporary
 * replica so that there are never fewer than asked for, the master last. Pure and level-based: the step follows from
 * what is there, so that any scheduler can go on where another one stopped.
 * Not: which instance has its turn (turns.ts), nor how a step is done (control/upgrade.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because, InstanceDocument, ProcessRecord } from "../instance/types.js";

/** What is known of the instance. */
export interface UpgradeInput {
  readonly document: InstanceDocument;
  /** Ids of the processes that are ready: a master that serves, replicas that are synced. */
  readonly ready: ReadonlySet<string>;
  /** True for an executor of another version than the one that launches are for now. */
  readonly isOld: (executorId: string) => boolean;
  /** True when a replica more was wanted and found no place. */
  readonly isCrowded: boolean;
}

/** The next step. */
export type UpgradeStep =
  /** Nothing of it is on an old executor, and all of it is as it was asked for. */
  | { readonly type: "done" }
  /** Something is on its way. */
  | { readonly type: "wait"; readonly because: Because }
  /** It cannot go on without losing something. */
  | { readonly type: "blocked"; readonly because: Because }
  /** One replica more than was asked for. */
  | { readonly type: "add-replica"; readonly because: Because }
  | { readonly type: "end-replica"; readonly processId: string; readonly because: Because }
  /** A replica on the present executor becomes the master, and the master a replica. */
  | { readonly type: "hand-over"; readonly processId: string; readonly because: Because };

/** See the head of this file. Call it for an instance that is meant to run. */
export function upgradeStep(input: UpgradeInput): UpgradeStep {
  const { document, ready, isOld } = input;
  // Not those in whose place others are.
  const counted = document.processes.filter(({ expelled }) => !expelled);
  const replicas = counted.filter(({ id }) => id !== document.masterId);
  const master = document.processes.find(({ id }) => id === document.masterId);
  const oldReplica = replicas.find(({ executorId }) => isOld(executorId));
  const isMasterOld = master !== undefined && isOld(master.executorId);
  const spare = replicas.length - document.spec.slaves;
  const late = counted.find(({ id }) => !ready.has(id));
  if (master === undefined || late !== undefined || spare < 0) {
    return { type: "wait", because: waitBecause(document, master, late) };
  }
  if (oldReplica !== undefined) return replicaStep(input, oldReplica, spare);
  if (!isMasterOld && spare === 0) return { type: "done" };
  if (!isMasterOld)
    return endReplica(newestOf(replicas), "the temporary replica has done its work");
  return masterStep(input, master, replicas.length, spare);
}

/** How many processes of the instance are on an old executor; not those in whose place others are. */
export const countBehind = (document: InstanceDocument, isOld: UpgradeInput["isOld"]): number =>
  document.processes.filter(({ executorId, expelled }) => !expelled && isOld(executorId)).length;

function replicaStep(input: UpgradeInput, old: ProcessRecord, spare: number): UpgradeStep {
  if (spare > 0) return endReplica(old, "a replica on the present executor has taken its place");
  if (!input.isCrowded) return addReplica("before a replica on an old executor ends");
  // One fewer for a moment: there is no place for one more, and the master has the data.
  return endReplica(old, "there is no place for one more before it ends");
}

function masterStep(
  input: UpgradeInput,
  master: ProcessRecord,
  replicas: number,
  spare: number,
): UpgradeStep {
  if (spare === 0 && !input.isCrowded) return addReplica("before the master hands over");
  if (replicas > 0) {
    const text = "a synced replica on the present executor takes over from it";
    return { type: "hand-over", processId: master.id, because: { code: "upgrade", text } };
  }
  const text = "a single moves with a temporary replica, for which there is no place";
  return { type: "blocked", because: { code: "no-place", text } };
}

function waitBecause(
  document: InstanceDocument,
  master: ProcessRecord | undefined,
  late: ProcessRecord | undefined,
): Because {
  if (master === undefined) return { code: "no-master", text: "it has no master at the moment" };
  if (late !== undefined) {
    return { code: "not-ready", text: `${late.role} ${late.id} is not ready` };
  }
  return { code: "replica-missing", text: `it lacks some of its ${document.spec.slaves} replicas` };
}

const addReplica = (why: string): UpgradeStep => ({
  type: "add-replica",
  because: { code: "upgrade", text: `a temporary replica ${why}` },
});

const endReplica = (replica: ProcessRecord, text: string): UpgradeStep => ({
  type: "end-replica",
  processId: replica.id,
  because: { code: "upgrade", text },
});

const newestOf = (replicas: readonly ProcessRecord[]): ProcessRecord =>
  replicas.reduce((newest, each) => (each.plannedAtMs >= newest.plannedAtMs ? each : newest));
