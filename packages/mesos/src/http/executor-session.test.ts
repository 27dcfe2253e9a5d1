/**
 * Owns the proof that the executor session loses no update, repeats no message and finds its agent again, over real
 * sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until, VirtualClock } from "@mr-redis/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type Program,
  ProgrammedServer,
  type SeenRequest,
  type ServedStream,
} from "../../test/programmed-server.js";
import {
  expectedEvents,
  recordedStreams,
  recordingBytes,
  withoutUnknown,
} from "../../test/recordings.js";
import type { WireCodec } from "../wire/codec.js";
import { createWireCodec } from "../wire/codec-choice.js";
import type { ExecutorEvent, TaskState } from "../wire/types.js";
import { parseUuid } from "../wire/uuid.js";
import type { ExecutorEnvironment } from "./executor-environment.js";
import {
  createExecutorSession,
  type ExecutorSession,
  type ExecutorSessionState,
} from "./executor-session.js";

const identity = { framework_id: { value: "F" }, executor_id: { value: "E" } };
const task = (id: string) => ({ name: id, task_id: { value: id }, agent_id: { value: "A" } });
const launch = (id: string) => ({ type: "LAUNCH", launch: { task: task(id) } });
const acknowledged = (id: string, uuid: string) => ({
  type: "ACKNOWLEDGED",
  acknowledged: { task_id: { value: id }, uuid },
});
const subscribed = {
  type: "SUBSCRIBED",
  subscribed: {
    executor_info: { executor_id: { value: "E" } },
    framework_info: { user: "u", name: "n" },
    agent_info: { hostname: "h" },
  },
};
const draft = (id: string, state: TaskState) => ({ task_id: { value: id }, state });

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An agent whose answers to calls can be changed; `acknowledges` makes it acknowledge each update that it takes. */
class TestAgent {
  readonly streams: ServedStream[] = [];
  acknowledges = false;
  onSubscribe: Program = (_request, answer) => this.subscribe(answer);
  onCall: Program = (request, answer) => this.take(request, answer);
  readonly #codec: WireCodec;
  #server: ProgrammedServer | null = null;

  constructor(codec: WireCodec) {
    this.#codec = codec;
  }

  async start(listenOn: number | string = 0): Promise<void> {
    this.#server = await ProgrammedServer.start(
      (request, answer) => {
        if (request.body.type === "SUBSCRIBE") this.onSubscribe(request, answer);
        else this.onCall(request, answer);
      },
      this.#codec,
      listenOn,
    );
    closers.push(() => this.server.stop());
  }

  get server(): ProgrammedServer {
    if (this.#server === null) throw new Error("not started");
    return this.#server;
  }

  subscribe(answer: Answer): void {
    const stream = answer.stream();
    this.streams.push(stream);
    stream.event(subscribed);
  }

  take(request: SeenRequest, answer: Answer): void {
    answer.send(202);
    if (request.body.type === "UPDATE" && this.acknowledges) {
      const { task_id, uuid } = request.body.update.status;
      this.streams.at(-1)?.event(acknowledged(task_id.value, uuid));
    }
  }

  /** What was asked for, as `TYPE task state` for updates. */
  seen(): string[] {
    return this.server.requests.map(({ body }) => {
      const status = body.update?.status;
      return status === undefined ? body.type : `${status.task_id.value} ${status.state}`;
    });
  }
}

interface Harness {
  readonly session: ExecutorSession;
  readonly clock: VirtualClock;
  readonly states: ExecutorSessionState[];
  readonly events: ExecutorEvent[];
  reach(type: ExecutorSessionState["type"], count?: number): Promise<void>;
}

