/**
 * Tests role-labels.ts: when a role is told, and how it looks on the wire.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Goal,
  initialSuperviseState,
  type Supervised,
  type SuperviseState,
  superviseDefaults,
} from "@mr-redis/core";
import { createWireCodec, type ExecutorSession, type TaskStatus } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { createAgentLink } from "./agent-link.js";
import { ToldRoles } from "./role-labels.js";

const goalOf = (role: Goal["role"], epoch: number): Goal => ({
  processId: "i::a",
  stamp: { term: 1, counter: epoch },
  epoch,
  role,
  master: null,
  writeQuorum: 0,
  lagSecondsMax: 3,
  followers: [],
  leaseMs: null,
});

function stateOf(change: Partial<Supervised>, launched = goalOf("replica", 1)): SuperviseState {
  const process: Supervised = {
    order: {
      version: 1,
      instance: "i",
      processId: "i::a",
      address: "127.0.0.1",
      port: 7001,
      memoryMib: 100,
      config: {},
      goal: launched,
    },
    startId: "s1",
    pid: 1,
    phase: "serving",
    startedAtMs: 0,
    unansweredSinceMs: null,
    probe: null,
    probeDueAtMs: 0,
    infoDueAtMs: 0,
    info: null,
    wanted: launched,
    wantedAtMs: 0,
    applying: null,
    applyingClosed: null,
    applyingCutFromMs: null,
    applyDueAtMs: 0,
    reconfigured: false,
    followersGiven: [],
    inForce: null,
    closed: null,
    closedWanted: null,
    closeAtMs: null,
    closeByMs: null,
    leaseFromMs: null,
    cutFromMs: null,
    reattach: { dueAtMs: null, delayMs: 0 },
    dataEpoch: 0,
    ledEpoch: 0,
    replicationId: "",
    followedEpoch: 0,
    ending: null,
    note: null,
    ...change,
  };
  const state = initialSuperviseState({ runId: "r", ...superviseDefaults }, 0);
  return { ...state, processes: [process] };
}

const applied = (role: Goal["role"], epoch: number) =>
  stateOf({ reconfigured: true, inForce: goalOf(role, epoch) });

const labelsOf = (role: string, epoch: string) => ({
  "mr-redis.role": role,
  "mr-redis.epoch": epoch,
});

test("the first TASK_RUNNING tells the role of the configuration file, or of what was applied since", () => {
  const begin = (state: SuperviseState) => new ToldRoles().begin(state, "i::a");
  expect(begin(stateOf({}))).toEqual(labelsOf("replica", "1"));
  expect(begin(applied("master", 2))).toEqual(labelsOf("master", "2"));
  expect(begin(stateOf({}, goalOf("parked", 1)))).toBe(null);
  expect(begin(stateOf({ reconfigured: true }))).toBe(null);
  expect(begin(initialSuperviseState({ runId: "r", ...superviseDefaults }, 0))).toBe(null);
});

test("a change of role is told once, a park and another epoch are not", () => {
  const roles = new ToldRoles();
  expect(roles.change(applied("master", 2), "i::a")).toBe(null);
  roles.begin(stateOf({}), "i::a");
  expect(roles.change(applied("replica", 2), "i::a")).toBe(null);
  expect(roles.change(applied("parked", 2), "i::a")).toBe(null);
  expect(roles.change(applied("master", 3), "i::a")).toEqual({
    taskId: "i::a",
    state: "TASK_RUNNING",
    message: "master since epoch 3",
    data: null,
    labels: labelsOf("master", "3"),
  });
  expect(roles.change(applied("master", 4), "i::a")).toBe(null);
  expect(roles.change(applied("replica", 5), "i::a")?.labels).toEqual(labelsOf("replica", "5"));
  const ending = { text: "killed", asked: true, sigkillAtMs: null };
  const dying = stateOf({ reconfigured: true, inForce: goalOf("master", 6), ending });
  expect(roles.change(dying, "i::a")).toBe(null);
  roles.end("i::a");
  expect(roles.change(applied("master", 6), "i::a")).toBe(null);
});

test("one that began parked tells its first role", () => {
  const roles = new ToldRoles();
  expect(roles.begin(stateOf({}, goalOf("parked", 1)), "i::a")).toBe(null);
  expect(roles.change(applied("replica", 1), "i::a")?.labels).toEqual(labelsOf("replica", "1"));
});

test("on the wire", () => {
  const sent: Partial<TaskStatus>[] = [];
  const update: ExecutorSession["update"] = (status) => {
    sent.push(status);
    return Promise.resolve({ type: "acknowledged" });
  };
  const session = { update } as ExecutorSession;
  const log = { info: () => undefined, error: () => undefined };
  const roles = new ToldRoles();
  roles.begin(stateOf({}), "i::a");
  const change = roles.change(applied("master", 12), "i::a");
  if (change === null) throw new Error("the role has changed");
  createAgentLink(session, log).sendUpdate(change);
  const [status] = sent as [TaskStatus];
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  expect(text(createWireCodec("application/json").encode("TaskStatus", status))).toBe(
    '{"task_id":{"value":"i::a"},"state":"TASK_RUNNING","message":"master since epoch 12",' +
      '"labels":{"labels":[{"key":"mr-redis.role","value":"master"},' +
      '{"key":"mr-redis.epoch","value":"12"}]}}',
  );
  // task_id 1; state 2 = 1; message 4; labels 12 { labels 1 { key 1, value 2 }, ... }.
  expect(text(createWireCodec("application/x-protobuf").encode("TaskStatus", status))).toBe(
    "\x0a\x06\x0a\x04i::a\x10\x01\x22\x15master since epoch 12" +
      "\x62\x2f\x0a\x17\x0a\x0dmr-redis.role\x12\x06master" +
      "\x0a\x14\x0a\x0emr-redis.epoch\x12\x0212",
  );
});
