/**
 * Owns the vocabulary of an instance: what a user asked for, what runs for it, and what is stored.
 * Not: its encoding (codec.ts) nor how it changes (control/). Read by every package.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProxyPorts } from "../endpoints/types.js";
import type { Secret } from "../goal/types.js";

/** S: one process. MS: a master and replicas. */
export type InstanceType = "S" | "MS";

/**
 * CREATING: not yet as asked for the first time. RUNNING: as asked. DEGRADED: serves, but not as asked.
 * FAILED: cannot serve. DELETING: processes are being ended. DELETED: nothing runs; the record stays for a while.
 */
export type InstanceStatus =
  | "CREATING"
  | "RUNNING"
  | "DEGRADED"
  | "FAILED"
  | "DELETING"
  | "DELETED";

/** on: a master that loses touch is made to refuse writes (section "Failover and fencing"). off: plain Redis. */
export type Fencing = "on" | "off";

/**
 * What becomes of an instance of which no process with data can be reached. replace: a single is replaced by a new and
 * empty process once its lease is over. wait: until it comes back, or the operator decides.
 */
export type OnUnreachable = "replace" | "wait";
/**
 * UNIQUE: at most one process for each value of the attribute. MAX_PER: at most so many. SPREAD: as even as possible
 * over the values. IN: only agents that have one of these values. NOT_IN: only agents that have none of them.
 */
export type ConstraintOperator = "UNIQUE" | "MAX_PER" | "SPREAD" | "IN" | "NOT_IN";

/** One condition on the agents that may hold the processes of an instance (placement/constraints.ts). */
export interface Constraint {
  /** Name of an attribute of agents, or `hostname`, `@region`, `@zone`. */
  readonly attribute: string;
  readonly operator: ConstraintOperator;
  /** IN, NOT_IN: at least one. MAX_PER: one, a whole number of at least 1. Else none. */
  readonly values: readonly string[];
}

/** What the user asked for. Complete and checked (request/create.ts). */
export interface InstanceSpec {
  /** Memory of each process in MiB (`maxmemory`). */
  readonly memoryMib: number;
  /** Number of masters; 1 until Redis Cluster exists. */
  readonly masters: 1;
  /** Number of replicas, 0 or more. */
  readonly slaves: number;
  /** Most processes of this instance on one agent, the master included; null: spread as evenly as possible. */
  readonly distribution: number | null;
  /** Checked Redis settings by name (redis/settings.ts). */
  readonly config: Readonly<Record<string, string>>;
  readonly fencing: Fencing;
  readonly onUnreachable: OnUnreachable;
  /** Conditions on agents, all of which hold; absent (never empty) when there are none. */
  readonly constraints?: readonly Constraint[];
  /** Clients log in as one of the instance's users ({@link InstanceUsers}); absent (never false): without a password. */
  readonly auth?: true;
  /** Redis speaks TLS only, between its own processes too; absent (never false): plain TCP. */
  readonly tls?: true;
}

/** A password of an ACL user. Only its hash leaves the scheduler on its way to executors and Redis. */
export interface UserPassword {
  /** 32 random bytes as base64url: told to those who may operate, and to nobody else. */
  readonly secret: Secret;
  /** SHA-256 of `secret` as 64 hexadecimal digits, lower case: what Redis takes as `#<hash>`. */
  readonly hash: string;
}

/** One ACL user that clients of an instance log in as. */
export interface InstanceUser {
  readonly current: UserPassword;
  /** The password of before the last rotation, still accepted; null once it is not, and before the first one. */
  readonly previous: UserPassword | null;
}

/** The ACL users of an instance with `auth`. */
export interface InstanceUsers {
  /** The user {@link readWriteUser}. */
  readonly readWrite: InstanceUser;
  /** The user {@link readOnlyUser}. */
  readonly readOnly: InstanceUser;
  /** When the current passwords were made. */
  readonly rotatedAtMs: number;
  /** Until when the previous passwords are accepted; null exactly when there are none. */
  readonly previousUntilMs: number | null;
}

/** Why something is as it is: a short code and its operands; every log line, API answer and page shows it. */
export interface Because {
  /** kebab-case, from a closed list per producer, e.g. "process-exited". */
  readonly code: string;
  /** One sentence for people, with the operands filled in. */
  readonly text: string;
}

/** The role that a process is meant to have. */
export type ProcessRole = "master" | "replica";

/**
 * planned: stored; its launch may be on its way. running: heard of (Mesos or a report).
 * unreachable: may live, nobody can tell. A process that is known to be gone has no record.
 */
export type ProcessState = "planned" | "running" | "unreachable";

