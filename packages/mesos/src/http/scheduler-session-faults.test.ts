/**
 * Owns the proof that a session outlives what masters and networks do to its stream and its calls, and stops where it must.
 * Not: subscribing and the rules of calls (scheduler-session.test.ts), nor detected leaders (scheduler-session-leader.test.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { until } from "@mr-redis/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Answer, ServedStream } from "../../test/programmed-server.js";
import {
  Closers,
  SessionHarness,
  sessionTestMs,
  startMaster,
  subscribedBy,
} from "../../test/session-harness.js";
import { encodeRecord } from "../wire/recordio.js";
import { killCall, reviveCall } from "../wire/scheduler-calls.js";
import { backoffMaxMs } from "./backoff.js";
import { errorMsMax } from "./scheduler-session.js";

vi.setConfig({ testTimeout: sessionTestMs });

const closers = new Closers();
afterEach(() => closers.closeAll());

const start = (masters: string[]) => new SessionHarness(closers, { masters });
const deadlineMs = 20_000;
const offers = { type: "OFFERS", offers: { offers: [] } };
const error = (message: string) => ({ type: "ERROR", error: { message } });
const record = (text: string) => encodeRecord(Buffer.from(text));

/** A master, and a session that is subscribed to it and has heard the first heartbeat. */
async function subscribe() {
  const master = await startMaster(closers);
  const harness = start([master.server.address]);
  await harness.hear(2);
  const stream = master.streams[0];
  if (stream === undefined) throw new Error("no stream");
  return { master, harness, stream };
}

describe("the end of a stream", () => {
  it("comes without ERROR when an operator removes the framework; the next subscription tells", async () => {
    const { master, harness, stream } = await subscribe();
    master.server.program = (_request, answer) => {
      const refused = answer.stream({ "mesos-stream-id": "stream-2" });
      refused.event(error("Framework has been removed"));
      refused.finish();
    };
    stream.finish();
    await harness.reach("waiting");
    harness.clock.advanceBy(250);
    await harness.reach("stopped");
    expect(harness.states.at(-1)).toEqual({
      type: "stopped",
      reason: { type: "framework-removed", text: "Framework has been removed" },
    });
    harness.clock.advanceBy(3_600_000);
    expect(master.server.calls("SUBSCRIBE")).toHaveLength(2);
    expect(master.server.calls("SUBSCRIBE")[1]?.body.framework_id).toEqual({ value: "F" });
  });

  it.each<[string, (stream: ServedStream) => void]>([
    ["the final chunk", (stream) => stream.finish()],
    [
      "ERROR and the final chunk",
      (stream) => {
        stream.event(error("Framework failed over"));
        stream.finish();
      },
    ],
  ])("is %s, though the master leaves the connection open", async (_name, end) => {
    const { master, harness, stream } = await subscribe();
    expect(master.server.connectionCount).toBe(1);
    end(stream);
    await until(() => master.server.connectionCount === 0, { what: "our end of it", deadlineMs });
    expect(harness.types().at(-1)).not.toBe("subscribed");
  });

  it("drops what the old stream still says, also what came with the end's reason", async () => {
    const master = await startMaster(closers);
    master.server.program = (request, answer) => {
      if (request.body.type !== "SUBSCRIBE") {
        answer.send(403, "Framework is not subscribed");
        return;
      }
      const stream = answer.stream();
      // One chunk: the call that the first event causes ends the session in the middle of it.
      const all = [subscribedBy(null), ...Array.from({ length: 1000 }, () => offers)];
      stream.raw(Buffer.concat(all.map((event) => record(JSON.stringify(event)))));
      master.streams.push(stream);
    };
    const harness: SessionHarness = new SessionHarness(closers, {
      masters: [master.server.address],
      onEvent: (event) => {
        harness.events.push(event);
        if (harness.events.length === 3) void harness.session.close();
      },
    });
    await harness.reach("stopped");
    master.streams[0]?.event(offers);
    await until(() => master.server.connectionCount === 0, { what: "the end", deadlineMs });
    expect(harness.events.map((event) => event.type)).toEqual(["SUBSCRIBED", "OFFERS", "OFFERS"]);
  });

  it("with its successor running: nothing of the old stream mixes into the new one", async () => {
    const { master, harness, stream } = await subscribe();
    master.server.program = (_request, answer) => answer.send(403, "Framework is not subscribed");
    await harness.session.call(reviveCall());
    stream.event(offers, error("Framework failed over"));
    master.server.program = master.program;
    harness.clock.advanceBy(250);
    await harness.hear(4);
    stream.event(offers, error("Framework failed over"));
    await until(() => stream.isGone, { what: "the old stream gone", deadlineMs });
    master.streams[1]?.event(offers);
    await harness.hear(5);
    expect(harness.events.map((event) => event.type)).toEqual([
      ...["SUBSCRIBED", "HEARTBEAT"],
      ...["SUBSCRIBED", "HEARTBEAT", "OFFERS"],
    ]);
    expect(harness.types().at(-1)).toBe("subscribed");
  });
});

