/**
 * Owns what the scheduler remembers of one instance: its document, what of it is stored, and what is only in memory.
 * Not: decisions (review.ts, commits.ts). One cell per instance; all of it can be rebuilt from the store and from reports.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Candidate } from "../failover/rules.js";
import type { Goal, ProcessReport, Stamp } from "../goal/types.js";
import type {
  Because,
  FailoverKind,
  FailoverSign,
  FailoverStep,
  InstanceDocument,
  InstanceUsers,
  ProcessRecord,
} from "../instance/types.js";
import type { Unplaced } from "../placement/types.js";
import type { Effect } from "./effects.js";
import type { DocumentRevision } from "./events.js";

/** What is held back until the document that it speaks of is durable. */
export type Held = Effect | { readonly type: "round-part" };

/** A commit on its way. */
export interface CommitInFlight {
  readonly id: number;
  /** null: the record is being removed. */
  readonly document: InstanceDocument | null;
  readonly held: Held[];
  /** How often the outcome was unknown. */
  readonly doubts: number;
}

/** A goal that was sent, so that it is neither sent too often nor lost. */
export interface SentGoal {
  readonly key: string;
  /** The users for clients in it (`usersKey`). */
  readonly users: string;
  readonly stamp: Stamp;
  readonly sentAtMs: number;
}

/** What a process was last found to be meant to be: made anew only when what it is made of has changed. */
export interface WantedGoal {
  readonly document: InstanceDocument;
  readonly parked: boolean;
  readonly writeQuorum: number;
  readonly users: InstanceUsers | undefined;
  readonly content: Omit<Goal, "stamp">;
  readonly key: string;
}

/** A process between its place and the first word of it. */
export interface Launching {
  /** Monotonic time of the plan, then of the ACCEPT; of the session, if that began later. */
  readonly sinceMs: number;
  /** True when it was placed in this session: Mesos may be asked about it before it can know it. */
  readonly isOfSession: boolean;
}

/** A failover from its first sign to the commit of the next reign. In memory only: a new leader starts it again. */
export interface FailoverInProgress {
  kind: FailoverKind;
  readonly oldMaster: string | null;
  readonly because: Because;
  /** Wall clock of the first sign. */
  readonly startedAtMs: number;
  /** Monotonic: when it was taken up. */
  readonly beganAtMs: number;
  readonly seen: FailoverSign[];
  /** Process asked for by the operator; null: the best. */
  readonly to: string | null;
  /** Monotonic: from then on the replicas that have answered are enough; asked for: then it is given up. */
  readonly decideByMs: number;
  /** Parks sent, by process. */
  readonly parks: Map<string, Stamp>;
  /** Those that have confirmed theirs: out of R for as long as this failover lasts. */
  readonly parked: Set<string>;
  readonly candidates: Map<string, Candidate>;
  /** Planned: the offset of the master when its writes were seen to be paused. */
  fenceOffset: number | null;
  /** Monotonic: when offsets were last asked for. */
  askedAtMs: number;
  readonly steps: FailoverStep[];
}

/** A process in a container whose executor has ended. */
export interface Orphan {
  readonly endsByMs: number;
  readonly because: Because;
  readonly wasTried: boolean;
}

/** Starts that failed in a row, and until when (monotonic) the next one waits. */
export interface Backoff {
  readonly failures: number;
  readonly untilMs: number;
  /** Processes that were there when the last failure was counted: they belong to the same try. */
  readonly sameTry: ReadonlySet<string>;
}

/** No start has failed. */
export const noBackoff: Backoff = { failures: 0, untilMs: 0, sameTry: new Set() };

