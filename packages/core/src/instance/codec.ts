/**
 * Owns the encoding of the stored document of an instance: JSON text, version 2. Version 1 is read too.
 * Not: its meaning (types.ts), version 1 (version-1.ts), nor its place and its limit of bytes (packages/store).
 * Called by the scheduler's shell at each commit and at its start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { ProxyPorts } from "../endpoints/types.js";
import { constraintLimits, constraintOperators, isConstraint } from "../request/constraints.js";
import type { Parsed } from "../result.js";
import { problemsText } from "../result.js";
import {
  amount,
  bool,
  decodeVersioned,
  dictionary,
  exactly,
  type Fields,
  fail,
  failed,
  integer,
  list,
  matching,
  nullable,
  object,
  oneOf,
  port,
  readVersioned,
  ruled,
  type Shape,
  text,
  word,
} from "../shape.js";
import type {
  Because,
  Constraint,
  FailoverCandidate,
  FailoverRecord,
  FailoverSign,
  FailoverStep,
  InstanceDocument,
  InstanceSpec,
  ProcessRecord,
} from "./types.js";
import { failoverSignsMax, failoversMax } from "./types.js";
import { upgraded } from "./version-1.js";

/** Version of the documents that are written; the newest that is read. */
const version = 2;

/** Most processes in a document: ten times the largest instance that fits into `documentBytesMax` of the store. */
export const processesMax = 10_000;

/** Most steps in one failover record: a failover has about ten, and each may be tried again. */
export const failoverStepsMax = 1_000;

/** Most Redis settings of an instance: Redis 8 has about 250. */
export const settingsMax = 500;

/** The names that an instance can have. */
export const instanceName = matching(
  "must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/,
);

/**
 * Redis settings by name. One line each: they become lines of a redis.conf, where a second line would be
 * another setting.
 */
export const settings = dictionary(
  /^[a-z][a-z0-9-]{0,63}$/,
  matching("must be one line without control characters", /^\P{Cc}*$/u),
  settingsMax,
);

/** @internal */
export const because = object<Because>({ code: word, text });

const specFields = {
  memoryMib: integer(1),
  masters: exactly(1),
  slaves: integer(0),
  distribution: nullable(integer(1)),
  config: settings,
  fencing: oneOf("on", "off"),
  onUnreachable: oneOf("replace", "wait"),
};

const constraint = ruled(
  object<Constraint>({
    attribute: text,
    operator: oneOf(...constraintOperators),
    values: list(text, constraintLimits.valuesMax),
  }),
  (value) => (isConstraint(value) ? null : { path: "", rule: "must be one that can be asked for" }),
);

const constraints: Shape<readonly Constraint[]> = (value, path, problems) => {
  const read = list(constraint, constraintLimits.countMax)(value, path, problems);
  return read !== failed && read.length === 0
    ? fail(path, "must have at least one element", problems)
    : read;
};

/** Names of attributes as {@link isConstraint} takes them, but for `hostname`. */
const place = dictionary(
  /^(@region|@zone|[A-Za-z0-9][A-Za-z0-9_./-]{0,62})$/,
  text,
  constraintLimits.countMax,
);

const processFields = {
  id: word,
  role: oneOf("master", "replica"),
  state: oneOf("planned", "running", "unreachable"),
  agentId: word,
  hostname: word,
  executorId: word,
  address: word,
  port,
  memoryMib: integer(1),
  secret: text,
  replicaSecret: text,
  replicaUser: word,
  member: bool,
  expelled: bool,
  plannedAtMs: amount,
  plannedEpoch: integer(0),
  startId: nullable(word),
  dataEpoch: integer(0),
};

const failover = object<FailoverRecord>({
  epoch: integer(0),
  kind: oneOf("death", "unreachable", "planned", "forced"),
  oldMaster: nullable(word),
  newMaster: word,
  because,
  startedAtMs: amount,
  seen: list(object<FailoverSign>({ by: word, what: text, atMs: amount }), failoverSignsMax),
  steps: list(object<FailoverStep>({ name: text, atMs: amount }), failoverStepsMax),
  candidates: list(
    object<FailoverCandidate>({
      processId: word,
      hostname: word,
      offset: integer(-1),
      dataEpoch: integer(0),
      diverged: bool,
    }),
    processesMax,
  ),
  bytesGivenUp: nullable(amount),
  writerlessMs: nullable(amount),
});