describe("a call that is told of another stream of the framework", () => {
  const replaced =
    "The stream ID 'a' included in this request didn't match the stream ID currently associated with framework ID F";

  async function refuse() {
    const subscribed = await subscribe();
    const { master, harness } = subscribed;
    master.server.program = (_request, answer) => answer.send(400, replaced);
    const outcome = await harness.session.call(reviveCall());
    expect(outcome.type).toBe("lost");
    return subscribed;
  }

  it("stops the session when the stream says so a moment later: who was replaced does not fight", async () => {
    const { master, harness, stream } = await refuse();
    harness.clock.advanceBy(errorMsMax - 1);
    stream.event(error("Framework failed over"));
    await harness.reach("stopped");
    expect(harness.states.at(-1)).toEqual({
      type: "stopped",
      reason: { type: "framework-failed-over", text: "Framework failed over" },
    });
    expect(master.server.calls("SUBSCRIBE")).toHaveLength(1);
  });

  it("begins anew a second later when the stream says nothing, and drops what else it says", async () => {
    const { master, harness, stream } = await refuse();
    expect(harness.states.at(-1)).toEqual({
      type: "waiting",
      because: `the master answered 400 ${replaced}`,
      delayMs: errorMsMax,
      wasSubscribed: true,
    });
    stream.event(offers, subscribedBy(null));
    master.server.program = master.program;
    harness.clock.advanceBy(errorMsMax - 1);
    expect(harness.types().at(-1)).toBe("waiting");
    harness.clock.advanceBy(1);
    await harness.reach("subscribed", 2);
    await until(() => stream.isGone, { what: "the old stream gone", deadlineMs });
    expect(harness.events.map((event) => event.type)).toEqual([
      ...["SUBSCRIBED", "HEARTBEAT"],
      ...["SUBSCRIBED", "HEARTBEAT"],
    ]);
  });

  it("begins anew a second later when the stream ends without a word", async () => {
    const { master, harness, stream } = await refuse();
    stream.finish();
    await until(() => stream.isGone, { what: "our end of it", deadlineMs });
    master.server.program = master.program;
    harness.clock.advanceBy(errorMsMax);
    await harness.reach("subscribed", 2);
    expect(harness.types()).toEqual([
      ...["connecting", "subscribed", "waiting"],
      ...["connecting", "subscribed"],
    ]);
  });
});

describe("a stream that is not in order", () => {
  it.each<[string, (stream: ServedStream) => void, string]>([
    [
      "SUBSCRIBED again",
      (stream) => stream.event(subscribedBy(null)),
      "SUBSCRIBED without its body, without a stream id, or twice",
    ],
    [
      "garbage",
      (stream) => stream.raw("HTTP/1.1 200\n"),
      'the length of a record is "HTTP/1.1 200"',
    ],
    [
      "a record that is no JSON",
      (stream) => stream.raw(record("<html>")),
      "Failed to parse body into JSON: syntax error at line 1 near: <html>",
    ],
    [
      "a record of the size of all memory",
      (stream) => stream.raw("18446744073709551615\n{"),
      "a record of 18446744073709552000 bytes is over the limit of 67108864",
    ],
    [
      "a length without an end",
      (stream) => stream.raw("1".repeat(1000)),
      'the length of a record is "111111111111111111111"',
    ],
  ])("ends the session, which begins anew: %s", async (_name, say, because) => {
    const { master, harness, stream } = await subscribe();
    say(stream);
    await harness.reach("waiting");
    expect(harness.states.at(-1)).toEqual({
      type: "waiting",
      because,
      delayMs: 250,
      wasSubscribed: true,
    });
    expect(harness.events).toHaveLength(2);
    harness.clock.advanceBy(250);
    await harness.reach("subscribed", 2);
    expect(master.streams).toHaveLength(2);
  });

  it("may hold empty records, events of another kind, and OFFERS of some megabytes in pieces", async () => {
    const { harness, stream } = await subscribe();
    const many = {
      type: "OFFERS",
      offers: {
        offers: Array.from({ length: 5000 }, (_, index) => ({
          id: { value: `O${index}` },
          framework_id: { value: "F" },
          agent_id: { value: `S${index}` },
          hostname: `ä-${"h".repeat(1000)}`,
        })),
      },
    };
    const bytes = record(JSON.stringify(many));
    expect(bytes.length).toBeGreaterThan(5_000_000);
    stream.raw("0\n0\n");
    stream.raw(record('{"type":"SOMETHING_NEW","something_new":{"x":1}}'));
    for (let at = 0; at < bytes.length; at += 65_521) stream.raw(bytes.subarray(at, at + 65_521));
    await harness.hear(4);
    expect(harness.events.slice(2)).toEqual([{ something_new: { x: 1 } }, many]);
    expect(harness.types().at(-1)).toBe("subscribed");
  });

  it.each<[string, (answer: Answer) => void]>([
    ["an answer without an end", (answer) => answer.head(503)],
    ["a stream without a word", (answer) => void answer.stream()],
    ["no answer", () => {}],
  ])("is given up when nothing comes of it: %s", async (_name, reply) => {
    const master = await startMaster(closers);
    master.server.program = (_request, answer) => reply(answer);
    const harness = start([master.server.address]);
    await until(() => master.server.requests.length === 1, { what: "the request", deadlineMs });
    harness.clock.advanceBy(30_000);
    await harness.reach("waiting");
    expect(harness.states.at(-1)).toMatchObject({ because: "not subscribed within 30000 ms" });
    await until(() => master.server.connectionCount === 0, { what: "our end", deadlineMs });
  });

  it("is no subscription without a stream id", async () => {
    const master = await startMaster(closers);
    master.server.program = (_request, answer) =>
      answer.stream({ "mesos-stream-id": "" }).event(subscribedBy(null));
    const harness = start([master.server.address]);
    await harness.reach("waiting");
    expect(harness.states.at(-1)).toMatchObject({ wasSubscribed: false });
    expect(harness.events).toEqual([]);
  });
});

