/**
 * Owns the encoding of the stored document of an instance: JSON text, version 2. Version 1 is read too.
 * Not: its meaning (types.ts), version 1 (version-1.ts), nor its place and its limit of bytes (packages/store).
 * Called by the scheduler's shell at each commit and at its start.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { ProxyPorts } from "../endpoints/types.js";
import type { Secret } from "../goal/types.js";
import { constraintLimits, constraintOperators, isConstraint } from "../request/constraints.js";
import type { Parsed, Problem } from "../result.js";
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
  optional,
  port,
  problemsMax,
  readVersioned,
  ruled,
  type Shape,
  sha256,
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
  InstanceUser,
  InstanceUsers,
  ProcessRecord,
  UserPassword,
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

const spec = object<InstanceSpec>({
  memoryMib: integer(1),
  masters: exactly(1),
  slaves: integer(0),
  distribution: nullable(integer(1)),
  config: settings,
  fencing: oneOf("on", "off"),
  onUnreachable: oneOf("replace", "wait"),
  constraints: optional(constraints),
  auth: optional(exactly(true)),
  tls: optional(exactly(true)),
});

/** Proxies listen on both, so they differ. */
const proxy = ruled(object<ProxyPorts>({ write: port, read: nullable(port) }), ({ write, read }) =>
  write === read ? { path: "read", rule: "must differ from write" } : null,
);

const processWith = (secret: Shape<Secret>): Shape<ProcessRecord> =>
  object<ProcessRecord>({
    id: word,
    role: oneOf("master", "replica"),
    state: oneOf("planned", "running", "unreachable"),
    agentId: word,
    hostname: word,
    executorId: word,
    address: word,
    port,
    memoryMib: integer(1),
    secret,
    replicaSecret: secret,
    replicaUser: word,
    member: bool,
    expelled: bool,
    plannedAtMs: amount,
    plannedEpoch: integer(0),
    startId: nullable(word),
    dataEpoch: integer(0),
    place: optional(place),
    runtime: optional(exactly("container")),
  });

const usersWith = (secret: Shape<Secret>): Shape<InstanceUsers> => {
  const password = object<UserPassword>({ secret, hash: sha256 });
  const user = object<InstanceUser>({ current: password, previous: nullable(password) });
  return ruled(
    object<InstanceUsers>({
      readWrite: user,
      readOnly: user,
      rotatedAtMs: amount,
      previousUntilMs: nullable(amount),
    }),
    ({ readWrite, readOnly, previousUntilMs }) =>
      [readWrite, readOnly].every((each) => (each.previous === null) === (previousUntilMs === null))
        ? null
        : { path: "previousUntilMs", rule: "must be null exactly when there are no previous ones" },
  );
};

/** What one field says about another one. */
function documentProblem({ spec: asked, users, processes }: InstanceDocument): Problem | null {
  if (new Set(processes.map(({ id }) => id)).size !== processes.length) {
    return { path: "processes", rule: "must have different ids" };
  }
  const placed = asked.constraints !== undefined;
  const odd = processes.findIndex((each) => (each.place !== undefined) !== placed);
  if (odd >= 0) {
    return { path: `processes[${odd}].place`, rule: placed ? "is missing" : "is not known" };
  }
  return (users !== undefined) === (asked.auth === true)
    ? null
    : { path: "users", rule: "must be there exactly when spec.auth is" };
}

const shapeWith = (
  process: Shape<ProcessRecord>,
  users: Shape<InstanceUsers>,
): Shape<InstanceDocument> =>
  ruled(
    object<InstanceDocument>({
      version: exactly(version),
      name: instanceName,
      incarnation: word,
      spec,
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
      proxy: optional(proxy),
      users: optional(users),
    }),
    documentProblem,
  );

/** Seals a secret for the store: its text begins with {@link sealedPrefix}. */
export type SealSecret = (plain: Secret) => string;

/** Opens what {@link SealSecret} wrote; null when none of the keys at hand opens it. */
export type OpenSecret = (text: string) => Secret | null;

/** What a sealed secret begins with, in every version of sealing; no plain one does. */
export const sealedPrefix = "sealed:";

const isSealed = (value: string): boolean => value.startsWith(sealedPrefix);

const plainSecret: Shape<Secret> = (value, path, problems) => {
  const read = text(value, path, problems);
  return read !== failed && isSealed(read) ? sealedProblem(path, "is sealed", problems) : read;
};

function sealedProblem(path: string, rule: string, problems: Problem[]): typeof failed {
  if (problems.length < problemsMax) problems.push({ path, rule, code: "sealed-secret" });
  return failed;
}

/** Secrets that were stored before there was a key are read as they are. */
const openedSecret =
  (open: OpenSecret): Shape<Secret> =>
  (value, path, problems) => {
    const read = text(value, path, problems);
    if (read === failed || !isSealed(read)) return read;
    return open(read) ?? sealedProblem(path, "is sealed with a key that is not here", problems);
  };

/** Looks at each record once: they are never changed, and a change of an instance makes few new ones. */
function seenOnce<T extends object>(read: Shape<T>): Shape<T> {
  const fitting = new WeakSet<object>();
  return (value, path, problems) => {
    if (typeof value === "object" && value !== null && fitting.has(value)) return value as T;
    const result = read(value, path, problems);
    if (result !== failed) fitting.add(value as T);
    return result;
  };
}

const ownShape = shapeWith(seenOnce(processWith(plainSecret)), seenOnce(usersWith(plainSecret)));
const plainShape = shapeWith(processWith(plainSecret), usersWith(plainSecret));

/** The document with every secret as `seal` makes it. */
function sealed(document: InstanceDocument, seal: SealSecret): InstanceDocument {
  const password = ({ secret, hash }: UserPassword): UserPassword => ({
    secret: seal(secret),
    hash,
  });
  const user = ({ current, previous }: InstanceUser): InstanceUser => ({
    current: password(current),
    previous: previous === null ? null : password(previous),
  });
  const { users } = document;
  return {
    ...document,
    processes: document.processes.map((each) => ({
      ...each,
      secret: seal(each.secret),
      replicaSecret: seal(each.replicaSecret),
    })),
    ...(users === undefined
      ? {}
      : { users: { ...users, readWrite: user(users.readWrite), readOnly: user(users.readOnly) } }),
  };
}

/**
 * JSON text of a document, its secrets sealed where `seal` is given. A document that could not be read back is a
 * programmer error. Fields stand in the order of {@link InstanceDocument}, however the document was put together.
 */
export function encodeInstance(document: InstanceDocument, seal?: SealSecret): string {
  const check = readVersioned(document, version, ownShape);
  assert(check.ok, `instance ${document.name}: ${check.ok ? "" : problemsText(check.problems)}`);
  return JSON.stringify(seal === undefined ? check.value : sealed(check.value, seal));
}

/**
 * Reads what {@link encodeInstance} wrote, now or in an older version, sealed or not. Strict, all problems with their
 * paths, never throws; see `isNewerVersion`. A secret that `open` does not open, or that is sealed when there is no
 * `open`, is a problem: see `isSealedSecret`.
 */
export function decodeInstance(json: string, open?: OpenSecret): Parsed<InstanceDocument> {
  const secret = open === undefined ? null : openedSecret(open);
  const shape = secret === null ? plainShape : shapeWith(processWith(secret), usersWith(secret));
  return decodeVersioned(json, version, (value, path, problems) =>
    shape(upgraded(value), path, problems),
  );
}
