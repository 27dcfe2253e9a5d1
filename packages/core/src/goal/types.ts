/**
 * Owns the words between scheduler and executor: goals down, reports up.
 * Not: their encoding (codec.ts), nor who decides them (control/, supervise/).
 * Source of the rules: docs/internals/fencing.md, rules 1, 2 and 12.
 * SPDX-License-Identifier: Apache-2.0
 */

/** A password. Kept out of logs, command lines and API answers. */
export type Secret = string;

/** Order of goals: first by the leader's term, then by its counter. An executor drops a goal that is not newer. */
export interface Stamp {
  readonly term: number;
  readonly counter: number;
}

/** What the name of every replica's ACL user begins with: a master deletes those of them that its goal does not list. */
export const followerUserPrefix = "replica-";

/** One replica's own ACL user at its master: without it the replica is cut off and cannot come back (rule 7). */
export interface Follower {
  /** Begins with {@link followerUserPrefix}. A user that comes back after it was deleted gets a new name. */
  readonly user: string;
  readonly password: Secret;
}

/** Most followers of one master. */
export const followersMax = 1_000;

/** ACL user with which the executor logs in to its own processes, whatever becomes of the user `default`. */
export const executorUser = "executor";

/** Names of the ACL users that clients of an instance with `auth` log in as. */
export const readWriteUser = "app";
/** See {@link readWriteUser}. */
export const readOnlyUser = "app-readonly";

/** read-write: what the user `default` may where no password is asked for. read-only: reads, and nothing else. */
export type GoalUserAccess = "read-write" | "read-only";

/** An ACL user for clients. */
export interface GoalUser {
  readonly user: string;
  readonly access: GoalUserAccess;
  /** SHA-256 of each password that is accepted, 64 hexadecimal digits in lower case, different ones: 1 to {@link userHashesMax}. */
  readonly hashes: readonly string[];
}

/** Most users for clients of one process: an instance has two. */
export const usersMax = 16;

/** Most passwords of one user: the current one and the one before. */
export const userHashesMax = 2;

/** Where a replica finds its master, and the user and password that only this very process accepts. */
export interface MasterAddress {
  readonly processId: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly secret: Secret;
}

/** master: accepts writes. replica: follows `master`. parked: keeps data and offset, follows a dead address, acknowledges nobody. */
export type GoalRole = "master" | "replica" | "parked";

/** What one process should be. Level-based and idempotent: sent on change and again until the report agrees. */
export interface Goal {
  readonly processId: string;
  readonly stamp: Stamp;
  readonly epoch: number;
  readonly role: GoalRole;
  /** Set exactly when `role` is "replica". */
  readonly master: MasterAddress | null;
  /** `min-replicas-to-write`. */
  readonly writeQuorum: number;
  /** `min-replicas-max-lag` in whole seconds, from 1: a replica that is silent for longer is no good one. */
  readonly lagSecondsMax: number;
  /**
   * Exactly these ACL users of replicas exist at the process; all others are deleted, which cuts them. In force only
   * when read back. Empty for every role but master.
   */
  readonly followers: readonly Follower[];
  /**
   * How long a master with `writeQuorum` 0 may accept writes after the sending of a report batch that was answered with
   * its name ({@link GoalBatch.leases}); without such an answer its executor closes it for writes, from its start on.
   * null: it needs none. Set only for a master with `writeQuorum` 0.
   */
  readonly leaseMs: number | null;
  /**
   * Exactly these ACL users for clients exist at the process, in every role, with exactly these passwords; the user
   * `default` is off. In force only when read back. Absent: the user `default` needs no password, and the process has
   * no users for clients.
   */
  readonly users?: readonly GoalUser[];
}

/** What a process gets with its Mesos task (`TaskInfo.data`, JSON): all that its executor needs to start it. */
export interface LaunchOrder {
  readonly version: 1;
  readonly instance: string;
  readonly processId: string;
  readonly address: string;
  readonly port: number;
  readonly memoryMib: number;
  /** Checked Redis settings by name (redis/settings.ts). */
  readonly config: Readonly<Record<string, string>>;
  readonly goal: Goal;
  /** The user `default` is off from the start, and `goal` has `users`; absent (never false): see {@link Goal.users}. */
  readonly auth?: true;
  /** Redis speaks TLS only; absent (never false): plain TCP. */
  readonly tls?: true;
}