describe("a master that fails over", () => {
  it("is followed by way of the others: 307 to the dead one, 503, then the new leader", async () => {
    const dying = await startMaster(closers, "a");
    const next = await startMaster(closers, "b");
    const address = dying.server.address;
    next.server.program = (_request, answer) =>
      answer.send(307, "", { location: `//${address}/master/api/v1/scheduler` });
    const harness = start([next.server.address, address]);
    await harness.hear(2);
    await dying.server.stop();
    await harness.reach("waiting", 1);
    harness.clock.advanceBy(backoffMaxMs);
    // 307 to the dead one.
    await harness.reach("waiting", 2);
    next.server.program = (_request, answer) => answer.send(503, "No leader elected");
    for (let count = 3; count <= 5; count += 1) {
      harness.clock.advanceBy(backoffMaxMs);
      await harness.reach("waiting", count);
    }
    next.server.program = next.program;
    for (let count = 6; harness.types().at(-1) === "waiting"; count += 1) {
      harness.clock.advanceBy(backoffMaxMs);
      await until(
        () =>
          harness.types().at(-1) === "subscribed" ||
          harness.types().filter((type) => type === "waiting").length >= count,
        { what: "the end of the attempt", deadlineMs },
      );
    }
    expect(harness.states.at(-1)).toMatchObject({
      type: "subscribed",
      master: `http://${next.server.address}`,
      frameworkId: "F",
    });
    expect(next.streams).toHaveLength(1);
  });
});

describe("the connection for calls", () => {
  it("is made anew when the master closes it between two calls, and nothing is sent twice", async () => {
    const { master, harness } = await subscribe();
    expect(await harness.session.call(reviveCall())).toEqual({ type: "accepted" });
    const first = master.server.calls("REVIVE")[0]?.connection;
    expect(first).toBe(2);
    master.server.cutConnection(2);
    await until(() => master.server.connectionCount === 1, { what: "it is closed", deadlineMs });
    const outcome = await harness.session.call(killCall({ taskId: "t", agentId: "A" }));
    expect(outcome).toEqual({ type: "accepted" });
    expect(master.server.calls("KILL").map((request) => request.connection)).toEqual([3]);
    expect(harness.types().at(-1)).toBe("subscribed");
  });
});

describe("the back-off", () => {
  it("grows over short subscriptions to 15 s and no further, and begins anew after one that lasted as long", async () => {
    const master = await startMaster(closers);
    const harness = start([master.server.address]);
    const { clock } = harness;
    const lose = async (round: number, lastedMs: number) => {
      await until(() => harness.events.length === 2 * round, {
        what: `round ${round}`,
        deadlineMs,
      });
      clock.advanceBy(lastedMs);
      master.streams[round - 1]?.finish();
      await harness.reach("waiting", round);
      clock.advanceBy(backoffMaxMs);
    };
    for (let round = 1; round <= 40; round += 1) await lose(round, 14_999);
    await lose(41, backoffMaxMs);
    await lose(42, 0);
    const growing = [250, 500, 1000, 2000, 4000];
    expect(harness.delaysMs()).toEqual([
      ...growing,
      ...Array.from({ length: 35 }, () => 7500),
      ...growing.slice(0, 2),
    ]);
  });
});
