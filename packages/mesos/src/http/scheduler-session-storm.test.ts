/**
 * Owns the proof, by seed, that no mixture of faults makes a session hear a stream that is not its own, send a call twice,
 * forget to settle one, keep a connection or a timer, or stay away from masters that are well again.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createRandom, type Random, until } from "@mr-redis/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type Answer,
  ProgrammedServer,
  type SeenRequest,
  type ServedStream,
} from "../../test/programmed-server.js";
import { Closers, heartbeat, SessionHarness, subscribedBy } from "../../test/session-harness.js";
import type { LeaderDetector, LeaderSighting } from "../leader/leader-detector.js";
import { jsonCodec } from "../wire/json-codec.js";
import { killCall } from "../wire/scheduler-calls.js";
import type { SchedulerEvent } from "../wire/types.js";
import type { CallOutcome } from "./call-outcome.js";

vi.setConfig({ testTimeout: 120_000 });

const seedFirst = Number(process.env.MRR_HOSTILE_SEED ?? 1);
const seedCount = 12 * Number(process.env.MRR_HOSTILE_FACTOR ?? 1);
const steps = 60;
const deadlineMs = 20_000;

const closers = new Closers();
afterEach(() => closers.closeAll());

const failedOver = { type: "ERROR", error: { message: "Framework failed over" } };

/** Says which stream it is of. */
const offersOf = (stream: string) => ({
  type: "OFFERS",
  offers: {
    offers: [
      {
        id: { value: stream },
        framework_id: { value: "F" },
        agent_id: { value: "A" },
        hostname: "h",
      },
    ],
  },
});

/** The stream that an event is of; null for one that does not tell. */
const streamOf = (event: SchedulerEvent): string | null =>
  event.subscribed?.master_info?.id ?? event.offers?.offers?.[0]?.id.value ?? null;

/** Two masters that do anything but refuse for good, until they are healed. */
class Masters {
  readonly servers: ProgrammedServer[] = [];
  readonly open: { readonly id: string; readonly stream: ServedStream }[] = [];
  readonly #random: Random;
  #streams = 0;
  isHealed = false;

  constructor(random: Random) {
    this.#random = random;
  }

  async start(): Promise<void> {
    for (const index of [0, 1]) {
      const server = await ProgrammedServer.start(
        (request, answer) => this.#answer(index, request, answer),
        jsonCodec,
      );
      closers.add(() => server.stop());
      this.servers.push(server);
    }
  }

  /** Something happens on the streams. */
  stir(): void {
    for (const { id, stream } of this.open.filter(({ stream }) => !stream.isGone)) {
      const act = this.#random.pick<() => void>([
        () => stream.event(heartbeat, offersOf(id)),
        () => stream.event(offersOf(id), offersOf(id), offersOf(id)),
        () => {},
        () => stream.finish(),
        () => stream.cut(),
        // The session ends in the middle of it: the rest is not for it any more.
        () => stream.event(offersOf(id), subscribedBy(id), offersOf(id), failedOver),
        () => stream.raw("garbage\n"),
        () => stream.raw('300\n{"type":'),
      ]);
      if (this.#random.chance(0.4)) act();
    }
  }

  #answer(index: number, request: SeenRequest, answer: Answer): void {
    const isSubscribe = request.body.type === "SUBSCRIBE";
    if (this.isHealed || this.#random.chance(isSubscribe ? 0.5 : 0.7)) {
      if (isSubscribe) this.#subscribe(answer);
      else answer.send(202);
      return;
    }
    const location = `//${this.servers[1 - index]?.address}/master/api/v1/scheduler`;
    const faults = [
      () => answer.send(503, "No leader elected"),
      () => answer.send(404),
      () => answer.send(307, "", { location }),
      () => answer.send(307, "", { location: "ftp://x" }),
      () => answer.cut(),
      () => {},
    ];
    const ofStreams = [
      () => answer.stream().finish(),
      () => answer.stream().raw("x\n"),
      () => answer.stream().event(heartbeat, offersOf("too early")),
      () => answer.head(503),
    ];
    const ofCalls = [
      () => answer.send(403, "Framework is not subscribed"),
      () => answer.send(400, "Framework cannot be found"),
      () => answer.send(400, "Failed to validate scheduler::Call: x"),
    ];
    this.#random.pick([...faults, ...(isSubscribe ? ofStreams : ofCalls)])();
  }

  #subscribe(answer: Answer): void {
    this.#streams += 1;
    const id = `stream-${this.#streams}`;
    const stream = answer.stream({ "mesos-stream-id": id });
    stream.event(subscribedBy(id), heartbeat, offersOf(id));
    this.open.push({ id, stream });
  }
}