/** starting: spawned, no PONG yet. serving: answers PING. exited: the process is gone (final). */
export type ProcessPhase = "starting" | "serving" | "exited";

/** How a redis-server ended. */
export interface ProcessExit {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** One sentence: why, as the executor sees it ("exit code 1", "killed: no PONG for 1000 ms"). */
  readonly text: string;
  /** Last lines of its log; at most {@link exitLogLinesMax}. */
  readonly log: readonly string[];
}

/** Most log lines in a {@link ProcessExit}: the cause of a failed start is in the last ones. */
export const exitLogLinesMax = 20;

/** Figures for status and metrics, from one INFO. */
export interface ProcessStats {
  readonly memoryUsedBytes: number;
  readonly uptimeSeconds: number;
  readonly clients: number;
  readonly opsPerSecond: number;
  /** Seconds since the last byte from the master: 0 on a master, -1 when the link is down. */
  readonly lastIoSeconds: number;
}

/** Why a master is closed for writes by its executor. */
export type Closed = "lease" | "clock";

/** What one process is, as its executor sees it. Read back from Redis, not copied from the goal. */
export interface ProcessReport {
  readonly processId: string;
  /** Name of this spawn: differs for each start of a redis-server. */
  readonly startId: string;
  readonly pid: number;
  readonly phase: ProcessPhase;
  /** Present exactly when `phase` is "exited". */
  readonly exit: ProcessExit | null;
  /** Stamp and epoch of the goal in force: fully applied and read back, users of replicas included. */
  readonly stamp: Stamp;
  readonly epoch: number;
  /** Observed role: "parked" when it follows the dead address. */
  readonly role: GoalRole;
  /** As Redis holds it: the largest integer while the process is closed. */
  readonly writeQuorum: number;
  /**
   * Why the executor has closed this master for writes, whatever write quorum its goal names; null: it has not. lease:
   * no fresh answer names it. clock: the wall clock was set, so replication lags mean nothing until all replicas have
   * logged in again, and a lease nothing until it is confirmed again. The goal counts as in force.
   */
  readonly closed: Closed | null;
  /** `min-replicas-max-lag` in force. */
  readonly lagSecondsMax: number;
  /** Replicas that count for the write quorum now; -1: not known. */
  readonly goodReplicas: number;
  /** `address:port` that it follows, null on a master. */
  readonly following: string | null;
  readonly linkUp: boolean;
  readonly loading: boolean;
  /** A replica whose link is up and which does not load; a master that serves. */
  readonly synced: boolean;
  /** Reign that it last synced with (or led); 0 when it never held data. */
  readonly dataEpoch: number;
  /** Was a master and has not since completed a sync with a later reign. */
  readonly diverged: boolean;
  /** Replication offset (master_repl_offset or slave_repl_offset). */
  readonly offset: number;
  readonly replicationId: string;
  /** null until the first INFO. */
  readonly stats: ProcessStats | null;
  /** What its start waits for, for people; present only while it is not spawned and something takes long. */
  readonly note?: string;
}

/** One message up: all processes of an executor that changed, or all of them at the interval. */
export interface ReportBatch {
  readonly version: 1;
  readonly type: "reports";
  /** Grows by one for each batch of one executor run. */
  readonly number: number;
  /** Names the executor run; a new one starts its numbers anew. */
  readonly runId: string;
  /** True when every process of the executor is listed. */
  readonly full: boolean;
  readonly processes: readonly ProcessReport[];
}

/** One message down: goals, and the number of the newest batch that was seen. */
export interface GoalBatch {
  readonly version: 1;
  readonly type: "goals";
  readonly term: number;
  /** runId and number of the report batch that this answers; null before the first. */
  readonly answers: { readonly runId: string; readonly number: number } | null;
  readonly goals: readonly Goal[];
  /**
   * Processes whose mastership without a write quorum the leader confirms. Counts from the sending of the batch that
   * is named in `answers`, for goals of the same epoch only.
   */
  readonly leases: readonly string[];
  /** Ask for a full batch at once. */
  readonly reportNow: boolean;
}

/** Largest message in either direction: 1,000 reports of about 500 bytes with room to spare. */
export const messageBytesMax = 1024 * 1024;

/** The address that a parked process follows: a port that nobody can listen on. */
export const parkAddress = { address: "127.0.0.1", port: 1 } as const;
