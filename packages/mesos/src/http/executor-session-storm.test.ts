/**
 * Owns the proof, by seed, that no mixture of faults of agent and connection makes an executor lose an update, change
 * their order, say a message twice, or stay away from an agent that is well again.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createRandom, type Random, until, VirtualClock } from "@mr-redis/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type Answer,
  ProgrammedServer,
  type SeenRequest,
  type ServedStream,
} from "../../test/programmed-server.js";
import { Closers } from "../../test/session-harness.js";
import { createWireCodec } from "../wire/codec-choice.js";
import type { TaskStatus } from "../wire/types.js";
import { createExecutorSession, type ExecutorSessionState } from "./executor-session.js";

vi.setConfig({ testTimeout: 120_000 });

const seedFirst = Number(process.env.MRR_HOSTILE_SEED ?? 1);
const seedCount = 12 * Number(process.env.MRR_HOSTILE_FACTOR ?? 1);
const steps = 60;
const deadlineMs = 20_000;

const closers = new Closers();
afterEach(() => closers.closeAll());

const subscribed = {
  type: "SUBSCRIBED",
  subscribed: {
    executor_info: { executor_id: { value: "E" } },
    framework_info: { user: "u", name: "n" },
    agent_info: { hostname: "h" },
  },
};

/** Stores updates as an agent does, and answers in any way but to refuse for good, until it is healed. */
class Agent {
  /** Texts of the updates in the order of their first storing. */
  readonly stored: string[] = [];
  /** Texts of the messages in the order of their coming. */
  readonly messages: string[] = [];
  readonly #random: Random;
  readonly #uuids = new Map<string, string>();
  readonly wrong: string[] = [];
  #stream: ServedStream | null = null;
  isHealed = true;

  constructor(random: Random) {
    this.#random = random;
  }

  answer(request: SeenRequest, answer: Answer): void {
    const { body } = request;
    if (body.type === "SUBSCRIBE") this.#onSubscribe(body, answer);
    else if (body.type === "MESSAGE") this.#onMessage(body, answer);
    else this.#onUpdate(body.update.status, answer);
  }

  /** Something happens on the stream. */
  stir(): void {
    const stream = this.#stream;
    if (stream === null || this.#random.chance(0.6)) return;
    this.#random.pick<() => void>([
      () => stream.event({ type: "HEARTBEAT" }),
      () => stream.finish(),
      () => stream.cut(),
      () => stream.raw("garbage\n"),
      () => stream.raw('300\n{"type":'),
    ])();
  }

  #isFaulty(probability: number): boolean {
    return !this.isHealed && this.#random.chance(probability);
  }

  #onSubscribe(body: SeenRequest["body"], answer: Answer): void {
    if (this.#isFaulty(0.4)) {
      this.#random.pick<() => void>([
        () => answer.send(503, "Agent has not finished recovery"),
        () => answer.send(404),
        () => answer.cut(),
        () => {},
        () => answer.stream().finish(),
        () => answer.stream().raw("x\n"),
      ])();
      return;
    }
    const stream = answer.stream();
    this.#stream = stream;
    const updates: TaskStatus[] = (body.subscribe?.unacknowledged_updates ?? []).map(
      (each: { status: TaskStatus }) => each.status,
    );
    for (const status of updates) this.#store(status);
    stream.event(subscribed);
    for (const status of updates) this.#acknowledge(status);
  }

  #onMessage(body: SeenRequest["body"], answer: Answer): void {
    this.messages.push(Buffer.from(body.message.data, "base64").toString("utf8"));
    if (this.#isFaulty(0.3)) this.#random.pick([() => answer.cut(), () => {}])();
    else answer.send(202);
  }

  #onUpdate(status: TaskStatus, answer: Answer): void {
    if (this.#isFaulty(0.4)) {
      this.#random.pick<() => void>([
        () => answer.send(503),
        () => answer.send(403, "Executor is not subscribed"),
        () => answer.send(400, "Executor cannot be found"),
        () => answer.cut(),
        () => {},
        // Taken, and nobody hears of it.
        () => {
          this.#store(status);
          answer.cut();
        },
      ])();
      return;
    }
    this.#store(status);
    answer.send(202);
    this.#acknowledge(status);
  }

  #store(status: TaskStatus): void {
    const text = status.message ?? "";
    const uuid = status.uuid ?? "";
    const known = this.#uuids.get(uuid);
    if (known === undefined) this.stored.push(text);
    else if (known !== text) this.wrong.push(`${text} has the uuid of ${known}`);
    this.#uuids.set(uuid, text);
  }

  #acknowledge(status: TaskStatus): void {
    if (this.#isFaulty(0.2)) return;
    this.#stream?.event({
      type: "ACKNOWLEDGED",
      acknowledged: { task_id: status.task_id, uuid: status.uuid },
    });
  }
}

