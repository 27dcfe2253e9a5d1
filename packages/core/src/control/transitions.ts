/**
 * Owns how an instance document changes: pure functions from a document and a happening to the next document.
 * Not: when they are applied (control.ts), nor goals and status (goals.ts, status.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { Runtime } from "../failover/rules.js";
import type {
  Because,
  FailoverRecord,
  InstanceDocument,
  InstanceSpec,
  InstanceUsers,
  ProcessRecord,
  ProcessRole,
} from "../instance/types.js";
import { failoversMax } from "../instance/types.js";
import type { Assignment } from "../placement/types.js";

/** The document of a new instance, before anything is placed. */
export function newDocument(input: {
  readonly name: string;
  readonly spec: InstanceSpec;
  readonly incarnation: string;
  readonly atMs: number;
  /** Present exactly when `spec.auth` is. */
  readonly users?: InstanceUsers;
}): InstanceDocument {
  return {
    version: 2,
    name: input.name,
    incarnation: input.incarnation,
    spec: input.spec,
    createdAtMs: input.atMs,
    status: "CREATING",
    reason: null,
    wasRunning: false,
    epoch: 0,
    masterId: null,
    writeQuorum: 0,
    processes: [],
    failovers: [],
    deletedAtMs: null,
    ...(input.users === undefined ? {} : { users: input.users }),
  };
}

/** True while the instance is meant to run. */
export const isActive = (document: InstanceDocument): boolean =>
  document.status !== "DELETING" && document.status !== "DELETED";

export const processOf = (document: InstanceDocument, id: string): ProcessRecord | undefined =>
  document.processes.find((process) => process.id === id);

/** The record of the present master, or undefined when it is known to be gone or was never placed. */
export const masterOf = (document: InstanceDocument): ProcessRecord | undefined =>
  document.masterId === null ? undefined : processOf(document, document.masterId);

/** The document with `patch` applied to one process; the same object when nothing changes. */
export function withProcess(
  document: InstanceDocument,
  id: string,
  patch: Partial<ProcessRecord>,
): InstanceDocument {
  const present = processOf(document, id);
  if (present === undefined) return document;
  const keys = Object.keys(patch) as (keyof ProcessRecord)[];
  if (keys.every((key) => present[key] === patch[key])) return document;
  return {
    ...document,
    processes: document.processes.map((process) =>
      process.id === id ? { ...process, ...patch } : process,
    ),
  };
}

/** The document without a process that is known to be gone. `masterId` stays: it names whose reign ended. */
export const withoutProcess = (document: InstanceDocument, id: string): InstanceDocument =>
  processOf(document, id) === undefined
    ? document
    : { ...document, processes: document.processes.filter((process) => process.id !== id) };

/**
 * The roles that have no process, the master first. Empty while nothing may be added: a master that is gone is
 * replaced by a promotion as long as any replica may hold data (promise 3 of the design). `spare`: replicas beside
 * those that were asked for.
 */
export function wantedRoles(document: InstanceDocument, spare = 0): readonly ProcessRole[] {
  if (!isActive(document)) return [];
  if (masterOf(document) === undefined) {
    if (mayHaveData(document)) return [];
    // A lost instance comes back master first, so that a missing agent does not keep it down.
    return document.wasRunning ? ["master"] : ["master", ...rolesOf(document.spec.slaves)];
  }
  const replicas = countedOn(document).filter((process) => process.id !== document.masterId);
  return rolesOf(document.spec.slaves + spare - replicas.length);
}

const rolesOf = (count: number): readonly ProcessRole[] =>
  Array.from({ length: Math.max(0, count) }, () => "replica" as const);

/** What a placed process gets besides its place. */
export interface PlannedIdentity {
  readonly id: string;
  readonly secret: string;
  readonly replicaSecret: string;
  readonly replicaUser: string;
  /** Where it is not the one of the context. */
  readonly executorId?: string | null;
}

/** The processes that are counted on: not those in whose place others are. */
const countedOn = (document: InstanceDocument): readonly ProcessRecord[] =>
  document.processes.filter((process) => !process.expelled);

/**
 * True while an empty process must not take over: one with data, or that may have some, can come back. A record without a
 * data epoch only says that no sync was heard of before the process was cut off. Of a single that was given up its owner
 * has said that it may.
 */
