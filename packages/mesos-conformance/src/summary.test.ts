/**
 * Tests of the one-line wording of calls and events.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { answerText, callText, eventText, statusText } from "./summary.js";

const id = (value: string) => ({ value });

test("calls", () => {
  const data = Buffer.from('{"do":"exit"}').toString("base64");
  const task_infos = [{ name: "t", task_id: id("t"), agent_id: id("A") }];
  expect([
    callText({
      type: "ACCEPT",
      accept: {
        offer_ids: [id("O1")],
        operations: [{ type: "RESERVE" }, { type: "LAUNCH", launch: { task_infos } }],
        filters: { refuse_seconds: 0 },
      },
    }),
    callText({ type: "DECLINE", decline: { offer_ids: ["1", "2", "3", "4", "5", "6"].map(id) } }),
    callText({ type: "MESSAGE", message: { agent_id: id("A"), executor_id: id("E"), data } }),
    callText({ type: "REVIVE", framework_id: id("F") }),
    callText({ type: "KILL", kill: { task_id: id("t") } }),
  ]).toEqual([
    "ACCEPT [RESERVE; LAUNCH t] of O1 with refuse_seconds 0",
    "DECLINE 1, 2, 3, 4 and 2 more without filters",
    'MESSAGE to E: "{\\"do\\":\\"exit\\"}"',
    "REVIVE",
    "KILL t",
  ]);
});

test("events, statuses and answers", () => {
  const status = { task_id: id("t"), state: "TASK_LOST", message: 'say "x"' } as const;
  expect([
    eventText({ type: "UPDATE", update: { status: { ...status, uuid: "u" } } }),
    statusText({ ...status, source: "SOURCE_MASTER", reason: "REASON_RECONCILIATION" }),
    eventText({ type: "HEARTBEAT" }),
    eventText({ type: "ERROR", error: { message: "gone" } }),
    answerText({ status: 202, text: "" }),
    answerText({ status: 400, text: "no" }),
  ]).toEqual([
    'UPDATE t TASK_LOST (uuid) "say \\"x\\""',
    't TASK_LOST SOURCE_MASTER REASON_RECONCILIATION (no uuid) "say \\"x\\""',
    "HEARTBEAT",
    'ERROR "gone"',
    "202",
    '400 "no"',
  ]);
});