/** Everything about one instance. */
export interface InstanceCell {
  readonly name: string;
  document: InstanceDocument;
  /** The document as stored, null before the first commit. */
  stored: InstanceDocument | null;
  revision: DocumentRevision | null;
  commit: CommitInFlight | null;
  /** Effects that wait for the next commit. */
  held: Held[];
  /** Monotonic time of the next try after an unknown outcome; 0 when none waits. */
  retryCommitAtMs: number;
  readonly reports: Map<string, ProcessReport>;
  readonly sentGoals: Map<string, SentGoal>;
  readonly wantedGoals: Map<string, WantedGoal>;
  /** Monotonic time of the last KILL sent, by process id. */
  readonly killedAtMs: Map<string, number>;
  /** Processes that were placed and not heard of, by id. */
  readonly launches: Map<string, Launching>;
  /** Monotonic time at which a process began to serve, by process id. */
  readonly servingSinceMs: Map<string, number>;
  failover: FailoverInProgress | null;
  /** `min-replicas-to-write` that the master is told. */
  writeQuorum: number;
  /** Monotonic: when the last process left R; an election counts as well. */
  leftAtMs: number;
  /** Monotonic: since when a member of this reign is not in sync, by process id. */
  readonly unsyncedSinceMs: Map<string, number>;
  /** Monotonic: since when a process cannot be reached, by process id. */
  readonly unreachableSinceMs: Map<string, number>;
  /** Processes whose executor has ended while they may live on, and when (monotonic) they have ended at the latest. */
  readonly orphans: Map<string, Orphan>;
  /** Replication offset that the master last reported, and of which epoch. */
  masterOffset: { readonly epoch: number; readonly offset: number } | null;
  /** The master that answers to its executor name now; null: none. */
  leased: ProcessRecord | null;
  /** Processes that the executors of this instance are known by; the list that it was made of. */
  indexed: readonly ProcessRecord[];
  /** Wall clock at which the last master was lost without a process to promote; 0 when none was. */
  lostAtMs: number;
  /** Epoch whose new master is still to be verified; 0 when none is. */
  verifyEpoch: number;
  unplaced: Unplaced | null;
  /** What was last matched in vain, or committed since: the same with the same offers gives the same. */
  tried: { readonly document: InstanceDocument; readonly offers: number } | null;
  lastFailure: Because | null;
  backoff: Backoff;
  /** Agents to be avoided after failed starts, with the monotonic end of that. */
  readonly avoidUntilMs: Map<string, number>;
  /** Replicas that are wanted for a time beside those asked for: 1 while an upgrade makes room for a move. */
  spare: 0 | 1;
  removing: boolean;
}

/** A cell for a new or loaded document. */
export const createCell = (
  document: InstanceDocument,
  stored: { readonly revision: DocumentRevision } | null,
): InstanceCell => ({
  name: document.name,
  document,
  stored: stored === null ? null : document,
  revision: stored?.revision ?? null,
  commit: null,
  held: [],
  retryCommitAtMs: 0,
  reports: new Map(),
  sentGoals: new Map(),
  wantedGoals: new Map(),
  killedAtMs: new Map(),
  launches: new Map(),
  servingSinceMs: new Map(),
  failover: null,
  writeQuorum: document.writeQuorum,
  leftAtMs: Number.NEGATIVE_INFINITY,
  unsyncedSinceMs: new Map(),
  orphans: new Map(),
  unreachableSinceMs: new Map(),
  masterOffset: null,
  leased: null,
  indexed: [],
  lostAtMs: 0,
  verifyEpoch: 0,
  unplaced: null,
  tried: null,
  lastFailure: null,
  backoff: noBackoff,
  avoidUntilMs: new Map(),
  spare: 0,
  removing: false,
});

/** A deleted name is created again. Deadlines stay: a commit of the deleted record may still wait for its retry. */
export function recreate(cell: InstanceCell, document: InstanceDocument): void {
  cell.document = document;
  cell.removing = false;
  cell.lastFailure = null;
  cell.backoff = noBackoff;
  cell.writeQuorum = document.writeQuorum;
  cell.masterOffset = null;
  cell.lostAtMs = 0;
  cell.verifyEpoch = 0;
  cell.avoidUntilMs.clear();
}

/** True when memory and store agree: only then may anything be done on the strength of the document. */
export const isSettled = (cell: InstanceCell): boolean =>
  cell.commit === null && cell.document === cell.stored && !cell.removing;

/** Forgets what was known of a process that is gone. */
export function forgetProcess(cell: InstanceCell, id: string): void {
  cell.reports.delete(id);
  cell.sentGoals.delete(id);
  cell.wantedGoals.delete(id);
  cell.killedAtMs.delete(id);
  cell.launches.delete(id);
  cell.servingSinceMs.delete(id);
  cell.unsyncedSinceMs.delete(id);
  cell.unreachableSinceMs.delete(id);
  cell.orphans.delete(id);
}
