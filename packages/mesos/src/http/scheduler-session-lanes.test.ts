/**
 * Owns the proof that what decides keeps its order on one connection, and waits for no acknowledgement or message.
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Answer, SeenRequest } from "../../test/programmed-server.js";
import { Closers, SessionHarness, sessionTestMs, startMaster } from "../../test/session-harness.js";
import {
  acceptCall,
  acknowledgeCall,
  declineCall,
  killCall,
  messageCall,
  reconcileCall,
  reviveCall,
  type SchedulerCallBody,
  suppressCall,
} from "../wire/scheduler-calls.js";
import { sideLanesCount } from "./call-lanes.js";
import { callsQueuedMax } from "./call-queue.js";

vi.setConfig({ testTimeout: sessionTestMs });

const closers = new Closers();
afterEach(() => closers.closeAll());

const deadlineMs = 20_000;

const acknowledge = (taskId: string): SchedulerCallBody =>
  acknowledgeCall({ agentId: "A", taskId, uuid: "AAAA" });
const message = (agentId: string, data: string): SchedulerCallBody =>
  messageCall({ agentId, executorId: "E", data });

/** Every kind of call whose order matters, in an order. */
const deciding: readonly SchedulerCallBody[] = [
  acceptCall({ offerIds: ["o"], operations: [] }),
  reviveCall(["kv"]),
  reconcileCall([]),
  killCall({ taskId: "t", agentId: "A" }),
  declineCall(["p"], 5),
  suppressCall(["kv"]),
];

/** A subscribed session at a master that holds the answers to acknowledgements and messages until it is let go. */
async function subscribe() {
  const master = await startMaster(closers);
  const held: { readonly request: SeenRequest; readonly answer: Answer }[] = [];
  let isHolding = true;
  master.server.program = (request, answer) => {
    const isSide = request.body.type === "ACKNOWLEDGE" || request.body.type === "MESSAGE";
    if (isSide && isHolding) held.push({ request, answer });
    else master.program(request, answer);
  };
  const harness = new SessionHarness(closers, { masters: [master.server.address] });
  await harness.reach("subscribed");
  const letGo = (): void => {
    isHolding = false;
    for (const { answer } of held.splice(0)) answer.send(202);
  };
  return { master, held, harness, letGo };
}

describe("the connections for calls", () => {
  it("let everything that decides pass, in order on one of them, while acknowledgements wait", async () => {
    const { master, held, harness, letGo } = await subscribe();
    const waiting = Array.from({ length: 500 }, (_, index) =>
      harness.session.call(acknowledge(`task-${index}`)),
    );
    waiting.push(harness.session.call(message("A", "AAAA")));
    const decided = await Promise.all(deciding.map((body) => harness.session.call(body)));
    expect(decided).toEqual(deciding.map(() => ({ type: "accepted" })));
    const sent = master.server.requests.filter(({ body }) =>
      deciding.some(({ type }) => type === body.type),
    );
    expect(sent.map(({ body }) => body.type)).toEqual(deciding.map(({ type }) => type));
    expect(new Set(sent.map(({ connection }) => connection)).size).toBe(1);
    await until(() => held.length === sideLanesCount, { what: "one on each lane", deadlineMs });
    letGo();
    expect(new Set((await Promise.all(waiting)).map(({ type }) => type))).toEqual(
      new Set(["accepted"]),
    );
    const acknowledged = master.server.calls("ACKNOWLEDGE").map(({ connection }) => connection);
    expect([acknowledged.length, new Set(acknowledged).size]).toEqual([500, sideLanesCount]);
  });

  it("keep the order of messages for one executor", async () => {
    const { master, harness, letGo } = await subscribe();
    letGo();
    const calls = Array.from({ length: 200 }, (_, index) =>
      harness.session.call(message(`agent-${index % 5}`, `${1000 + index}`)),
    );
    await Promise.all(calls);
    const byAgent = new Map<string, { data: string; connection: number }[]>();
    for (const { body, connection } of master.server.calls("MESSAGE")) {
      const agent = body.message.agent_id.value;
      const list = byAgent.get(agent) ?? [];
      byAgent.set(agent, list);
      list.push({ data: body.message.data, connection });
    }
    expect(byAgent.size).toBe(5);
    for (const list of byAgent.values()) {
      expect(list.map(({ data }) => data)).toEqual(list.map(({ data }) => data).sort());
      expect(new Set(list.map(({ connection }) => connection)).size).toBe(1);
    }
  });

  it("take an acknowledgement for each process of the largest site at once", async () => {
    const { harness, letGo } = await subscribe();
    const outcomes = Array.from({ length: 50_000 }, (_, index) =>
      harness.session.call(acknowledge(`instance-${index}::process`)),
    );
    // Had one been refused it would be known by now.
    const first = await Promise.race([outcomes[49_999], harness.session.call(reviveCall())]);
    expect(first).toEqual({ type: "accepted" });
    expect(callsQueuedMax * sideLanesCount).toBeGreaterThan(50_000);
    const lost = vi.fn();
    for (const outcome of outcomes) void outcome.then(({ type }) => type === "lost" && lost());
    await harness.session.call(reviveCall());
    expect(lost).not.toHaveBeenCalled();
    letGo();
  });

  it("end together: one that breaks ends the session, and nothing that waited on any is sent later", async () => {
    const { master, held, harness } = await subscribe();
    const waiting = Array.from({ length: 100 }, (_, index) =>
      harness.session.call(acknowledge(`task-${index}`)),
    );
    await until(() => held.length === sideLanesCount, { what: "one on each lane", deadlineMs });
    held[0]?.answer.cut();
    await harness.reach("waiting");
    const outcomes = await Promise.all(waiting);
    expect(outcomes.filter(({ type }) => type !== "lost")).toEqual([]);
    const sent = outcomes.filter((outcome) => outcome.type === "lost" && outcome.sent);
    expect(sent).toHaveLength(sideLanesCount);
    harness.clock.advanceBy(250);
    await harness.reach("subscribed", 2);
    expect(await harness.session.call(reviveCall())).toEqual({ type: "accepted" });
    expect(master.server.calls("ACKNOWLEDGE")).toHaveLength(sideLanesCount);
  });
});