describe.each(["application/json", "application/x-protobuf"] as const)("in %s", (contentType) => {
  const codec = createWireCodec(contentType);
  const isJson = contentType === "application/json";

  function start(address: string, environment: Partial<ExecutorEnvironment> = {}): Harness {
    const clock = new VirtualClock();
    const states: ExecutorSessionState[] = [];
    const events: ExecutorEvent[] = [];
    let uuids = 0;
    const session = createExecutorSession({
      environment: {
        frameworkId: "F",
        executorId: "E",
        agentId: "A",
        endpoint: { origin: `http://${address}` },
        sandbox: "/tmp",
        checkpoint: true,
        shutdownGraceMs: 5000,
        recoveryTimeoutMs: 900_000,
        subscriptionBackoffMaxMs: 2000,
        authenticationToken: undefined,
        ...environment,
      },
      codec,
      clock,
      random: () => 0.5,
      randomBytes16: () => {
        uuids += 1;
        return new Uint8Array(16).fill(uuids);
      },
      onEvent: (event) => events.push(event),
      onState: (state) => states.push(state),
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
          deadlineMs: 5000,
        }),
    };
  }

  async function startBoth(environment: Partial<ExecutorEnvironment> = {}) {
    const agent = new TestAgent(codec);
    await agent.start();
    const harness = start(agent.server.address, environment);
    await harness.reach("subscribed");
    return { agent, ...harness };
  }

  describe("subscribing", () => {
    it("asks as Mesos wants it and tells state and events in order", async () => {
      const { agent, states, events } = await startBoth({ authenticationToken: "jwt" });
      await until(() => events.length === 1, { what: "SUBSCRIBED" });
      expect(states).toEqual([{ type: "subscribed", subscribed: subscribed.subscribed }]);
      expect(events).toEqual([subscribed]);
      const request = agent.server.requests[0];
      expect([request?.path, request?.body]).toEqual([
        "/api/v1/executor",
        {
          ...identity,
          type: "SUBSCRIBE",
          // Empty lists are not on the wire in protobuf.
          subscribe: isJson ? { unacknowledged_tasks: [], unacknowledged_updates: [] } : {},
        },
      ]);
      expect(request?.headers).toMatchObject({
        "content-type": contentType,
        accept: contentType,
        authorization: "Bearer jwt",
      });
    });

    it("reads the recorded stream of a real agent", async () => {
      const recorded = recordedStreams().find(
        (stream) =>
          stream.codec === codec && stream.path.endsWith("/executor/002-subscribe.recordio"),
      );
      if (recorded === undefined) throw new Error("not recorded");
      const agent = new TestAgent(codec);
      agent.onSubscribe = (_request, answer) => {
        answer.stream().raw(recordingBytes(recorded.path));
      };
      await agent.start();
      const { events } = start(agent.server.address);
      const expected = expectedEvents(recorded);
      await until(() => events.length === expected.length, { what: "all events" });
      expect(events.map((value) => ({ ok: true, value: withoutUnknown(value) }))).toEqual(expected);
    });

    it("works over the unix socket of the agent", async () => {
      const socketPath = join(tmpdir(), `mrr-executor-${process.pid}.sock`);
      const agent = new TestAgent(codec);
      await agent.start(socketPath);
      closers.push(async () => rmSync(socketPath, { force: true }));
      const { session, reach } = start("", { endpoint: { origin: "http://agent", socketPath } });
      await reach("subscribed");
      expect(await session.message("aGk=")).toEqual({ type: "accepted" });
    });

    it("tries every half a second at most while the agent is away or starting, for the registration time", async () => {
      const agent = new TestAgent(codec);
      await agent.start();
      const answers = [503, 404, 500];
      agent.onSubscribe = (_request, answer) => {
        const status = answers.shift();
        if (status === undefined) answer.cut();
        else answer.send(status, "Agent has not finished recovery");
      };
      const { clock, states, reach } = start(agent.server.address);
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        await reach("disconnected", attempt);
        if (attempt < 5) clock.advanceBy(250);
      }
      const waits = states.map((state) =>
        state.type === "disconnected" ? [state.delayMs, state.because] : state.type,
      );
      expect(waits.slice(0, 4)).toEqual([
        [250, "the agent answered 503 Agent has not finished recovery"],
        [250, "the agent answered 404 Agent has not finished recovery"],
        [250, "the agent answered 500 Agent has not finished recovery"],
        [250, "other side closed"],
      ]);
      clock.advanceBy(60_000);
      await reach("gave-up");
      expect(states.at(-1)).toEqual({ type: "gave-up", because: "no agent within 60000 ms" });
      expect(clock.pendingCount).toBe(0);
    });

    it.each([
      [400, "Framework cannot be found"],
      [400, "Executor cannot be found"],
      [401, ""],
      [403, ""],
    ])("gives up at once on %i %s", async (status, text) => {
      const agent = new TestAgent(codec);
      agent.onSubscribe = (_request, answer) => answer.send(status, text);
      await agent.start();
      const { states, reach } = start(agent.server.address);
      await reach("gave-up");
      expect(states).toEqual([
        { type: "gave-up", because: `the agent answered ${status} ${text}`.trim() },
      ]);
    });

    it("hands on a SHUTDOWN that comes instead of SUBSCRIBED", async () => {
      const agent = new TestAgent(codec);
      agent.onSubscribe = (_request, answer) => {
        const stream = answer.stream();
        stream.event({ type: "SHUTDOWN" });
        stream.finish();
      };
      await agent.start();
      const { events, reach } = start(agent.server.address);
      await reach("disconnected");
      expect(events).toEqual([{ type: "SHUTDOWN" }]);
    });

    it("gives up an attempt without any event", async () => {
      const agent = new TestAgent(codec);
      agent.onSubscribe = () => {};
      await agent.start();
      const { clock, states, reach } = start(agent.server.address);
      await until(() => agent.server.requests.length === 1, { what: "the request" });
      clock.advanceBy(10_000);
      await reach("disconnected");
      expect(states).toMatchObject([{ because: "no event within 10000 ms", wasSubscribed: false }]);
    });
  });

  describe("updates", () => {
    it("carry what Mesos demands and are settled by their acknowledgement only", async () => {
      const { agent, session, clock, events } = await startBoth();
      let outcome: unknown;
      void session.update({ ...draft("t", "TASK_RUNNING"), message: "up" }).then((value) => {
        outcome = value;
      });
      await until(() => agent.server.requests.length === 2, { what: "the update" });
      const { status } = agent.server.requests[1]?.body.update ?? {};
      expect(agent.server.requests[1]?.body).toEqual({
        ...identity,
        type: "UPDATE",
        update: {
          status: {
            task_id: { value: "t" },
            state: "TASK_RUNNING",
            message: "up",
            source: "SOURCE_EXECUTOR",
            executor_id: { value: "E" },
            timestamp: clock.nowMs() / 1000,
            uuid: expect.any(String),
          },
        },
      });
      expect(parseUuid(status.uuid).ok).toBe(true);
      expect(outcome).toBeUndefined();
      agent.streams[0]?.event(acknowledged("t", status.uuid));
      await until(() => outcome !== undefined, { what: "the outcome" });
      expect(outcome).toEqual({ type: "acknowledged" });
      expect(events.at(-1)?.type).toBe("ACKNOWLEDGED");
    });

    it("and messages go in order on one connection", async () => {
      const { agent, session } = await startBoth();
      agent.acknowledges = true;
      const updates = Array.from({ length: 100 }, (_, index) =>
        session.update(draft(`t-${index}`, "TASK_RUNNING")),
      );
      const message = session.message("aGk=");
      updates.push(session.update(draft("t-0", "TASK_FINISHED")));
      expect(new Set((await Promise.all(updates)).map((outcome) => outcome.type))).toEqual(
        new Set(["acknowledged"]),
      );
      expect(await message).toEqual({ type: "accepted" });
      expect(agent.seen()).toEqual([
        "SUBSCRIBE",
        ...Array.from({ length: 100 }, (_, index) => `t-${index} TASK_RUNNING`),
        "MESSAGE",
        "t-0 TASK_FINISHED",
      ]);
      const connections = agent.server.requests.slice(1).map((request) => request.connection);
      expect(new Set(connections).size).toBe(1);
    });

    it("are sent again with the same uuid while the agent recovers, and none overtakes", async () => {
      const { agent, session, clock } = await startBoth();
      const answers = [503, 503, 404];
      const { onCall } = agent;
      agent.onCall = (request, answer) => {
        const status = answers.shift();
        if (status === undefined) onCall(request, answer);
        else answer.send(status, "Agent has not finished recovery");
      };
      agent.acknowledges = true;
      const outcomes = [
        session.update(draft("t", "TASK_STARTING")),
        session.update(draft("t", "TASK_RUNNING")),
      ];
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        await until(() => agent.server.requests.length === 1 + attempt, { what: "the attempt" });
        await until(() => clock.nextDueMs === 500 * attempt, { what: "the pause" });
        clock.advanceBy(500);
      }
      expect(await Promise.all(outcomes)).toEqual([
        { type: "acknowledged" },
        { type: "acknowledged" },
      ]);
      expect(agent.seen().slice(1)).toEqual([
        ...Array.from({ length: 4 }, () => "t TASK_STARTING"),
        "t TASK_RUNNING",
      ]);
      const uuids = agent.server.requests.slice(1, 5).map(({ body }) => body.update.status.uuid);
      expect(new Set(uuids).size).toBe(1);
    });

    it("are sent again when the connection breaks or no answer comes", async () => {
      const { agent, session, clock, states } = await startBoth();
      const { onCall } = agent;
      const programs: Program[] = [(_request, answer) => answer.cut(), () => {}];
      agent.onCall = (request, answer) => (programs.shift() ?? onCall)(request, answer);
      agent.acknowledges = true;
      const outcome = session.update(draft("t", "TASK_RUNNING"));
      await until(() => clock.nextDueMs === 500, { what: "the pause after the cut" });
      clock.advanceBy(500);
      await until(() => agent.server.requests.length === 3, { what: "the second attempt" });
      clock.advanceBy(10_000);
      await until(() => clock.nextDueMs === 11_000, { what: "the pause after the silence" });
      clock.advanceBy(500);
      expect(await outcome).toEqual({ type: "acknowledged" });
      expect(agent.seen()).toEqual([
        "SUBSCRIBE",
        ...Array.from({ length: 3 }, () => "t TASK_RUNNING"),
      ]);
      expect(states).toHaveLength(1);
    });

    it("that are wrong are rejected and forgotten, those behind go on", async () => {
      const { agent, session } = await startBoth();
      const text = "Failed to validate Executor::Call: x";
      const { onCall } = agent;
      agent.onCall = (request, answer) => {
        if (request.body.update.status.state === "TASK_STAGING") answer.send(400, text);
        else onCall(request, answer);
      };
      agent.acknowledges = true;
      const wrong = session.update(draft("t", "TASK_STAGING"));
      const right = session.update(draft("t", "TASK_RUNNING"));
      expect(await wrong).toEqual({ type: "rejected", status: 400, text });
      expect(await right).toEqual({ type: "acknowledged" });
    });

    it.each([
      [403, "Executor is not subscribed"],
      [400, "Executor cannot be found"],
    ])(
      "answered %i %s make the session subscribe anew, and are carried by that",
      async (status, text) => {
        const { agent, session, clock, reach } = await startBoth();
        agent.onCall = (_request, answer) => answer.send(status, text);
        void session.update(draft("t", "TASK_RUNNING"));
        await reach("disconnected");
        clock.advanceBy(250);
        await reach("subscribed", 2);
        expect(agent.server.calls("UPDATE")).toHaveLength(1);
        expect(agent.server.calls("SUBSCRIBE")[1]?.body.subscribe.unacknowledged_updates).toEqual([
          agent.server.calls("UPDATE")[0]?.body.update,
        ]);
      },
    );
  });

  describe("losing the agent", () => {
    it("repeats tasks and updates without acknowledgement, in order, and nothing else", async () => {
      const { agent, session, clock, events, reach } = await startBoth();
      agent.streams[0]?.event(launch("a"), launch("b"), {
        type: "LAUNCH_GROUP",
        launch_group: { task_group: { tasks: [task("c")] } },
      });
      await until(() => events.length === 4, { what: "the launches" });
      agent.acknowledges = true;
      expect(await session.update(draft("a", "TASK_STARTING"))).toEqual({ type: "acknowledged" });
      agent.acknowledges = false;
      const running = session.update(draft("a", "TASK_RUNNING"));
      await until(() => agent.server.calls("UPDATE").length === 2, { what: "the second update" });
      agent.streams[0]?.finish();
      await reach("disconnected");
      const finished = session.update(draft("a", "TASK_FINISHED"));
      clock.advanceBy(250);
      await reach("subscribed", 2);
      const { subscribe } = agent.server.calls("SUBSCRIBE")[1]?.body ?? {};
      expect(subscribe.unacknowledged_tasks).toEqual([task("b"), task("c")]);
      const carried = subscribe.unacknowledged_updates.map(
        (update: { status: { state: string; uuid: string } }) => update.status,
      );
      expect(carried.map((status: { state: string }) => status.state)).toEqual([
        "TASK_RUNNING",
        "TASK_FINISHED",
      ]);
      for (const { uuid } of carried) agent.streams[1]?.event(acknowledged("a", uuid));
      expect(await Promise.all([running, finished])).toEqual([
        { type: "acknowledged" },
        { type: "acknowledged" },
      ]);
      expect(agent.server.calls("UPDATE")).toHaveLength(2);
    });

    it("sends what was made after SUBSCRIBE went out as a call of its own", async () => {
      const { agent, session, clock, reach } = await startBoth();
      let held: Answer | undefined;
      agent.onSubscribe = (_request, answer) => {
        held = answer;
      };
      agent.streams[0]?.cut();
      await reach("disconnected");
      clock.advanceBy(250);
      await until(() => held !== undefined, { what: "the subscription" });
      agent.acknowledges = true;
      const outcome = session.update(draft("t", "TASK_RUNNING"));
      if (held !== undefined) agent.subscribe(held);
      expect(await outcome).toEqual({ type: "acknowledged" });
      expect(agent.seen()).toEqual(["SUBSCRIBE", "SUBSCRIBE", "t TASK_RUNNING"]);
    });

    it("never sends a message twice", async () => {
      const { agent, session, clock, reach } = await startBoth();
      agent.onCall = () => {};
      const inFlight = session.message("MQ==");
      const behind = session.message("Mg==");
      await until(() => agent.server.calls("MESSAGE").length === 1, { what: "the message" });
      agent.streams[0]?.finish();
      await reach("disconnected");
      const because = "the other side ended the stream";
      expect(await Promise.all([inFlight, behind, session.message("Mw==")])).toEqual([
        { type: "lost", sent: true, because },
        { type: "lost", sent: false, because },
        { type: "lost", sent: false, because: "not subscribed" },
      ]);
      clock.advanceBy(250);
      await reach("subscribed", 2);
      agent.onCall = (_request, answer) => answer.send(503);
      expect(await session.message("NA==")).toMatchObject({ type: "lost", sent: false });
      agent.onCall = (request, answer) => agent.take(request, answer);
      expect(await session.message("NQ==")).toEqual({ type: "accepted" });
      expect(agent.server.calls("MESSAGE").map(({ body }) => body.message.data)).toEqual([
        "MQ==",
        "NA==",
        "NQ==",
      ]);
    });

    it("gives up at once without checkpointing", async () => {
      const { agent, session, states, reach } = await startBoth({ checkpoint: false });
      const outcome = session.update(draft("t", "TASK_RUNNING"));
      agent.streams[0]?.cut();
      await reach("gave-up");
      expect(states.map((state) => state.type)).toEqual(["subscribed", "gave-up"]);
      expect(await outcome).toEqual({ type: "lost", because: "other side closed" });
      expect(await session.update(draft("t", "TASK_FAILED"))).toMatchObject({ type: "lost" });
    });

    it("gives up after the recovery timeout, counted from the loss", async () => {
      const { agent, clock, states, reach } = await startBoth({ recoveryTimeoutMs: 60_000 });
      agent.onSubscribe = (_request, answer) => answer.send(503);
      agent.streams[0]?.cut();
      for (let attempt = 1; attempt <= 4; attempt += 1) {
        await reach("disconnected", attempt);
        clock.advanceBy(250);
      }
      await reach("disconnected", 5);
      clock.advanceTo(59_999);
      expect(states.at(-1)?.type).toBe("disconnected");
      clock.advanceTo(60_000);
      await reach("gave-up");
      expect(states.at(-1)).toEqual({ type: "gave-up", because: "no agent within 60000 ms" });
    });

    it("a new loss has the whole recovery timeout again", async () => {
      const { agent, clock, states, reach } = await startBoth({ recoveryTimeoutMs: 1000 });
      for (let round = 1; round <= 4; round += 1) {
        agent.streams.at(-1)?.finish();
        await reach("disconnected", round);
        clock.advanceBy(800);
        await reach("subscribed", round + 1);
      }
      expect(states.at(-1)?.type).toBe("subscribed");
      clock.advanceBy(100_000);
      expect(states.at(-1)?.type).toBe("subscribed");
    });
  });

  describe("closing", () => {
    it("ends connections, timers and everything that waits, once", async () => {
      const { agent, session, clock, states } = await startBoth();
      agent.onCall = () => {};
      const update = session.update(draft("t", "TASK_RUNNING"));
      const message = session.message("aGk=");
      await until(() => agent.server.calls("UPDATE").length === 1, { what: "the update" });
      await Promise.all([session.close(), session.close()]);
      expect(await update).toEqual({ type: "lost", because: "closed" });
      expect(await message).toEqual({ type: "lost", sent: false, because: "closed" });
      await until(() => agent.server.connectionCount === 0, { what: "all connections closed" });
      expect(clock.pendingCount).toBe(0);
      expect(states).toHaveLength(1);
    });
  });
});
