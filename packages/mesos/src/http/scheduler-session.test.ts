/**
 * Owns the proof that the scheduler session holds its state machine against masters that misbehave, over real sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { until, VirtualClock } from "@mr-redis/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type Answer,
  type Program,
  ProgrammedServer,
  type SeenRequest,
  type ServedStream,
} from "../../test/programmed-server.js";
import { expectedEvents, recordedStreams, recordingBytes } from "../../test/recordings.js";
import { createWireCodec } from "../wire/codec-choice.js";
import { encodeRecord } from "../wire/recordio.js";
import { acceptCall, killCall, reviveCall } from "../wire/scheduler-calls.js";
import type { SchedulerEvent } from "../wire/types.js";
import { callsQueuedMax } from "./call-queue.js";
import {
  createSchedulerSession,
  errorMsMax,
  type SchedulerSession,
  type SchedulerSessionOptions,
  type SchedulerSessionState,
} from "./scheduler-session.js";

vi.setConfig({ testTimeout: 30_000 });

const frameworkInfo = { user: "u", name: "kv", roles: ["kv"], failover_timeout: 604_800 };
const subscribed = (frameworkId = "F") => ({
  type: "SUBSCRIBED",
  subscribed: { framework_id: { value: frameworkId }, heartbeat_interval_seconds: 15 },
});
const heartbeat = { type: "HEARTBEAT" };

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function subscribeOrTake(request: SeenRequest, answer: Answer, streams: ServedStream[]): void {
  if (request.body.type !== "SUBSCRIBE") {
    answer.send(202);
    return;
  }
  const stream = answer.stream({ "mesos-stream-id": `stream-${streams.length + 1}` });
  stream.event(subscribed(), heartbeat);
  streams.push(stream);
}

interface Harness {
  readonly session: SchedulerSession;
  readonly clock: VirtualClock;
  readonly states: SchedulerSessionState[];
  readonly events: SchedulerEvent[];
  /** Waits for the n-th (from 1) state of this type. */
  reach(type: SchedulerSessionState["type"], count?: number): Promise<void>;
}

const types = (states: readonly SchedulerSessionState[]) => states.map((state) => state.type);

