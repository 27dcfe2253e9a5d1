/**
 * Owns the translation of the agent's events.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CertificateAnswer,
  encodeCertificateAnswer,
  encodeGoalBatch,
  encodeLaunchOrder,
  type GoalBatch,
  type LaunchOrder,
} from "@mr-redis/core";
import { type ExecutorEvent, textToBase64 } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { supervisorInputs } from "./agent-link.js";

const errors: string[] = [];
const certificates: CertificateAnswer[] = [];
const options = {
  shutdownGraceMs: 5_000,
  newStartId: () => "s1",
  onCertificate: (answer: CertificateAnswer) => void certificates.push(answer),
  log: { info: () => undefined, error: (message: string) => void errors.push(message) },
};
const inputs = (event: ExecutorEvent) => supervisorInputs(event, options);

const order: LaunchOrder = {
  version: 1,
  instance: "i",
  processId: "i::a",
  address: "127.0.0.1",
  port: 7001,
  memoryMib: 100,
  config: {},
  goal: {
    processId: "i::a",
    stamp: { term: 1, counter: 1 },
    epoch: 1,
    role: "master",
    master: null,
    writeQuorum: 0,
    lagSecondsMax: 3,
    followers: [],
    leaseMs: null,
  },
};
const batch: GoalBatch = {
  version: 1,
  type: "goals",
  term: 1,
  answers: null,
  goals: [order.goal],
  leases: [],
  reportNow: true,
};
const task = (data: string, id = "i::a") => ({
  name: "n",
  task_id: { value: id },
  agent_id: { value: "agent" },
  data,
});
const orderData = textToBase64(encodeLaunchOrder(order));

test("LAUNCH with an order, with another task's, with garbage", () => {
  expect(inputs({ type: "LAUNCH", launch: { task: task(orderData) } })).toEqual([
    { type: "launch-received", order, startId: "s1" },
  ]);
  expect(inputs({ type: "LAUNCH", launch: { task: task(orderData, "i::b") } })).toEqual([
    { type: "launch-unreadable", taskId: "i::b", text: "its launch order names another task" },
  ]);
  expect(inputs({ type: "LAUNCH", launch: { task: task("%%%") } })).toEqual([
    { type: "launch-unreadable", taskId: "i::a", text: "its data is no base64" },
  ]);
  expect(inputs({ type: "LAUNCH", launch: { task: task(textToBase64("no")) } })).toEqual([
    {
      type: "launch-unreadable",
      taskId: "i::a",
      text: "its data is no launch order:  must be JSON",
    },
  ]);
});

test("KILL with and without a grace period", () => {
  const kill = { task_id: { value: "i::a" } };
  const policy = { grace_period: { nanoseconds: 1_500_000_000 } };
  expect(inputs({ type: "KILL", kill })).toEqual([
    { type: "kill-received", taskId: "i::a", graceMs: null },
  ]);
  expect(inputs({ type: "KILL", kill: { ...kill, kill_policy: policy } })).toEqual([
    { type: "kill-received", taskId: "i::a", graceMs: 1_500 },
  ]);
});

test("MESSAGE: goals, or a line in the log", () => {
  const message = { data: textToBase64(encodeGoalBatch(batch)) };
  expect(inputs({ type: "MESSAGE", message })).toEqual([{ type: "goals-received", batch }]);
  for (const data of ["%", textToBase64("{}"), ""]) {
    expect(inputs({ type: "MESSAGE", message: { data } })).toEqual([]);
  }
  expect(errors).toHaveLength(3);
});

test("SHUTDOWN and ERROR end the executor; what concerns the session only is left to it", () => {
  const shutdown = [{ type: "shutdown-received", graceMs: 5_000 }];
  expect(inputs({ type: "SHUTDOWN" })).toEqual(shutdown);
  expect(inputs({ type: "ERROR", error: { message: "x" } })).toEqual(shutdown);
  expect(inputs({ type: "HEARTBEAT" })).toEqual([]);
  expect(inputs({})).toEqual([]);
});

test("MESSAGE with a certificate concerns no process; a broken one is thrown away", () => {
  const answer: CertificateAnswer = {
    version: 1,
    type: "certificate",
    runId: "r",
    certificate: null,
    ca: null,
    problem: "not now",
  };
  const message = (text: string): ExecutorEvent => ({
    type: "MESSAGE",
    message: { data: textToBase64(text) },
  });
  expect(inputs(message(encodeCertificateAnswer(answer)))).toEqual([]);
  expect(certificates).toEqual([answer]);
  errors.length = 0;
  expect(inputs(message('{"version":1,"type":"certificate","runId":7}'))).toEqual([]);
  expect(errors).toEqual(["message of the scheduler not understood"]);
  expect(certificates).toHaveLength(1);
});