/** Documents without constraints have no list of them, and no places. */
type Kind = "free" | "constrained";

/** Proxies listen on both, so they differ. */
const proxy = ruled(object<ProxyPorts>({ write: port, read: nullable(port) }), ({ write, read }) =>
  write === read ? { path: "read", rule: "must differ from write" } : null,
);

const processOfKind = {
  free: object<Omit<ProcessRecord, "place">>(processFields),
  constrained: object<ProcessRecord>({ ...processFields, place }),
} as const;

const specOfKind = {
  free: object<Omit<InstanceSpec, "constraints">>(specFields),
  constrained: object<InstanceSpec>({ ...specFields, constraints }),
} as const;

type Fielded = Omit<InstanceDocument, "proxy">;

const fieldsWith = (kind: Kind, process: Shape<ProcessRecord>): Fields<Fielded> => ({
  version: exactly(version),
  name: instanceName,
  incarnation: word,
  spec: specOfKind[kind],
  createdAtMs: amount,
  status: oneOf("CREATING", "RUNNING", "DEGRADED", "FAILED", "DELETING", "DELETED"),
  reason: nullable(because),
  wasRunning: bool,
  epoch: integer(0),
  masterId: nullable(word),
  writeQuorum: integer(0),
  processes: list(process, processesMax),
  failovers: list(failover, failoversMax),
  deletedAtMs: nullable(amount),
});

const withDifferentIds = (shape: Shape<InstanceDocument>): Shape<InstanceDocument> =>
  ruled(shape, (document) => {
    const ids = new Set(document.processes.map((each) => each.id));
    return ids.size === document.processes.length
      ? null
      : { path: "processes", rule: "must have different ids" };
  });

/** Reads a document with ports at proxies, or without: then it has no such field. */
function shapeWith(kind: Kind, process: Shape<ProcessRecord>): Shape<InstanceDocument> {
  const fields = fieldsWith(kind, process);
  const without = withDifferentIds(object<Fielded>(fields));
  const proxied = withDifferentIds(object<InstanceDocument>({ ...fields, proxy }));
  return (value, path, problems) =>
    (hasField(value, "proxy") ? proxied : without)(value, path, problems);
}

const hasField = (value: unknown, name: string): boolean =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name);

/** The shape of the kind of which the value is: constrained when its spec has constraints. */
const ofItsKind =
  (shapes: Readonly<Record<Kind, Shape<InstanceDocument>>>): Shape<InstanceDocument> =>
  (value, path, problems) => {
    const spec = (value as { spec?: unknown } | null)?.spec;
    const kind = hasField(spec, "constraints") ? "constrained" : "free";
    return shapes[kind](value, path, problems);
  };

const shape = ofItsKind({
  free: shapeWith("free", processOfKind.free),
  constrained: shapeWith("constrained", processOfKind.constrained),
});

/** Looks at each record once: they are never changed, and a change of an instance makes few new ones. */
function seenOnce(read: Shape<ProcessRecord>): Shape<ProcessRecord> {
  const fitting = new WeakSet<object>();
  return (value, path, problems) => {
    if (typeof value === "object" && value !== null && fitting.has(value)) {
      return value as ProcessRecord;
    }
    const result = read(value, path, problems);
    if (result !== failed) fitting.add(value as ProcessRecord);
    return result;
  };
}

const ownShape = ofItsKind({
  free: shapeWith("free", seenOnce(processOfKind.free)),
  constrained: shapeWith("constrained", seenOnce(processOfKind.constrained)),
});

/** JSON text of a document. A document that could not be read back is a programmer error. */
export function encodeInstance(document: InstanceDocument): string {
  const check = readVersioned(document, version, ownShape);
  assert(check.ok, `instance ${document.name}: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(document);
}

/**
 * Reads what {@link encodeInstance} wrote, now or in an older version. Strict, all problems with their paths, never
 * throws; see `isNewerVersion`.
 */
export const decodeInstance = (json: string): Parsed<InstanceDocument> =>
  decodeVersioned(json, version, (value, path, problems) => shape(upgraded(value), path, problems));
