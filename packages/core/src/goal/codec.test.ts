/**
 * Owns the tests of the encodings between scheduler and executor (codec.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError } from "../assert.js";
import {
  decodeGoalBatch,
  decodeLaunchOrder,
  decodeReportBatch,
  encodeGoalBatch,
  encodeLaunchOrder,
  encodeReportBatch,
} from "./codec.js";
import type {
  Goal,
  GoalBatch,
  GoalRole,
  LaunchOrder,
  ProcessExit,
  ProcessReport,
  ReportBatch,
} from "./types.js";
import { messageBytesMax } from "./types.js";

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const anyText = fc.string({ unit: "binary", maxLength: 20 });
const id = fc.stringMatching(/^[A-Za-z0-9:._-]{1,40}$/);
const port = fc.integer({ min: 1, max: 65535 });
const stamp = fc.record({ term: count, counter: count });
const role = fc.constantFrom<GoalRole>("master", "replica", "parked");
const user = fc.stringMatching(/^replica-[A-Za-z0-9-]{1,20}$/);
const master = fc.record({ processId: id, address: id, port, user, secret: anyText });
const followers = fc.array(fc.record({ user, password: id }), { maxLength: 3 });
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const users = fc.uniqueArray(
  fc.record({
    user: fc.constantFrom("app", "app-readonly", "Other_1"),
    access: fc.constantFrom("read-write" as const, "read-only" as const),
    hashes: fc.uniqueArray(hash, { minLength: 1, maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 3, selector: (each) => each.user },
);
const leaseMs = fc.option(fc.integer({ min: 1 }));
const lagSecondsMax = fc.integer({ min: 1 });
const goal = fc
  .record({
    processId: id,
    stamp,
    epoch: count,
    role,
    master,
    writeQuorum: fc.oneof(fc.constant(0), count),
    lagSecondsMax,
    followers,
    leaseMs,
    users: fc.option(users),
  })
  .map(({ users: asked, ...each }): Goal => {
    const isMaster = each.role === "master";
    return {
      ...each,
      ...(asked === null ? {} : { users: asked }),
      master: each.role === "replica" ? each.master : null,
      followers: isMaster ? each.followers : [],
      leaseMs: isMaster && each.writeQuorum === 0 ? each.leaseMs : null,
    };
  });
const order = fc
  .record({
    version: fc.constant(1 as const),
    instance: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/),
    address: id,
    port,
    memoryMib: fc.integer({ min: 1, max: 1_000_000 }),
    config: fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), fc.string(), { maxKeys: 4 }),
    goal,
  })
  .map(
    (each): LaunchOrder => ({
      ...each,
      processId: each.goal.processId,
      ...(each.goal.users === undefined ? {} : { auth: true, tls: true }),
    }),
  );
const goalBatch = fc.record<GoalBatch>({
  version: fc.constant(1),
  type: fc.constant("goals"),
  term: count,
  answers: fc.option(fc.record({ runId: id, number: count })),
  goals: fc.array(goal, { maxLength: 4 }),
  leases: fc.array(id, { maxLength: 3 }),
  reportNow: fc.boolean(),
});
const exit = fc.record<ProcessExit>({
  code: fc.option(fc.integer()),
  signal: fc.option(anyText),
  text: anyText,
  log: fc.array(anyText, { maxLength: 20 }),
});
const report = fc
  .record({
    processId: id,
    startId: id,
    pid: count,
    running: fc.constantFrom("starting" as const, "serving" as const),
    exit: fc.option(exit),
    stamp,
    epoch: count,
    role,
    writeQuorum: count,
    closed: fc.constantFrom(null, "lease" as const, "clock" as const),
    lagSecondsMax: count,
    goodReplicas: fc.integer({ min: -1 }),
    following: fc.option(anyText),
    linkUp: fc.boolean(),
    loading: fc.boolean(),
    synced: fc.boolean(),
    dataEpoch: count,
    diverged: fc.boolean(),
    offset: count,
    replicationId: anyText,
    stats: fc.option(
      fc.record({
        memoryUsedBytes: count,
        uptimeSeconds: count,
        clients: count,
        opsPerSecond: fc.double({ min: 0, max: 1e6, noNaN: true }).map((each) => each + 0),
        lastIoSeconds: fc.integer({ min: -1 }),
      }),
    ),
  })
  .map(({ running, ...each }): ProcessReport => {
    return { ...each, phase: each.exit === null ? running : "exited" };
  });
const reportBatch = fc.record<ReportBatch>({
  version: fc.constant(1),
  type: fc.constant("reports"),
  number: count,
  runId: id,
  full: fc.boolean(),
  processes: fc.array(report, { maxLength: 4 }),
});

const codecs = [
  {
    name: "launch order",
    value: order,
    encode: (value: never) => encodeLaunchOrder(value),
    decode: decodeLaunchOrder,
  },
  {
    name: "goal batch",
    value: goalBatch,
    encode: (value: never) => encodeGoalBatch(value),
    decode: decodeGoalBatch,
  },
  {
    name: "report batch",
    value: reportBatch,
    encode: (value: never) => encodeReportBatch(value),
    decode: decodeReportBatch,
  },
];

test.each(codecs)("$name: decode(encode(x)) = x", ({ value, encode, decode }) => {
  fc.assert(
    fc.property(value as fc.Arbitrary<never>, (each) => {
      expect(decode(encode(each))).toEqual({ ok: true, value: each });
    }),
  );
});

test.each(codecs)("$name: cut anywhere it is refused", ({ value, encode, decode }) => {
  for (const each of fc.sample(value as fc.Arbitrary<never>, 3)) {
    const json = encode(each);
    for (let end = 0; end < json.length; end += 1)
      expect(decode(json.slice(0, end)).ok).toBe(false);
  }
});

test.each(codecs)("$name: hostile input never throws", ({ value, encode, decode }) => {
  fc.assert(
    fc.property(value as fc.Arbitrary<never>, fc.nat(), fc.jsonValue(), (each, at, hostile) => {
      const raw: Record<string, unknown> = JSON.parse(encode(each));
      const keys = Object.keys(raw);
      decode(JSON.stringify({ ...raw, [keys[at % keys.length] ?? ""]: hostile }));
      decode(JSON.stringify({ ...raw, [`${at}`]: hostile }));
      decode(JSON.stringify(hostile));
    }),
  );
  expect(decode('{"version":9}')).toMatchObject({ problems: [{ code: "newer-version" }] });
});

test.each(codecs)("$name: over the limit of bytes it is refused", ({ decode }) => {
  const refusal = {
    ok: false,
    problems: [{ path: "", rule: `must have at most ${messageBytesMax} bytes` }],
  };
  expect(decode(" ".repeat(messageBytesMax + 1))).toEqual(refusal);
  expect(decode("\u00e9".repeat(messageBytesMax / 2 + 1))).toEqual(refusal);
  expect(decode("\u20ac".repeat(messageBytesMax / 3 + 1))).toEqual(refusal);
  expect(decode("\u{1f600}".repeat(messageBytesMax / 4 + 1))).toEqual(refusal);
  const notJson = { ok: false, problems: [{ path: "", rule: "must be JSON" }] };
  expect(decode("\u{1f600}".repeat(messageBytesMax / 4))).toEqual(notJson);
  expect(decode(" ".repeat(messageBytesMax))).toEqual(notJson);
});

const goalOf = (goalRole: GoalRole): Goal => ({
  processId: "i::1",
  stamp: { term: 1, counter: 1 },
  epoch: 1,
  role: goalRole,
  master: null,
  writeQuorum: 0,
  lagSecondsMax: 3,
  followers: [],
  leaseMs: null,
});
const batchOf = (goals: readonly Goal[]): GoalBatch => {
  return { version: 1, type: "goals", term: 1, answers: null, goals, leases: [], reportNow: false };
};

test("a replica without a master and a master with one are refused", () => {
  const of = { processId: "i::2", address: "127.0.0.1", port: 1, user: "replica-1", secret: "" };
  const goals = [goalOf("replica"), { ...goalOf("master"), master: of }, goalOf("parked")];
  expect(decodeGoalBatch(JSON.stringify(batchOf(goals)))).toEqual({
    ok: false,
    problems: [
      { path: "goals[0].master", rule: 'must be set exactly when role is "replica"' },
      { path: "goals[1].master", rule: 'must be set exactly when role is "replica"' },
    ],
  });
  expect(() => encodeGoalBatch(batchOf(goals))).toThrow(AssertionError);
});

test("users of no replica, followers of no master and leases beside a write quorum are refused", () => {
  const follower = { user: "replica-1", password: "p" };
  const goals: Goal[] = [
    { ...goalOf("master"), followers: [{ ...follower, user: "default" }] },
    { ...goalOf("master"), followers: [{ ...follower, user: "replica-a b" }] },
    { ...goalOf("master"), followers: [{ ...follower, password: "" }] },
    { ...goalOf("parked"), followers: [follower] },
    { ...goalOf("master"), leaseMs: 1, writeQuorum: 1 },
    { ...goalOf("parked"), leaseMs: 1 },
    { ...goalOf("master"), leaseMs: 1, followers: [follower] },
  ];
  const parsed = decodeGoalBatch(JSON.stringify(batchOf(goals)));
  expect(parsed.ok ? [] : parsed.problems.map(({ path }) => path)).toEqual([
    "goals[0].followers[0].user",
    "goals[1].followers[0].user",
    "goals[2].followers[0].password",
    "goals[3].followers",
    "goals[4].leaseMs",
    "goals[5].leaseMs",
  ]);
});

test("users for clients have names of their own, and one hash or two", () => {
  const app = { user: "app", access: "read-write", hashes: ["a".repeat(64)] } as const;
  const goals: Goal[] = [
    { ...goalOf("replica"), role: "parked", users: [app] },
    { ...goalOf("parked"), users: [] },
    { ...goalOf("parked"), users: [app, app] },
    { ...goalOf("parked"), users: [{ ...app, hashes: [] }] },
    { ...goalOf("parked"), users: [{ ...app, hashes: [...app.hashes, ...app.hashes] }] },
    { ...goalOf("parked"), users: [{ ...app, hashes: ["nopass"] }] },
    ...["default", "executor", "replica-1", "app ~*", "a\nb", ""].map(
      (user): Goal => ({ ...goalOf("parked"), users: [{ ...app, user }] }),
    ),
  ];
  const parsed = decodeGoalBatch(JSON.stringify(batchOf(goals)));
  expect(parsed.ok ? [] : parsed.problems.map(({ path }) => path)).toEqual([
    ...[1, 2, 3, 4].map((index) => `goals[${index}].users`),
    "goals[5].users[0].hashes[0]",
    ...[6, 7, 8, 9, 10, 11].map((index) => `goals[${index}].users[0].user`),
  ]);
});

test("an order with users, and only that, turns the user default off", () => {
  const users = [{ user: "app", access: "read-write", hashes: ["a".repeat(64)] }] as const;
  const plain = {
    version: 1,
    instance: "i",
    processId: "i::1",
    address: "127.0.0.1",
    port: 1,
    memoryMib: 1,
    config: {},
  };
  const read = (value: unknown) => {
    const parsed = decodeLaunchOrder(JSON.stringify(value));
    return parsed.ok ? "ok" : parsed.problems.map(({ path }) => path);
  };
  const parked = goalOf("parked");
  expect(read({ ...plain, goal: parked })).toBe("ok");
  expect(read({ ...plain, goal: parked, tls: true })).toBe("ok");
  expect(read({ ...plain, goal: { ...parked, users }, auth: true })).toBe("ok");
  expect(read({ ...plain, goal: { ...parked, users } })).toEqual(["goal.users"]);
  expect(read({ ...plain, goal: parked, auth: true })).toEqual(["goal.users"]);
  expect(read({ ...plain, goal: parked, auth: false, tls: false })).toEqual(["auth", "tls"]);
});

const reportOf = (index: number, log: readonly string[]): ProcessReport => ({
  processId: `instance-${index}::8c2f3b1e-0000-4000-8000-000000000000`,
  startId: "8c2f3b1e-0000-4000-8000-000000000000",
  pid: 4711,
  phase: "exited",
  exit: { code: 1, signal: null, text: "exit code 1", log },
  stamp: { term: 1, counter: 1 },
  epoch: 1,
  role: "replica",
  writeQuorum: 0,
  closed: null,
  lagSecondsMax: 3,
  goodReplicas: 0,
  following: "127.0.0.1:6379",
  linkUp: false,
  loading: false,
  synced: false,
  dataEpoch: 1,
  diverged: false,
  offset: 0,
  replicationId: "0".repeat(40),
  stats: { memoryUsedBytes: 1, uptimeSeconds: 1, clients: 1, opsPerSecond: 1, lastIoSeconds: -1 },
});
const reportsOf = (processes: readonly ProcessReport[]): ReportBatch => {
  return { version: 1, type: "reports", number: 1, runId: "r", full: true, processes };
};

test("a batch that is too large loses log lines, then figures, never a process", () => {
  const log = Array.from({ length: 20 }, () => "x".repeat(500));
  const many = (length: number) =>
    reportsOf(Array.from({ length }, (_, index) => reportOf(index, log)));
  const kept = decodeReportBatch(encodeReportBatch(many(90)));
  expect(kept).toEqual({ ok: true, value: many(90) });
  const quiet = decodeReportBatch(encodeReportBatch(many(1000)));
  expect(quiet).toEqual({
    ok: true,
    value: reportsOf(Array.from({ length: 1000 }, (_, index) => reportOf(index, []))),
  });
  const bare = decodeReportBatch(encodeReportBatch(many(1900)));
  expect(bare.ok ? bare.value.processes.length : bare.problems).toBe(1900);
  expect(bare.ok ? bare.value.processes[7] : null).toEqual({ ...reportOf(7, []), stats: null });
  expect(() => encodeReportBatch(many(9000))).toThrow(AssertionError);
});