describe.each(["application/json", "application/x-protobuf"] as const)("in %s", (contentType) => {
  const codec = createWireCodec(contentType);
  const isJson = contentType === "application/json";

  const otherEncoding = encodeRecord(
    createWireCodec(isJson ? "application/x-protobuf" : "application/json").encode(
      "scheduler.Event",
      { type: "SUBSCRIBED" },
    ),
  );
  /** SUBSCRIBED with an empty body, which no codec would write. */
  const withoutFrameworkId = encodeRecord(
    isJson ? Buffer.from('{"type":"SUBSCRIBED","subscribed":{}}') : Uint8Array.of(8, 1, 18, 0),
  );

  async function serve(program: Program): Promise<ProgrammedServer> {
    const server = await ProgrammedServer.start(program, codec);
    closers.push(() => server.stop());
    return server;
  }

  /** A master that subscribes everybody and takes every call; `streams` holds what it opened. */
  async function serveMaster(): Promise<{ server: ProgrammedServer; streams: ServedStream[] }> {
    const streams: ServedStream[] = [];
    const server = await serve((request, answer) => subscribeOrTake(request, answer, streams));
    return { server, streams };
  }

  function start(masters: string[], options: Partial<SchedulerSessionOptions> = {}): Harness {
    const clock = new VirtualClock();
    const states: SchedulerSessionState[] = [];
    const events: SchedulerEvent[] = [];
    const session = createSchedulerSession({
      masters,
      frameworkInfo,
      codec,
      clock,
      random: () => 0.5,
      onEvent: (event) => events.push(event),
      onState: (state) => states.push(state),
      ...options,
    });
    closers.push(() => session.close());
    session.start();
    return {
      session,
      clock,
      states,
      events,
      reach: (type, count = 1) =>
        until(() => states.filter((state) => state.type === type).length >= count, {
          what: `${count} x ${type} in ${JSON.stringify(states)}`,
          deadlineMs: 15_000,
        }),
    };
  }

  describe("subscribing", () => {
    it("asks as Mesos wants it and tells state and events in order", async () => {
      const { server } = await serveMaster();
      const { session, states, events, reach } = start([server.address]);
      await reach("subscribed");
      await until(() => events.length === 2, { what: "both events" });
      expect(states).toEqual([
        { type: "connecting", master: `http://${server.address}` },
        {
          type: "subscribed",
          master: `http://${server.address}`,
          frameworkId: "F",
          heartbeatMs: 15_000,
          masterInfo: undefined,
        },
      ]);
      expect(events).toEqual([subscribed(), heartbeat]);
      expect(session.frameworkId()).toBe("F");
      const request = server.requests[0];
      expect([request?.path, request?.body]).toEqual([
        "/api/v1/scheduler",
        { type: "SUBSCRIBE", subscribe: { framework_info: frameworkInfo } },
      ]);
      expect(request?.headers).toMatchObject({
        "content-type": contentType,
        accept: contentType,
        "user-agent": "mr-redis",
      });
      expect(request?.headers).not.toHaveProperty("mesos-stream-id");
      expect(request?.headers).not.toHaveProperty("authorization");
    });

    it("reads a recorded stream of a real master to its end, however it is chunked", async () => {
      const recorded = recordedStreams().find(
        (stream) =>
          stream.codec === codec &&
          stream.path.endsWith("/001-subscribe.recordio") &&
          stream.name === "scheduler.Event",
      );
      if (recorded === undefined) throw new Error("not recorded");
      const bytes = recordingBytes(recorded.path);
      const server = await serve((request, answer) => {
        if (request.body.type !== "SUBSCRIBE") return;
        const stream = answer.stream();
        for (let at = 0; at < bytes.length; at += 997) stream.raw(bytes.subarray(at, at + 997));
      });
      const { events, states } = start([server.address]);
      const expected = expectedEvents(recorded);
      await until(() => events.length === expected.length, { what: "all events" });
      expect(events.map((value) => ({ ok: true, value }))).toEqual(expected);
      expect(states.at(-1)).toEqual({
        type: "stopped",
        reason: { type: "framework-failed-over", text: "Framework failed over" },
      });
    });

    it("names id, suppressed roles and credential on each subscription", async () => {
      const { server, streams } = await serveMaster();
      let suppressed = ["kv"];
      const { clock, reach } = start([server.address], {
        frameworkId: "F",
        suppressedRoles: () => suppressed,
        credential: { principal: "kv", secret: "s3cret" },
      });
      await reach("subscribed");
      suppressed = [];
      streams[0]?.finish();
      await reach("waiting");
      clock.advanceBy(250);
      await reach("subscribed", 2);
      const info = { principal: "kv", ...frameworkInfo, id: { value: "F" } };
      expect(server.requests.map((request) => request.body)).toEqual([
        {
          framework_id: { value: "F" },
          type: "SUBSCRIBE",
          subscribe: { framework_info: info, suppressed_roles: ["kv"] },
        },
        {
          framework_id: { value: "F" },
          type: "SUBSCRIBE",
          // An empty list is not on the wire in protobuf.
          subscribe: { framework_info: info, ...(isJson ? { suppressed_roles: [] } : {}) },
        },
      ]);
      const token = Buffer.from("kv:s3cret").toString("base64");
      expect(server.requests[1]?.headers.authorization).toBe(`Basic ${token}`);
    });

    it("follows redirects with everything, and calls go where they led", async () => {
      const { server: leader } = await serveMaster();
      const follower = await serve((_request, answer) =>
        answer.send(307, "", { location: `//${leader.address}/master/api/v1/scheduler` }),
      );
      const { session, states, reach } = start([follower.address], {
        credential: { principal: "kv", secret: "s" },
      });
      await reach("subscribed");
      expect(types(states)).toEqual(["connecting", "connecting", "subscribed"]);
      expect(await session.call(reviveCall())).toEqual({ type: "accepted" });
      expect(leader.requests.map((request) => [request.path, request.body.type])).toEqual([
        ["/master/api/v1/scheduler", "SUBSCRIBE"],
        ["/master/api/v1/scheduler", "REVIVE"],
      ]);
      expect(leader.requests[0]?.headers.authorization).toMatch(/^Basic /);
    });

    it("follows at most five redirects, then waits", async () => {
      const server = await serve((_request, answer) =>
        answer.send(307, "", { location: `//${server.address}/master/api/v1/scheduler` }),
      );
      const { states, reach } = start([server.address]);
      await reach("waiting");
      expect(server.requests).toHaveLength(6);
      expect(states.at(-1)).toMatchObject({ because: "the masters redirect in a circle" });
    });

    it.each(["", "ftp://h:1/", "http://u:p@h:1/", "http://[bad/"])(
      "does not follow a redirect to %j",
      async (location) => {
        const server = await serve((_request, answer) => answer.send(307, "", { location }));
        const { states, reach } = start([server.address]);
        await reach("waiting");
        expect(states.at(-1)).toMatchObject({ because: "the master redirects to nowhere" });
      },
    );

    it("backs off from 0.5 s to 15 s while masters are away, starting or without leader, taking turns", async () => {
      const { server: late } = await serveMaster();
      const program = late.program;
      late.program = (_request, answer) => answer.send(503, "No leader elected");
      const starting = await serve((_request, answer) => answer.send(404));
      const gone = await ProgrammedServer.start(() => {}, codec);
      const goneAddress = gone.address;
      await gone.stop();
      const { clock, states, reach } = start([goneAddress, starting.address, late.address], {
        random: () => 0.999,
      });
      for (let attempt = 1; attempt <= 8; attempt += 1) {
        await reach("waiting", attempt);
        if (attempt === 8) late.program = program;
        const state = states.at(-1);
        clock.advanceBy(state?.type === "waiting" ? (state.delayMs ?? 0) : 0);
      }
      await reach("subscribed");
      const waiting = states.flatMap((state) => (state.type === "waiting" ? [state] : []));
      expect(waiting.map((state) => [state.because, state.delayMs])).toEqual([
        ["ECONNREFUSED", 499],
        ["the master answered 404", 999],
        ["the master answered 503 No leader elected", 1998],
        ["ECONNREFUSED", 3996],
        ["the master answered 404", 7992],
        ["the master answered 503 No leader elected", 14985],
        ["ECONNREFUSED", 14985],
        ["the master answered 404", 14985],
      ]);
    });

    it.each([
      [undefined, "401 Unauthorized. The master wants a principal and its secret."],
      [
        { principal: "kv", secret: "hidden" },
        '401 Unauthorized. The master does not know the principal "kv", or its secret is another.',
      ],
    ])("stops on 401, and says what is missing: %j", async (credential, text) => {
      const server = await serve((_request, answer) =>
        answer.send(401, "401 Unauthorized.", {
          "www-authenticate": 'Basic realm="mesos-master-scheduler"',
        }),
      );
      const { states, reach } = start(
        [server.address],
        credential === undefined ? {} : { credential },
      );
      await reach("stopped");
      expect(states.at(-1)).toEqual({
        type: "stopped",
        reason: { type: "request-refused", status: 401, text },
      });
    });

    it.each([
      [403, "no"],
      [400, "Failed to validate"],
      [406, ""],
      [415, ""],
    ])("stops on %i", async (status, text) => {
      const server = await serve((_request, answer) => answer.send(status, text));
      const { states, reach } = start([server.address]);
      await reach("stopped");
      expect(states.at(-1)).toEqual({
        type: "stopped",
        reason: { type: "request-refused", status, text },
      });
    });

    it.each([
      ["Framework has been removed", "framework-removed"],
      ["Framework failed over", "framework-failed-over"],
      ["Role '/bad' cannot start with a slash", "subscription-refused"],
    ])("stops on ERROR %j inside of a 200", async (text, type) => {
      const server = await serve((_request, answer) => {
        const stream = answer.stream();
        stream.event({ type: "ERROR", error: { message: text } });
        stream.finish();
      });
      const { states, reach } = start([server.address], { frameworkId: "F" });
      await reach("stopped");
      expect(states.at(-1)).toEqual({ type: "stopped", reason: { type, text } });
      expect(server.requests).toHaveLength(1);
    });

    it("stops when the master answers with another framework id", async () => {
      const { server } = await serveMaster();
      const { states, reach } = start([server.address], { frameworkId: "G" });
      await reach("stopped");
      expect(states.at(-1)).toEqual({
        type: "stopped",
        reason: { type: "framework-id-changed", text: "subscribed as F instead of G" },
      });
    });

    it("gives up an attempt that does not come to SUBSCRIBED in time", async () => {
      const server = await serve((_request, answer) => {
        if (server.requests.length === 1) answer.stream().event(heartbeat);
      });
      const { clock, states, events, reach } = start([server.address]);
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        await until(() => server.requests.length === attempt, { what: "the request" });
        clock.advanceBy(30_000);
        await reach("waiting", attempt);
        expect(states.at(-1)).toMatchObject({ because: "not subscribed within 30000 ms" });
        clock.advanceBy(500);
      }
      expect(events).toEqual([]);
    });

    it.each<[string, Program, string]>([
      [
        "of another type",
        (_request, answer) => answer.stream({ "content-type": "text/html" }).event(subscribed()),
        "the answer is text/html",
      ],
      [
        "without framing",
        (_request, answer) => answer.stream().raw('{"type":"SUBSCRIBED"}\n'),
        'the length of a record is "{\\"type\\":\\"SUBSCRIBED\\"}"',
      ],
      [
        "that claims a huge record",
        (_request, answer) => answer.stream().raw("99999999999\n"),
        "a record of 99999999999 bytes is over the limit of 67108864",
      ],
      [
        "in the other encoding",
        (_request, answer) => answer.stream().raw(otherEncoding),
        isJson
          ? "Failed to parse body into JSON: syntax error at line 1 near: "
          : "Failed to parse body into Event protobuf: index out of range: 3 + 116 > 21 (at byte 3)",
      ],
      [
        "without a framework id",
        (_request, answer) => answer.stream().raw(withoutFrameworkId),
        isJson
          ? "Failed to convert JSON into Event protobuf: Missing required fields: subscribed.framework_id"
          : "Failed to parse body into Event protobuf: subscribed.framework_id is a missing required field",
      ],
      [
        "without its body",
        (_request, answer) => answer.stream().event({ type: "SUBSCRIBED" }),
        "SUBSCRIBED without its body, without a stream id, or twice",
      ],
    ])("takes an answer %s as a failed attempt", async (_name, program, because) => {
      const server = await serve(program);
      const { states, reach } = start([server.address]);
      await reach("waiting");
      expect(states.at(-1)).toMatchObject({ because, wasSubscribed: false });
    });
  });

  describe("losing the session", () => {
    it.each<[string, (stream: ServedStream) => void, string]>([
      ["with the final chunk", (stream) => stream.finish(), "the other side ended the stream"],
      ["without a final chunk", (stream) => stream.cut(), "other side closed"],
      [
        "in the middle of a record",
        (stream) => {
          stream.raw('100\n{"type"');
          stream.finish();
        },
        "the stream was cut in a record",
      ],
    ])("subscribes anew after a stream that ends %s", async (_name, end, because) => {
      const { server, streams } = await serveMaster();
      const { clock, states, reach } = start([server.address]);
      await reach("subscribed");
      const stream = streams[0];
      if (stream !== undefined) end(stream);
      await reach("waiting");
      expect(states.at(-1)).toEqual({
        type: "waiting",
        because,
        delayMs: 250,
        wasSubscribed: true,
      });
      clock.advanceBy(250);
      await reach("subscribed", 2);
      expect(server.calls("SUBSCRIBE")[1]?.body.framework_id).toEqual({ value: "F" });
    });

    it("takes a stream for dead after five silent heartbeat intervals, counted from the last byte", async () => {
      const { server, streams } = await serveMaster();
      const { clock, states, events, reach } = start([server.address]);
      await until(() => events.length === 2, { what: "the first heartbeat" });
      clock.advanceBy(74_000);
      streams[0]?.event(heartbeat);
      await until(() => events.length === 3, { what: "the second heartbeat" });
      clock.advanceBy(74_999);
      expect(states.at(-1)?.type).toBe("subscribed");
      clock.advanceBy(1);
      await reach("waiting");
      expect(states.at(-1)).toMatchObject({
        because: "nothing was heard for 75000 ms",
        wasSubscribed: true,
      });
      await until(() => streams[0]?.isGone === true, { what: "the dead connection closed" });
    });

    it("does not hammer a master that accepts and drops at once", async () => {
      const server = await serve((_request, answer) => {
        const stream = answer.stream();
        stream.event(subscribed());
        stream.finish();
      });
      const { clock, states, reach } = start([server.address]);
      for (let attempt = 1; attempt <= 4; attempt += 1) {
        await reach("waiting", attempt);
        clock.advanceBy(15_000);
      }
      const delays = states.flatMap((state) => (state.type === "waiting" ? [state.delayMs] : []));
      expect(delays.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
    });

    it("stops when the stream says that another scheduler took over", async () => {
      const { server, streams } = await serveMaster();
      const { states, events, reach } = start([server.address]);
      await reach("subscribed");
      const error = { type: "ERROR", error: { message: "Framework failed over" } };
      streams[0]?.event(error, heartbeat);
      streams[0]?.finish();
      await reach("stopped");
      expect(events.at(-1)).toEqual(error);
      expect(types(states)).toEqual(["connecting", "subscribed", "stopped"]);
    });
  });

  describe("calls", () => {
    it("go in order on one connection of their own, one at a time, with id and stream id", async () => {
      const { server, streams } = await serveMaster();
      const { session, reach } = start([server.address]);
      await reach("subscribed");
      const held: Answer[] = [];
      let mostAtOnce = 0;
      server.program = (_request, answer) => {
        held.push(answer);
        mostAtOnce = Math.max(mostAtOnce, held.length);
        setImmediate(() => held.shift()?.send(202));
      };
      const ids = Array.from({ length: 200 }, (_, index) => `t-${index}`);
      const outcomes = await Promise.all(
        ids.map((taskId) => session.call(killCall({ taskId, agentId: "A" }))),
      );
      expect(outcomes).toEqual(ids.map(() => ({ type: "accepted" })));
      const kills = server.calls("KILL");
      expect(kills.map((request) => request.body.kill.task_id.value)).toEqual(ids);
      expect(new Set(kills.map((request) => request.connection)).size).toBe(1);
      expect(kills[0]?.connection).not.toBe(server.calls("SUBSCRIBE")[0]?.connection);
      expect(mostAtOnce).toBe(1);
      expect(kills[0]?.body.framework_id).toEqual({ value: "F" });
      expect(kills[0]?.headers).toMatchObject({
        "mesos-stream-id": "stream-1",
        "content-type": contentType,
      });
      expect(streams).toHaveLength(1);
    });

    it("outside of a subscription are lost unsent", async () => {
      const server = await serve((_request, answer) => answer.send(503));
      const { session, reach } = start([server.address]);
      await reach("waiting");
      expect(await session.call(reviveCall())).toEqual({
        type: "lost",
        sent: false,
        because: "not subscribed",
      });
      expect(server.calls("REVIVE")).toEqual([]);
    });

    it("that are wrong are rejected, and the session goes on", async () => {
      const { server } = await serveMaster();
      const { session, states, reach } = start([server.address]);
      await reach("subscribed");
      server.program = (_request, answer) =>
        answer.send(400, "Failed to validate scheduler::Call: x");
      expect(await session.call(reviveCall())).toEqual({
        type: "rejected",
        status: 400,
        text: "Failed to validate scheduler::Call: x",
      });
      expect(types(states)).toEqual(["connecting", "subscribed"]);
    });

    it.each([
      [400, "Framework cannot be found"],
      [400, "The stream ID 'x' included in this request didn't match the stream ID currently"],
      [400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"],
      [403, "Framework is not subscribed"],
      [503, "No leader elected"],
      [307, ""],
      [401, "401 Unauthorized."],
    ])("answered %i %s end the session; those behind are lost unsent", async (status, text) => {
      const { server, streams } = await serveMaster();
      const { program } = server;
      const { session, clock, states, reach } = start([server.address]);
      await reach("subscribed");
      server.program = (_request, answer) =>
        answer.send(status, text, status === 307 ? { location: "//h:1/" } : {});
      const calls = ["a", "b", "c"].map((offer) =>
        session.call(acceptCall({ offerIds: [offer], operations: [] })),
      );
      const because = `the master answered ${status} ${text}`.trim();
      const lost = { type: "lost", sent: false, because };
      expect(await Promise.all(calls)).toEqual([lost, lost, lost]);
      expect(server.calls("ACCEPT")).toHaveLength(1);
      expect(states.at(-1)).toMatchObject({ type: "waiting", because, wasSubscribed: true });
      server.program = program;
      // Where another stream has the framework, this one is heard for so long.
      const isReplaced = text.startsWith("The stream ID");
      clock.advanceBy(isReplaced ? errorMsMax : 250);
      await until(() => streams[0]?.isGone === true, { what: "the stream closed" });
      await reach("subscribed", 2);
      expect(await session.call(reviveCall())).toEqual({ type: "accepted" });
      expect(server.calls("ACCEPT")).toHaveLength(1);
      expect(server.calls("REVIVE")[0]?.headers["mesos-stream-id"]).toBe("stream-2");
    });

    it("without an answer are lost as sent, at the limit or with the connection, and never repeated", async () => {
      const { server } = await serveMaster();
      const { program } = server;
      const { session, clock, reach } = start([server.address]);
      await reach("subscribed");
      server.program = () => {};
      const hanging = session.call(reviveCall());
      const behind = session.call(reviveCall());
      await until(() => server.calls("REVIVE").length === 1, { what: "the call" });
      clock.advanceBy(10_000);
      const because = "no answer within 10000 ms";
      expect(await hanging).toEqual({ type: "lost", sent: true, because });
      expect(await behind).toEqual({ type: "lost", sent: false, because });
      server.program = program;
      clock.advanceBy(15_000);
      await reach("subscribed", 2);
      server.program = (_request, answer) => answer.cut();
      const cut = await session.call(reviveCall());
      expect(cut).toEqual({ type: "lost", sent: true, because: "other side closed" });
      expect(server.calls("REVIVE")).toHaveLength(2);
    });

    it("beyond the limit of the queue are lost, and the session goes on", async () => {
      const { server } = await serveMaster();
      const { session, states, reach } = start([server.address]);
      await reach("subscribed");
      let held: Answer | undefined;
      server.program = (_request, answer) => {
        held = answer;
      };
      const first = session.call(reviveCall());
      await until(() => held !== undefined, { what: "the first call" });
      const waiting = Array.from({ length: callsQueuedMax }, () => session.call(reviveCall()));
      expect(await session.call(reviveCall())).toEqual({
        type: "lost",
        sent: false,
        because: "too many calls wait",
      });
      expect(types(states)).toEqual(["connecting", "subscribed"]);
      held?.send(202);
      expect(await first).toEqual({ type: "accepted" });
      await session.close();
      const outcomes = await Promise.all(waiting);
      expect(outcomes.filter((outcome) => outcome.type === "lost")).toHaveLength(callsQueuedMax);
    });
  });

  describe("closing", () => {
    it("ends connections, timers and waiting calls, once", async () => {
      const { server } = await serveMaster();
      const { session, clock, states, reach } = start([server.address]);
      await reach("subscribed");
      server.program = () => {};
      const calls = [session.call(reviveCall()), session.call(reviveCall())];
      await until(() => server.calls("REVIVE").length === 1, { what: "the call" });
      await Promise.all([session.close(), session.close()]);
      expect(await Promise.all(calls)).toEqual([
        { type: "lost", sent: true, because: "closed" },
        { type: "lost", sent: false, because: "closed" },
      ]);
      await until(() => server.connectionCount === 0, { what: "all connections closed" });
      expect(clock.pendingCount).toBe(0);
      expect(states.at(-1)).toEqual({ type: "stopped", reason: { type: "closed" } });
      expect(await session.call(reviveCall())).toMatchObject({ type: "lost", sent: false });
    });

    it.each(["connecting", "waiting", "subscribed", "event"])(
      "works from inside of %s",
      async (on) => {
        const { server } = await serveMaster();
        const { program } = server;
        server.program = (_request, answer) => answer.send(503);
        const seen: string[] = [];
        const closeOn = (type: string) => {
          seen.push(type);
          // The first attempt runs before the session is known here; it is refused.
          if (type === on && (on === "waiting" || seen.includes("waiting"))) void session.close();
        };
        const { session, clock } = start([server.address], {
          onState: (state) => closeOn(state.type),
          onEvent: () => closeOn("event"),
        });
        await until(() => seen.includes("waiting"), { what: "the refusal" });
        server.program = program;
        clock.advanceBy(250);
        await until(() => seen.includes("stopped"), { what: "the end" });
        await session.close();
        const all = ["connecting", "waiting", "connecting", "subscribed", "event"];
        expect(seen).toEqual([...all.slice(0, all.lastIndexOf(on) + 1), "stopped"]);
        expect(clock.pendingCount).toBe(0);
        await until(() => server.connectionCount === 0, { what: "all connections closed" });
      },
    );
  });
});
