/**
 * Owns the proof that a session says nothing more from the moment on at which it may not, whatever its sockets bring.
 * Not: when that moment is (the scheduler's reign).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { until } from "@mr-redis/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Program } from "../../test/programmed-server.js";
import { Closers, SessionHarness, sessionTestMs, startMaster } from "../../test/session-harness.js";
import { killCall, reviveCall } from "../wire/scheduler-calls.js";
import { mayNotSend } from "./connection.js";

vi.setConfig({ testTimeout: sessionTestMs });

const closers = new Closers();
afterEach(() => closers.closeAll());

const deadlineMs = 20_000;

/** Takes connections, notes their bytes, and never answers. */
async function startEar() {
  const ear = { address: "", accepted: 0, ended: 0, bytes: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    ear.accepted += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (part) => {
      ear.bytes += part.length;
    });
    socket.on("close", () => {
      ear.ended += 1;
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ear.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  closers.add(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return ear;
}

/** The reign closes the session when it is asked; another owner may do so later. */
describe.each([
  ["closes the session when asked", true],
  ["closes the session later", false],
])("an owner that %s", (_name, closes) => {
  /** A session that may send until `hush` is called. */
  function start(masters: string[]) {
    let isAllowed = true;
    const harness: SessionHarness = new SessionHarness(closers, {
      masters,
      maySend: () => {
        if (!isAllowed && closes) void harness.session.close();
        return isAllowed;
      },
    });
    const hush = (): void => {
      isAllowed = false;
    };
    return { harness, hush };
  }

  async function subscribe() {
    const master = await startMaster(closers);
    const { harness, hush } = start([master.server.address]);
    await harness.hear(2);
    return { master, harness, hush };
  }

  /** Nothing is tried again, and no connection is left. */
  async function expectSilence(harness: SessionHarness, connections: () => number) {
    await harness.reach(closes ? "stopped" : "waiting");
    for (let hour = 0; hour < 3; hour += 1) harness.clock.advanceBy(3_600_000);
    await until(() => connections() === 0, { what: "no connection", deadlineMs });
    const last = harness.states.at(-1);
    if (closes) expect(last).toEqual({ type: "stopped", reason: { type: "closed" } });
    else expect(last).toMatchObject({ type: "waiting", because: mayNotSend, delayMs: null });
  }

  it("a redirect is not followed", async () => {
    const ear = await startEar();
    const master = await startMaster(closers);
    const redirect: Program = (_request, answer) => {
      hush();
      answer.send(307, "", { location: `//${ear.address}/master/api/v1/scheduler` });
    };
    master.server.program = redirect;
    const { harness, hush } = start([master.server.address]);
    await expectSilence(harness, () => master.server.connectionCount);
    expect([ear.accepted, master.server.requests.length]).toEqual([0, 1]);
    expect(harness.types()).not.toContain("subscribed");
  });

  it("SUBSCRIBE is not sent on a connection that comes too late", async () => {
    const ear = await startEar();
    const { harness, hush } = start([ear.address]);
    hush();
    await until(() => ear.ended === 1, { what: "our end of the connection", deadlineMs });
    await expectSilence(harness, () => ear.accepted - ear.ended);
    expect(ear).toMatchObject({ accepted: 1, bytes: 0 });
  });

  it("the answer to one call does not send the next", async () => {
    const { master, harness, hush } = await subscribe();
    master.server.program = (_request, answer) => {
      hush();
      answer.send(202);
    };
    const outcomes = await Promise.all([
      harness.session.call(reviveCall()),
      harness.session.call(killCall({ taskId: "t", agentId: "A" })),
      harness.session.call(reviveCall()),
    ]);
    expect(outcomes).toEqual([
      { type: "accepted" },
      { type: "lost", sent: false, because: closes ? "closed" : mayNotSend },
      { type: "lost", sent: false, because: closes ? "closed" : mayNotSend },
    ]);
    await expectSilence(harness, () => master.server.connectionCount);
    expect(master.server.requests.map(({ body }) => body.type)).toEqual(["SUBSCRIBE", "REVIVE"]);
  });

  it.each([
    ["a new connection", 0],
    ["one in use", 1],
  ])("a call that waits for %s is not sent on it", async (_what, before) => {
    const { master, harness, hush } = await subscribe();
    for (let sent = 0; sent < before; sent += 1) await harness.session.call(reviveCall());
    const outcome = harness.session.call(killCall({ taskId: "t", agentId: "A" }));
    hush();
    expect(await outcome).toEqual({
      type: "lost",
      sent: false,
      because: closes ? "closed" : mayNotSend,
    });
    await expectSilence(harness, () => master.server.connectionCount);
    expect(master.server.calls("KILL")).toEqual([]);
    expect(master.server.requests).toHaveLength(1 + before);
  });
});
