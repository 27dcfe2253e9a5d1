/**
 * Owns the vocabulary of an instance: what a user asked for, what runs for it, and what is stored.
 * Not: its encoding (codec.ts) nor how it changes (control/). Read by every package.
 * SPDX-License-Identifier: Apache-2.0
 */
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
  /** Conditions on agents, all of which hold; absent (never empty) when there are none. */
  readonly constraints?: readonly Constraint[];
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
  /** Password with which replicas of this process log in to it; never shown. */
  readonly secret: Secret;
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
}

/** One step of a failover, with the time since its first sign. */
export interface FailoverStep {
  readonly name: string;
  readonly atMs: number;
}

/** What one failover did and why (flight recorder). */
export interface FailoverRecord {
  readonly epoch: number;
  readonly oldMaster: string | null;
  readonly newMaster: string;
  readonly because: Because;
  readonly startedAtMs: number;
  readonly steps: readonly FailoverStep[];
  /** Candidates with the offset of their park confirmation; -1 where none came. */
  readonly candidates: readonly { readonly processId: string; readonly offset: number }[];
}

/** The stored document of one instance. */
export interface InstanceDocument {
  /** 2: with constraints, and a place for each process. 1: without; older programs read it, too. */
  readonly version: 1 | 2;
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
  /** Lowest `min-replicas-to-write` that may be in force in this epoch (fencing; 0 everywhere for now). */
  readonly writeQuorum: number;
  readonly processes: readonly ProcessRecord[];
  /** The last {@link failoversMax} failovers, newest last. */
  readonly failovers: readonly FailoverRecord[];
  readonly deletedAtMs: number | null;
}

/** Most failover records kept in a document: enough for a bad night, small enough for every commit. */
export const failoversMax = 20;