/** One redis-server of an instance; one Mesos task. */
export interface ProcessRecord {
  /** `<instance>::<uuid>`; also the Mesos task id. */
  readonly id: string;
  readonly role: ProcessRole;
  readonly state: ProcessState;
  readonly agentId: string;
  readonly hostname: string;
  readonly executorId: string;
  /** Address and port where the redis-server listens; from the offer. */
  readonly address: string;
  readonly port: number;
  readonly memoryMib: number;
  /** One half of the passwords with which replicas of this process log in to it; never shown. */
  readonly secret: Secret;
  /** The other half of this process' own password at its master; never shown. */
  readonly replicaSecret: Secret;
  /** Its ACL user at its master; a new one each time it comes back after it was expelled. */
  readonly replicaUser: string;
  /** True from the commit after which it may be told to follow the master of this epoch: it may count for its writes. */
  readonly member: boolean;
  /** True when its ACL user is to be deleted, or was: it is not waited for, and not synced before it gets a new user. */
  readonly expelled: boolean;
  readonly plannedAtMs: number;
  /** The epoch in which the process was planned. */
  readonly plannedEpoch: number;
  /** Name of the spawned process as its executor reported it; null before the first report. */
  readonly startId: string | null;
  /** Reign that the data belongs to: last epoch for which a completed sync (or mastership) was reported; 0 = empty. */
  readonly dataEpoch: number;
  /**
   * What the agent's attributes were that the constraints of the instance count, when the process was placed: its
   * agent may have gone since, or be unknown to a new scheduler. Present where the instance has constraints.
   */
  readonly place?: Readonly<Record<string, string>>;
  /** Where the process runs in a container, which may outlive its executor; absent: it is a child of its executor. */
  readonly runtime?: "container";
}

/** One step of a failover, with the time since its first sign. */
export interface FailoverStep {
  readonly name: string;
  readonly atMs: number;
}

/**
 * death: the master has certainly ended. unreachable: it was fenced. planned: asked for; writes paused, nothing lost.
 * forced: asked for, whatever it costs.
 */
export type FailoverKind = "death" | "unreachable" | "planned" | "forced";

/** Something that was seen of a failing master: by whom, what, and when. */
export interface FailoverSign {
  /** "mesos", "scheduler", or the id of a process. */
  readonly by: string;
  readonly what: string;
  readonly atMs: number;
}

/** A process as it stood when the choice was made. */
export interface FailoverCandidate {
  readonly processId: string;
  readonly hostname: string;
  /** Of its park confirmation (planned: of the report that showed it level with the master); -1 where none came. */
  readonly offset: number;
  readonly dataEpoch: number;
  readonly diverged: boolean;
}

/** What one failover did and why (flight recorder). */
export interface FailoverRecord {
  readonly epoch: number;
  readonly kind: FailoverKind;
  readonly oldMaster: string | null;
  /** The old master when a planned failover was given up (last step "cancelled"). */
  readonly newMaster: string;
  readonly because: Because;
  /** First sign. */
  readonly startedAtMs: number;
  readonly seen: readonly FailoverSign[];
  readonly steps: readonly FailoverStep[];
  readonly candidates: readonly FailoverCandidate[];
  /**
   * Bytes of the replication stream that the old master had, as far as it was heard, and the new one has not; null:
   * nobody can tell.
   */
  readonly bytesGivenUp: number | null;
  /** From the first sign until the new master was seen to accept writes; null: not yet. */
  readonly writerlessMs: number | null;
}

/** The stored document of one instance: version 2. */
export interface InstanceDocument {
  readonly version: 2;
  readonly name: string;
  /** Unique for each create, so that a re-created name is not mistaken for the old instance. */
  readonly incarnation: string;
  readonly spec: InstanceSpec;
  readonly createdAtMs: number;
  readonly status: InstanceStatus;
  /** Why the status is not RUNNING; null when there is nothing to say. */
  readonly reason: Because | null;
  /** True once the instance was RUNNING: from then on a gap is DEGRADED or FAILED, not CREATING. */
  readonly wasRunning: boolean;
  /** Number of the present master's reign; grows with each promotion and each new first master. */
  readonly epoch: number;
  /** Process id of the master of `epoch`; null while there is none. */
  readonly masterId: string | null;
  /** Lowest `min-replicas-to-write` that may be in force in this epoch. */
  readonly writeQuorum: number;
  readonly processes: readonly ProcessRecord[];
  /** The last {@link failoversMax} failovers, newest last. */
  readonly failovers: readonly FailoverRecord[];
  readonly deletedAtMs: number | null;
  /**
   * Its ports at proxies; given once, the same as long as the instance lives, and free again once it is DELETED. Absent
   * while it has none: none were free, or the scheduler gives none.
   */
  readonly proxy?: ProxyPorts;
  /** Present exactly when `spec.auth` is. */
  readonly users?: InstanceUsers;
}

/** Most signs kept in one failover record: the master's own, and those of some of its replicas. */
export const failoverSignsMax = 20;

/** Most candidates kept in one failover record, the best ones: a document holds {@link failoversMax} records. */
export const failoverCandidatesMax = 16;

/** Most failover records kept in a document: enough for a bad night, small enough for every commit. */
export const failoversMax = 20;