const mayHaveData = ({ spec, processes }: InstanceDocument): boolean =>
  processes.some((process) => !process.expelled || spec.slaves > 0);

/** The document with new processes; a new master starts a new reign. `identities` match `assignments` by index. */
export function withPlanned(
  document: InstanceDocument,
  assignments: readonly Assignment[],
  identities: readonly PlannedIdentity[],
  context: {
    readonly executorId: string;
    readonly atMs: number;
    readonly runtime?: Runtime;
  },
): InstanceDocument {
  assert(assignments.length === identities.length, "each assignment has an identity");
  const master = assignments.findIndex((assignment) => assignment.role === "master");
  const epoch = master < 0 ? document.epoch : document.epoch + 1;
  const planned = assignments.map((assignment, index): ProcessRecord => {
    const identity = identities[index] as PlannedIdentity;
    return {
      id: identity.id,
      role: assignment.role,
      state: "planned",
      agentId: assignment.agentId,
      hostname: assignment.hostname,
      executorId: identity.executorId ?? context.executorId,
      address: assignment.address,
      port: assignment.port,
      memoryMib: document.spec.memoryMib,
      secret: identity.secret,
      replicaSecret: identity.replicaSecret,
      replicaUser: identity.replicaUser,
      // In a create all belong to the reign from its first commit on; later ones join when they are there.
      member: master >= 0,
      expelled: false,
      plannedAtMs: context.atMs,
      plannedEpoch: epoch,
      startId: null,
      dataEpoch: 0,
      ...(document.spec.constraints === undefined ? {} : { place: assignment.place ?? {} }),
      ...(context.runtime === "container" ? { runtime: "container" as const } : {}),
    };
  });
  return {
    ...document,
    epoch,
    writeQuorum: master < 0 ? document.writeQuorum : 0,
    masterId: master < 0 ? document.masterId : (identities[master] as PlannedIdentity).id,
    processes: [...document.processes, ...planned],
  };
}

/**
 * The document of the next reign: `candidate` is master, with a write quorum of 0 until others are in sync with it.
 * `isMember`: who is told to follow it; whoever cannot be reached joins when it is back.
 */
export function withPromotion(
  document: InstanceDocument,
  candidate: string,
  reign: {
    readonly record: FailoverRecord;
    readonly isMember: (process: ProcessRecord) => boolean;
  },
): InstanceDocument {
  assert(processOf(document, candidate) !== undefined, "the candidate belongs to the instance");
  const next: InstanceDocument = {
    ...document,
    epoch: document.epoch + 1,
    masterId: candidate,
    writeQuorum: 0,
    processes: document.processes.map((process) => {
      if (process.id === candidate) {
        return { ...process, role: "master", member: true, expelled: false };
      }
      if (reign.isMember(process)) return { ...process, role: "replica", member: true };
      // It may have had all of the old reign.
      const wasOfReign = process.member || process.id === document.masterId;
      const dataEpoch = wasOfReign ? document.epoch : process.dataEpoch;
      return { ...process, role: "replica", member: false, dataEpoch };
    }),
  };
  return withFailover(next, reign.record);
}

/** The document with one more failover record. */
export const withFailover = (
  document: InstanceDocument,
  record: FailoverRecord,
): InstanceDocument => ({
  ...document,
  failovers: [...document.failovers, record].slice(-failoversMax),
});

/** The document with a status; the same object when nothing changes. */
export function withStatus(
  document: InstanceDocument,
  status: InstanceDocument["status"],
  reason: Because | null,
): InstanceDocument {
  const same =
    document.status === status &&
    document.reason?.code === reason?.code &&
    document.reason?.text === reason?.text;
  if (same) return document;
  return {
    ...document,
    status,
    reason,
    wasRunning: document.wasRunning || status === "RUNNING",
  };
}

/** The document on its way out. */
export const asDeleting = (document: InstanceDocument): InstanceDocument =>
  withStatus(document, "DELETING", {
    code: "delete-requested",
    text: "the instance is being deleted",
  });

/** The document after its last process is gone: its ports at proxies are free once that is stored. */
export function asDeleted(document: InstanceDocument, atMs: number): InstanceDocument {
  const { proxy: _, ...deleted } = withStatus(document, "DELETED", null);
  return { ...deleted, deletedAtMs: atMs };
}
