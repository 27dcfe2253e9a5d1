/**
 * Owns the status of an instance and its reason, derived from what is asked, placed and reported.
 * Not: the change of processes (transitions.ts). Pure.
 * State x cause: see the table in docs/internals/instance-status.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  Because,
  InstanceDocument,
  InstanceStatus,
  ProcessRecord,
} from "../instance/types.js";
import type { Unplaced } from "../placement/types.js";
import { masterOf, wantedRoles } from "./transitions.js";

/** What is known beyond the document. */
export interface StatusInput {
  readonly document: InstanceDocument;
  /** Ids of the processes that are ready (goals.ts). */
  readonly ready: ReadonlySet<string>;
  /** True while reports have not come in since this scheduler began to lead: the stored status stays. */
  readonly settling: boolean;
  readonly unplaced: Unplaced | null;
  /** What the start of a process waits for on its agent; null: nothing that takes long. */
  readonly note: string | null;
  /** Why the last process of this instance ended or failed to start, while that is not repaired. */
  readonly lastFailure: Because | null;
  /** What a failover waits for; null: there is none. */
  readonly failover: Because | null;
  /** Why the master is not heard, where that is no failover; null: it is. */
  readonly away: Because | null;
  /** True while there is a session with Mesos: without one nothing is placed. */
  readonly subscribed: boolean;
  /** True while the next start waits because others have failed. */
  readonly backingOff: boolean;
}

export interface StatusOutput {
  readonly status: InstanceStatus;
  readonly reason: Because | null;
}

/** The status now. Call only for an active instance. */
export function statusOf(input: StatusInput): StatusOutput {
  const { document, ready } = input;
  if (input.settling) return { status: document.status, reason: document.reason };
  const master = masterOf(document);
  const masterReady = master !== undefined && ready.has(master.id);
  const replicasReady = document.processes.filter(
    (process) => process.id !== document.masterId && ready.has(process.id),
  ).length;
  if (masterReady && replicasReady >= document.spec.slaves) {
    return { status: "RUNNING", reason: null };
  }
  const reason = reasonOf(input, masterReady, replicasReady);
  if (!document.wasRunning) return { status: "CREATING", reason };
  // Whoever is not heard goes on writing while its replicas hear it.
  const serves = masterReady || (input.away !== null && replicasReady > 0);
  return { status: serves ? "DEGRADED" : "FAILED", reason };
}

function reasonOf(input: StatusInput, masterReady: boolean, replicasReady: number): Because {
  const { document, unplaced, lastFailure } = input;
  if (input.failover !== null) return input.failover;
  if (input.away !== null) return input.away;
  const unreachable = unreachableText(document);
  if (unreachable !== null) return { code: "unreachable", text: unreachable };
  const after = lastFailure === null ? "" : `; before that: ${lastFailure.text}`;
  if (wantedRoles(document).length > 0) {
    const waits = waitingFor(input);
    if (waits !== null) return { code: waits.code, text: `${waits.text}${after}` };
  }
  if (unplaced !== null) {
    return { code: unplaced.because.code, text: `${unplaced.because.text}${after}` };
  }
  if (document.processes.length === 0) {
    return { code: "waiting-for-offers", text: `waits for offers of agents${after}` };
  }
  const waits = input.note === null ? "" : `: ${input.note}`;
  if (!masterReady) {
    return { code: "master-starting", text: `the master is being started${waits}${after}` };
  }
  const slaves = document.spec.slaves;
  return {
    code: "replicas-starting",
    text: `${replicasReady} of ${slaves} replicas ${slaves === 1 ? "is" : "are"} ready${waits}${after}`,
  };
}

/** What a start waits for besides a place. */
function waitingFor({ subscribed, backingOff }: StatusInput): Because | null {
  if (!subscribed) {
    return { code: "no-session", text: "there is no session with the Mesos master" };
  }
  if (backingOff) {
    return { code: "backing-off", text: "starts have failed; the next one waits a while" };
  }
  return null;
}

/** Nothing is heard of the master's executor, and no replica has lost the master: it may well go on. */
export const silentBecause = (master: ProcessRecord): Because => ({
  code: "silent",
  text: `nothing is heard of the executor on ${master.hostname}; the replicas still follow the master there`,
});

/** Why a delete is not done yet. */
export function deletingBecause(document: InstanceDocument): Because {
  const text = "the instance is being deleted";
  const unreachable = unreachableText(document);
  if (unreachable === null) return { code: "delete-requested", text };
  return { code: "unreachable", text: `${text}; ${unreachable}` };
}

/** Most hosts that are named: the text is a line for people. */
const hostsMax = 5;

/** How many of its processes cannot be reached, and where; null: none. */
export function unreachableText(document: InstanceDocument): string | null {
  // Those in whose place others are count again where nobody else has data.
  const isLost = masterOf(document) === undefined && wantedRoles(document).length === 0;
  const unreachable = document.processes.filter((process) =>
    process.expelled ? isLost : process.state === "unreachable",
  );
  if (unreachable.length === 0) return null;
  const hosts = [...new Set(unreachable.map((process) => process.hostname))];
  const named = hosts.slice(0, hostsMax).join(", ");
  const more = hosts.length > hostsMax ? ` and ${hosts.length - hostsMax} more` : "";
  return `${unreachable.length} of its processes cannot be reached (on ${named}${more})`;
}
