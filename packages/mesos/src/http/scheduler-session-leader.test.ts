/**
 * Owns the proof that a session goes where the detector sees the leader, and stays where it is while nobody can tell.
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  Closers,
  SessionHarness,
  sessionTestMs,
  startMaster,
  type TestMaster,
} from "../../test/session-harness.js";
import type { LeaderDetector, LeaderSighting } from "../leader/leader-detector.js";
import { reviveCall } from "../wire/scheduler-calls.js";

vi.setConfig({ testTimeout: sessionTestMs });

const closers = new Closers();
afterEach(() => closers.closeAll());

/** Sees what it is told to see. */
class ToldDetector implements LeaderDetector {
  readonly name = "zk://zk:2181/mesos";
  isClosed = false;
  #listener: (sighting: LeaderSighting) => void = () => {};

  watch(listener: (sighting: LeaderSighting) => void) {
    this.#listener = listener;
    return {
      close: async () => {
        this.isClosed = true;
      },
    };
  }

  see(sighting: LeaderSighting): void {
    this.#listener(sighting);
  }

  leader(master: TestMaster, id: string | null): void {
    this.see({ type: "leader", leader: leaderAt(master.server.address, id) });
  }
}

function leaderAt(address: string, id: string | null) {
  return { id, hostname: null, ip: "127.0.0.1", port: Number(address.split(":")[1]) };
}

let detector: ToldDetector;
let a: TestMaster;
let b: TestMaster;
beforeEach(async () => {
  detector = new ToldDetector();
  a = await startMaster(closers, "a");
  b = await startMaster(closers, "b");
});

const start = () => new SessionHarness(closers, { detector });
const none: LeaderSighting = { type: "none", because: "no master leads" };
const away: LeaderSighting = { type: "unknown", because: "no server answers" };
const waiting = (because: string, delayMs: number | null, wasSubscribed: boolean) => ({
  type: "waiting",
  because,
  delayMs,
  wasSubscribed,
});

describe("without a leader", () => {
  it("waits without a limit, says why, and goes on when there is one", async () => {
    const { clock, states, reach } = start();
    detector.see(away);
    detector.see(none);
    clock.advanceBy(3_600_000);
    expect(states).toEqual([
      waiting("asking zk://zk:2181/mesos which master leads", null, false),
      waiting("no server answers", null, false),
      waiting("no master leads", null, false),
    ]);
    detector.leader(a, "a");
    clock.advanceBy(250);
    await reach("subscribed");
    expect(states.slice(3).map((state) => state.type)).toEqual([
      "waiting",
      "connecting",
      "subscribed",
    ]);
    expect(a.server.calls("SUBSCRIBE")).toHaveLength(1);
  });

  it("keeps a stream that goes on, and after its end waits for the next leader", async () => {
    const { clock, session, states, reach } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await reach("subscribed");
    detector.see(none);
    clock.advanceBy(70_000);
    expect(await session.call(reviveCall())).toEqual({ type: "accepted" });
    const count = states.length;
    a.streams[0]?.cut();
    await reach("waiting", 3);
    clock.advanceBy(60_000);
    expect(states.slice(count)).toEqual([
      waiting("other side closed; no master leads", null, true),
    ]);
    detector.leader(b, "b");
    clock.advanceBy(250);
    await reach("subscribed", 2);
    expect(b.server.calls("SUBSCRIBE")[0]?.body.framework_id).toEqual({ value: "F" });
  });
});

