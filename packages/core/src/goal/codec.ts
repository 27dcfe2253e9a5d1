/**
 * Owns the encoding of what scheduler and executor tell each other: launch orders, goal batches, report batches.
 * Not: their meaning (types.ts), nor how they travel (`TaskInfo.data`, Mesos messages).
 * Called by both shells. Every input is hostile: a message may be cut, doubled, or somebody else's.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import { instanceName, settings } from "../instance/codec.js";
import type { Parsed, Problem } from "../result.js";
import { problemsText, refused } from "../result.js";
import {
  amount,
  bool,
  decodeVersioned,
  exactly,
  integer,
  list,
  matching,
  nullable,
  object,
  oneOf,
  optional,
  port,
  readVersioned,
  ruled,
  type Shape,
  sha256,
  text,
  word,
} from "../shape.js";
import type {
  Follower,
  Goal,
  GoalBatch,
  GoalUser,
  LaunchOrder,
  MasterAddress,
  ProcessExit,
  ProcessReport,
  ProcessStats,
  ReportBatch,
  Stamp,
} from "./types.js";
import {
  executorUser,
  exitLogLinesMax,
  followersMax,
  followerUserPrefix,
  messageBytesMax,
  userHashesMax,
  usersMax,
} from "./types.js";

/** Most goals or reports in one batch: more than small ones fit into {@link messageBytesMax}. */
export const batchEntriesMax = 10_000;

const stamp = object<Stamp>({ term: integer(0), counter: integer(0) });

/** A name that can be written into a configuration file and a command as it is. */
const followerUser = matching(
  `must be ${followerUserPrefix} and 1 to 100 letters, digits or .:_-`,
  new RegExp(`^${followerUserPrefix}[A-Za-z0-9.:_-]{1,100}$`),
);

const follower = object<Follower>({ user: followerUser, password: word });

const master = object<MasterAddress>({
  processId: word,
  address: word,
  port,
  user: followerUser,
  secret: text,
});

/** As for {@link followerUser}; none of the names that this program uses otherwise. */
const clientUser = matching(
  "must be 1 to 63 letters, digits, - or _, and no name of another user",
  new RegExp(`^(?!default$|${executorUser}$|${followerUserPrefix})[A-Za-z0-9_-]{1,63}$`),
);

const goalUser = object<GoalUser>({
  user: clientUser,
  access: oneOf("read-write", "read-only"),
  hashes: list(sha256, userHashesMax),
});

function usersProblem(users: readonly GoalUser[]): Problem | null {
  if (users.length === 0) return { path: "users", rule: "must have at least one element" };
  if (new Set(users.map(({ user }) => user)).size !== users.length) {
    return { path: "users", rule: "must have different names" };
  }
  return users.every(({ hashes }) => hashes.length > 0 && new Set(hashes).size === hashes.length)
    ? null
    : { path: "users", rule: "must each have one hash or two different ones" };
}

function goalProblem(value: Goal): Problem | null {
  const { role, followers, leaseMs, writeQuorum, users } = value;
  if ((role === "replica") !== (value.master !== null)) {
    return { path: "master", rule: 'must be set exactly when role is "replica"' };
  }
  if (role !== "master" && followers.length > 0) {
    return { path: "followers", rule: 'must be empty unless role is "master"' };
  }
  if (leaseMs !== null && (role !== "master" || writeQuorum !== 0)) {
    return { path: "leaseMs", rule: "must be null unless it is a master with writeQuorum 0" };
  }
  return users === undefined ? null : usersProblem(users);
}

const goal = ruled(
  object<Goal>({
    processId: word,
    stamp,
    epoch: integer(0),
    role: oneOf("master", "replica", "parked"),
    master: nullable(master),
    writeQuorum: integer(0),
    lagSecondsMax: integer(1),
    followers: list(follower, followersMax),
    leaseMs: nullable(integer(1)),
    users: optional(list(goalUser, usersMax)),
  }),
  goalProblem,
);

const launchOrder = ruled(
  object<LaunchOrder>({
    version: exactly(1),
    instance: instanceName,
    processId: word,
    address: word,
    port,
    memoryMib: integer(1),
    config: settings,
    goal,
    auth: optional(exactly(true)),
    tls: optional(exactly(true)),
  }),
  (value) => {
    if (value.goal.processId !== value.processId) {
      return { path: "goal.processId", rule: "must be the processId of the order" };
    }
    return (value.goal.users !== undefined) === (value.auth === true)
      ? null
      : { path: "goal.users", rule: "must be set exactly when auth is" };
  },
);

