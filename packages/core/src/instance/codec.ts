/**
 * Owns the encoding of the stored document of an instance, versions 1 and 2: JSON text.
 * Not: its meaning (types.ts), nor its place and its limit of bytes (packages/store).
 * Called by the scheduler's shell at each commit and at its start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { constraintLimits, constraintOperators, isConstraint } from "../request/constraints.js";
import type { Parsed } from "../result.js";
import { problemsText } from "../result.js";
import {
  amount,
  bool,
  decodeVersioned,
  dictionary,
  exactly,
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
  FailoverRecord,
  FailoverStep,
  InstanceDocument,
  InstanceSpec,
  ProcessRecord,
} from "./types.js";
import { failoversMax } from "./types.js";

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

const because = object<Because>({ code: word, text });

const specFields = {
  memoryMib: integer(1),
  masters: exactly(1),
  slaves: integer(0),
  distribution: nullable(integer(1)),
  config: settings,
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
  plannedAtMs: amount,
  plannedEpoch: integer(0),
  startId: nullable(word),
  dataEpoch: integer(0),
};

const failover = object<FailoverRecord>({
  epoch: integer(0),
  oldMaster: nullable(word),
  newMaster: word,
  because,
  startedAtMs: amount,
  steps: list(object<FailoverStep>({ name: text, atMs: amount }), failoverStepsMax),
  candidates: list(
    object<FailoverRecord["candidates"][number]>({ processId: word, offset: integer(-1) }),
    processesMax,
  ),
});

type Unplaced = Omit<ProcessRecord, "place">;

const processOfVersion = {
  1: object<Unplaced>(processFields),
  2: object<ProcessRecord>({ ...processFields, place }),
} as const;

const specOfVersion = {
  1: object<Omit<InstanceSpec, "constraints">>(specFields),
  2: object<InstanceSpec>({ ...specFields, constraints }),
} as const;

const shapeWith = (
  version: InstanceDocument["version"],
  process: Shape<ProcessRecord>,
): Shape<InstanceDocument> =>
  ruled(
    object<InstanceDocument>({
      version: exactly(version),
      name: instanceName,
      incarnation: word,
      spec: specOfVersion[version],
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
    }),
    (document) => {
      const ids = new Set(document.processes.map((each) => each.id));
      return ids.size === document.processes.length
        ? null
        : { path: "processes", rule: "must have different ids" };
    },
  );

/** Newest version that is read and written. */
export const instanceVersionMax = 2;

/** The shape of the version that the value names; of the oldest where it names none that is known. */
const ofItsVersion =
  (shapes: Readonly<Record<1 | 2, Shape<InstanceDocument>>>): Shape<InstanceDocument> =>
  (value, path, problems) => {
    const version = (value as { version?: unknown } | null)?.version;
    return shapes[version === 2 ? 2 : 1](value, path, problems);
  };

const shape = ofItsVersion({
  1: shapeWith(1, processOfVersion[1]),
  2: shapeWith(2, processOfVersion[2]),
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

const ownShape = ofItsVersion({
  1: shapeWith(1, seenOnce(processOfVersion[1])),
  2: shapeWith(2, seenOnce(processOfVersion[2])),
});

/** JSON text of a document. A document that could not be read back is a programmer error. */
export function encodeInstance(document: InstanceDocument): string {
  const check = readVersioned(document, instanceVersionMax, ownShape);
  assert(check.ok, `instance ${document.name}: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(document);
}

/**
 * Reads what {@link encodeInstance} wrote, now or in an older version: one without constraints is the same in both.
 * Strict, all problems with their paths, never throws; see `isNewerVersion`.
 */
export const decodeInstance = (json: string): Parsed<InstanceDocument> =>
  decodeVersioned(json, instanceVersionMax, shape);