function start(
  agent: ProgrammedServer,
  random: Random,
  contentType: Parameters<typeof createWireCodec>[0],
) {
  const clock = new VirtualClock();
  const states: ExecutorSessionState[] = [];
  const session = createExecutorSession({
    environment: {
      frameworkId: "F",
      executorId: "E",
      agentId: "A",
      endpoint: { origin: `http://${agent.address}` },
      sandbox: "/",
      checkpoint: true,
      shutdownGraceMs: 5000,
      recoveryTimeoutMs: 1_000_000_000,
      subscriptionBackoffMaxMs: 2000,
      authenticationToken: undefined,
    },
    clock,
    codec: createWireCodec(contentType),
    random: () => random.next(),
    randomBytes16: () => Uint8Array.from({ length: 16 }, () => random.integer(0, 255)),
    onEvent: () => {},
    onState: (state) => states.push(state),
  });
  closers.add(() => session.close());
  session.start();
  return { clock, states, session };
}

/** Lets what is on the sockets arrive, as far as it does by itself. */
async function turns(random: Random): Promise<void> {
  for (let turn = random.integer(1, 40); turn > 0; turn -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** One life of a session; gives what was wrong. */
async function storm(
  seed: number,
  contentType: Parameters<typeof createWireCodec>[0],
): Promise<string[]> {
  const random = createRandom(seed);
  const agent = new Agent(random.fork("agent"));
  const server = await ProgrammedServer.start(
    (request, answer) => agent.answer(request, answer),
    createWireCodec(contentType),
  );
  closers.add(() => server.stop());
  const { clock, states, session } = start(server, random, contentType);
  const isSubscribed = () => states.at(-1)?.type === "subscribed";
  await until(isSubscribed, { what: "the first subscription", deadlineMs });
  agent.isHealed = false;
  const made: string[] = [];
  const sent: string[] = [];
  let acknowledged = 0;
  const report = (): void => {
    const text = `update-${made.length}`;
    made.push(text);
    const state = "TASK_RUNNING";
    const task_id = { value: `task-${random.integer(0, 2)}` };
    void session.update({ task_id, state, message: text }).then((outcome) => {
      if (outcome.type === "acknowledged") acknowledged += 1;
      else agent.wrong.push(`${text} was ${outcome.type}`);
    });
  };
  for (let step = 0; step < steps; step += 1) {
    await turns(random);
    if (random.chance(0.6)) clock.advanceBy(random.integer(0, 11_000));
    agent.stir();
    for (let count = random.integer(0, 3); count > 0; count -= 1) report();
    if (random.chance(0.4)) {
      const text = `message-${sent.length}`;
      sent.push(text);
      void session.message(Buffer.from(text).toString("base64"));
    }
  }
  agent.isHealed = true;
  // A stream in the middle of a record says nothing more: nobody else ends it.
  for (const { connection } of server.requests) server.cutConnection(connection);
  await until(
    () => {
      clock.advanceBy(500);
      return acknowledged === made.length;
    },
    { what: `all of ${made.length} updates acknowledged, not ${acknowledged}`, deadlineMs },
  );
  await session.close();
  await until(() => server.connectionCount === 0, { what: "no connection", deadlineMs });
  if (clock.pendingCount > 0) agent.wrong.push(`${clock.pendingCount} timers are left`);
  expect(agent.stored).toEqual(made);
  // In order, each at most once.
  expect(agent.messages).toEqual(sent.filter((text) => agent.messages.includes(text)));
  return agent.wrong;
}

describe.each(["application/json", "application/x-protobuf"] as const)("in %s", (contentType) => {
  it.each(Array.from({ length: seedCount }, (_, index) => seedFirst + index))(
    "holds against seed %i",
    async (seed) => {
      expect(await storm(seed, contentType)).toEqual([]);
    },
  );
});