/** Sees either master lead, none, or nothing. */
class RandomDetector implements LeaderDetector {
  readonly name = "random";
  #listener: (sighting: LeaderSighting) => void = () => {};

  watch(listener: (sighting: LeaderSighting) => void) {
    this.#listener = listener;
    return { close: async () => {} };
  }

  stir(masters: Masters, random: Random): void {
    const index = random.integer(0, 3);
    if (index === 2) this.#listener({ type: "none", because: "none" });
    else if (index === 3) this.#listener({ type: "unknown", because: "away" });
    else this.see(masters, index);
  }

  see(masters: Masters, index: number): void {
    const port = Number(masters.servers[index]?.address.split(":")[1]);
    const leader = { id: null, hostname: null, ip: "127.0.0.1", port };
    this.#listener({ type: "leader", leader });
  }
}

/** Lets what is on the sockets arrive, as far as it does by itself. */
async function turns(random: Random): Promise<void> {
  for (let turn = random.integer(1, 40); turn > 0; turn -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** One life of a session; gives what was wrong. */
async function storm(seed: number, withDetector: boolean): Promise<string[]> {
  const random = createRandom(seed);
  const masters = new Masters(random.fork("masters"));
  await masters.start();
  const detector = new RandomDetector();
  const wrong: string[] = [];
  const harness: SessionHarness = new SessionHarness(closers, {
    ...(withDetector ? { detector } : { masters: masters.servers.map(({ address }) => address) }),
    random: () => random.next(),
    onEvent: (event) => {
      const state = harness.states.at(-1);
      const current = state?.type === "subscribed" ? state.masterInfo?.id : "none";
      const of = streamOf(event);
      if (current === "none" || (of !== null && of !== current)) {
        wrong.push(`${event.type} of ${of} was heard in ${state?.type} of ${current}`);
      }
    },
  });
  const calls: { readonly taskId: string; outcome: CallOutcome | null }[] = [];
  const call = (): void => {
    const entry: (typeof calls)[number] = { taskId: `task-${calls.length}`, outcome: null };
    calls.push(entry);
    void harness.session.call(killCall({ taskId: entry.taskId, agentId: "A" })).then((outcome) => {
      entry.outcome = outcome;
    });
  };
  for (let step = 0; step < steps; step += 1) {
    await turns(random);
    if (random.chance(0.5)) harness.clock.advanceBy(random.integer(0, 20_000));
    if (random.chance(0.5)) masters.stir();
    if (withDetector && random.chance(0.3)) detector.stir(masters, random);
    for (let count = random.integer(0, 3); count > 0; count -= 1) call();
  }
  masters.isHealed = true;
  detector.see(masters, 1);
  // The stream that is there may be in the middle of a record: silence tells.
  harness.clock.advanceBy(75_000);
  const healed = masters.open.length;
  if (harness.types().includes("stopped")) wrong.push("it stopped");
  await until(
    () => {
      if (harness.types().at(-1) === "subscribed" && masters.open.length > healed) return true;
      harness.clock.advanceBy(1000);
      return false;
    },
    { what: `a subscription after ${JSON.stringify(harness.states.at(-1))}`, deadlineMs },
  );
  call();
  await until(() => calls.at(-1)?.outcome !== null, { what: "the last call", deadlineMs });
  if (calls.at(-1)?.outcome?.type !== "accepted") wrong.push("the last call was not accepted");
  await harness.session.close();
  await until(() => masters.servers.every((server) => server.connectionCount === 0), {
    what: "no connection",
    deadlineMs,
  });
  if (harness.clock.pendingCount > 0) wrong.push(`${harness.clock.pendingCount} timers are left`);
  await until(() => calls.every(({ outcome }) => outcome !== null), {
    what: "all calls settled",
    deadlineMs,
  });
  const seen = new Map<string, number>();
  for (const request of masters.servers.flatMap((server) => server.calls("KILL"))) {
    const taskId: string = request.body.kill.task_id.value;
    seen.set(taskId, (seen.get(taskId) ?? 0) + 1);
  }
  for (const { taskId, outcome } of calls) {
    const count = seen.get(taskId) ?? 0;
    if (count > 1) wrong.push(`${taskId} was sent ${count} times`);
    if (outcome?.type === "accepted" && count !== 1) wrong.push(`${taskId} was never sent`);
  }
  return wrong;
}

describe.each([
  ["a list of masters", false],
  ["a detector", true],
])("with %s", (_name, withDetector) => {
  it.each(Array.from({ length: seedCount }, (_, index) => seedFirst + index))(
    "holds against seed %i",
    async (seed) => {
      expect(await storm(seed, withDetector)).toEqual([]);
    },
  );
});