describe("another leader", () => {
  it("ends the stream and gets the next subscription, whatever the back-off was", async () => {
    const { clock, states, events, session, reach, hear } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await hear(2);
    detector.leader(b, "b");
    const host = b.server.address;
    expect(states.at(-1)).toEqual(waiting(`the master at ${host} leads`, 250, true));
    expect(await session.call(reviveCall())).toMatchObject({ type: "lost", sent: false });
    // What the old master still says is not heard.
    a.streams[0]?.event({ type: "OFFERS", offers: { offers: [] } });
    await until(() => a.streams[0]?.isGone === true, { what: "the old stream closed" });
    clock.advanceBy(250);
    await reach("subscribed", 2);
    await hear(4);
    expect(events.map((event) => event.type)).toEqual([
      ...["SUBSCRIBED", "HEARTBEAT"],
      ...["SUBSCRIBED", "HEARTBEAT"],
    ]);
    expect(states.at(-1)).toMatchObject({ type: "subscribed", master: `http://${host}` });
  });

  it("ends an attempt that hangs, and a long delay", async () => {
    a.server.program = () => {};
    const { clock, states, delaysMs, reach } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await until(() => a.server.requests.length === 1, { what: "the attempt" });
    b.server.program = (_request, answer) => answer.send(503, "Master has not finished recovery");
    detector.leader(b, "b");
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      const state = states.at(-1);
      clock.advanceBy(state?.type === "waiting" ? (state.delayMs ?? 0) : 0);
      await reach("waiting", attempt + 3);
    }
    expect(delaysMs().slice(1)).toEqual([250, 250, 500, 1000, 2000, 4000, 7500, 7500]);
    a.server.program = a.program;
    detector.leader(a, "a2");
    clock.advanceBy(250);
    await reach("subscribed");
    expect(states.at(-1)).toMatchObject({ master: `http://${a.server.address}` });
  });

  it("is the same address too, when the master there is a new one", async () => {
    const { clock, states, reach } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await reach("subscribed");
    detector.leader(a, "a2");
    expect(states.at(-1)).toMatchObject({ type: "waiting", wasSubscribed: true });
    clock.advanceBy(250);
    await reach("subscribed", 2);
  });
});

describe("the same leader", () => {
  it("changes nothing: told again, told after ZooKeeper was away, found before by a redirect", async () => {
    a.server.program = (_request, answer) =>
      answer.send(307, "", { location: `//${b.server.address}/master/api/v1/scheduler` });
    const { clock, states, reach } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await reach("subscribed");
    const count = states.length;
    detector.leader(a, "a");
    detector.see(away);
    detector.leader(a, "a");
    detector.leader(b, "b");
    detector.see(away);
    detector.leader(b, "b");
    clock.advanceBy(60_000);
    expect(states.slice(count)).toEqual([]);
    expect(b.server.connectionCount).toBe(1);
  });

  it("is known by its address when a master tells no id", async () => {
    const old = await startMaster(closers, null);
    a.server.program = (_request, answer) =>
      answer.send(307, "", { location: `//${old.server.address}/master/api/v1/scheduler` });
    const { clock, states, reach } = start();
    detector.leader(a, null);
    clock.advanceBy(250);
    await reach("subscribed");
    const count = states.length;
    detector.leader(old, null);
    expect(states.slice(count)).toEqual([]);
    detector.leader(b, null);
    expect(states.slice(count)).toHaveLength(1);
  });
});

describe("ZooKeeper away", () => {
  it("goes on with the master that led: the stream stays, and after its loss it is tried again", async () => {
    const { clock, states, reach } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await reach("subscribed");
    detector.see(away);
    clock.advanceBy(60_000);
    expect(states.at(-1)?.type).toBe("subscribed");
    a.streams[0]?.finish();
    await reach("waiting", 3);
    expect(states.at(-1)).toMatchObject({ delayMs: 250, wasSubscribed: true });
    clock.advanceBy(250);
    await reach("subscribed", 2);
    expect(a.server.calls("SUBSCRIBE")).toHaveLength(2);
  });
});

describe("the end", () => {
  it.each(["close", "stop"])("ends the look too: %s", async (how) => {
    const { clock, session, states, reach } = start();
    detector.leader(a, "a");
    clock.advanceBy(250);
    await reach("subscribed");
    if (how === "close") await session.close();
    else a.streams[0]?.event({ type: "ERROR", error: { message: "Framework has been removed" } });
    await reach("stopped");
    expect(detector.isClosed).toBe(true);
    const count = states.length;
    detector.leader(b, "b");
    detector.see(none);
    expect(states.slice(count)).toEqual([]);
    expect(clock.pendingCount).toBe(0);
  });
});