const goalBatch = object<GoalBatch>({
  version: exactly(1),
  type: exactly("goals"),
  term: integer(0),
  answers: nullable(object({ runId: word, number: integer(0) })),
  goals: list(goal, batchEntriesMax),
  leases: list(word, batchEntriesMax),
  reportNow: bool,
});

const exit = object<ProcessExit>({
  code: nullable(integer(Number.MIN_SAFE_INTEGER)),
  signal: nullable(text),
  text,
  log: list(text, exitLogLinesMax),
});

const stats = object<ProcessStats>({
  memoryUsedBytes: amount,
  uptimeSeconds: amount,
  clients: amount,
  opsPerSecond: amount,
  lastIoSeconds: integer(-1),
});

const report = ruled(
  object<ProcessReport>({
    processId: word,
    startId: word,
    pid: integer(0),
    phase: oneOf("starting", "serving", "exited"),
    exit: nullable(exit),
    stamp,
    epoch: integer(0),
    role: oneOf("master", "replica", "parked"),
    writeQuorum: integer(0),
    closed: nullable(oneOf("lease", "clock")),
    lagSecondsMax: integer(0),
    goodReplicas: integer(-1),
    following: nullable(text),
    linkUp: bool,
    loading: bool,
    synced: bool,
    dataEpoch: integer(0),
    diverged: bool,
    offset: integer(-1),
    replicationId: text,
    stats: nullable(stats),
    note: optional(text),
  }),
  (value) =>
    (value.phase === "exited") === (value.exit !== null)
      ? null
      : { path: "exit", rule: 'must be set exactly when phase is "exited"' },
);

const reportBatch = object<ReportBatch>({
  version: exactly(1),
  type: exactly("reports"),
  number: integer(0),
  runId: word,
  full: bool,
  processes: list(report, batchEntriesMax),
});

/** True when `value` has at most `bytesMax` bytes in UTF-8 (a lone surrogate counts as its replacement: 3). */
function fits(value: string, bytesMax: number): boolean {
  if (value.length > bytesMax) return false;
  if (value.length * 3 <= bytesMax) return true;
  let bytes = 0;
  for (const character of value) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes <= bytesMax;
}

function encode<T>(value: T, name: string, shape: Shape<T>): string {
  const check = readVersioned(value, 1, shape);
  assert(check.ok, `${name}: ${check.ok ? "" : problemsText(check.problems)}`);
  const json = JSON.stringify(value);
  assert(fits(json, messageBytesMax), `${name} must have at most ${messageBytesMax} bytes`);
  return json;
}

function decode<T>(json: string, shape: Shape<T>): Parsed<T> {
  return fits(json, messageBytesMax)
    ? decodeVersioned(json, 1, shape)
    : refused("", `must have at most ${messageBytesMax} bytes`);
}

/** JSON text of an order. One that could not be read back is a programmer error. */
export const encodeLaunchOrder = (order: LaunchOrder): string =>
  encode(order, "launch order", launchOrder);

/** Reads what {@link encodeLaunchOrder} wrote. Strict, all problems with their paths, never throws. */
export const decodeLaunchOrder = (json: string): Parsed<LaunchOrder> => decode(json, launchOrder);

/** JSON text of a batch. One that could not be read back or is over {@link messageBytesMax} is a programmer error. */
export const encodeGoalBatch = (batch: GoalBatch): string => encode(batch, "goal batch", goalBatch);

/** Reads what {@link encodeGoalBatch} wrote. Strict, all problems with their paths, never throws. */
export const decodeGoalBatch = (json: string): Parsed<GoalBatch> => decode(json, goalBatch);

/**
 * JSON text of a batch. Over {@link messageBytesMax} (many exits at once, thousands of processes) the log lines of
 * exits are left out, then the figures; still over it is a programmer error. The shape is not asserted, as in the
 * other encoders: an executor that stopped for an odd figure would take its redis-servers with it.
 */
export function encodeReportBatch(batch: ReportBatch): string {
  const whole = JSON.stringify(batch);
  if (fits(whole, messageBytesMax)) return whole;
  const quiet = batch.processes.map((each) =>
    each.exit === null ? each : { ...each, exit: { ...each.exit, log: [] } },
  );
  const short = JSON.stringify({ ...batch, processes: quiet });
  if (fits(short, messageBytesMax)) return short;
  const bare = quiet.map((each) => ({ ...each, stats: null }));
  const json = JSON.stringify({ ...batch, processes: bare });
  assert(fits(json, messageBytesMax), `report batch must have at most ${messageBytesMax} bytes`);
  return json;
}

/** Reads what {@link encodeReportBatch} wrote. Strict, all problems with their paths, never throws. */
export const decodeReportBatch = (json: string): Parsed<ReportBatch> => decode(json, reportBatch);
