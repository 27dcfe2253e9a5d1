/**
 * Owns a scheduler session under observation, and a master that behaves, for the tests of what masters do to sessions.
 * Not: assertions. Called by tests of the scheduler session.
 * SPDX-License-Identifier: Apache-2.0
 */
import { until, VirtualClock } from "@mr-redis/testing";
import {
  createSchedulerSession,
  type SchedulerSession,
  type SchedulerSessionOptions,
  type SchedulerSessionState,
} from "../src/http/scheduler-session.js";
import { jsonCodec } from "../src/wire/json-codec.js";
import type { SchedulerEvent } from "../src/wire/types.js";
import { type Program, ProgrammedServer, type ServedStream } from "./programmed-server.js";

/** Longest wait for a state: far above what a slow machine needs. */
const reachMs = 20_000;

/** Limit of one test that uses {@link SessionHarness.reach}. */
export const sessionTestMs = 60_000;

export const frameworkInfo = { user: "u", name: "kv", roles: ["kv"], failover_timeout: 604_800 };
export const heartbeat = { type: "HEARTBEAT" };

/** SUBSCRIBED of the master with this id, or of one that does not tell. */
export const subscribedBy = (masterId: string | null) => ({
  type: "SUBSCRIBED",
  subscribed: {
    framework_id: { value: "F" },
    heartbeat_interval_seconds: 15,
    ...(masterId === null ? {} : { master_info: { id: masterId, ip: 0, port: 5050 } }),
  },
});

/** What is closed when a test ends, latest first. */
export class Closers {
  readonly #closers: (() => Promise<void>)[] = [];

  add(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async closeAll(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** A master that subscribes everybody and takes every call. */
export interface TestMaster {
  readonly server: ProgrammedServer;
  readonly streams: ServedStream[];
  /** What it does by itself; `server.program` can be set to something else for a while. */
  readonly program: Program;
}

export async function startMaster(
  closers: Closers,
  masterId: string | null = null,
): Promise<TestMaster> {
  const streams: ServedStream[] = [];
  const program: Program = (request, answer) => {
    if (request.body.type !== "SUBSCRIBE") {
      answer.send(202);
      return;
    }
    const stream = answer.stream({ "mesos-stream-id": `stream-${streams.length + 1}` });
    stream.event(subscribedBy(masterId), heartbeat);
    streams.push(stream);
  };
  const server = await ProgrammedServer.start(program, jsonCodec);
  closers.add(() => server.stop());
  return { server, streams, program };
}

/** A session under observation. */
export class SessionHarness {
  readonly clock = new VirtualClock();
  readonly states: SchedulerSessionState[] = [];
  readonly events: SchedulerEvent[] = [];
  readonly session: SchedulerSession;

  /** Starts it. */
  constructor(closers: Closers, options: Partial<SchedulerSessionOptions>) {
    this.session = createSchedulerSession({
      masters: [],
      frameworkInfo,
      clock: this.clock,
      random: () => 0.5,
      onEvent: (event) => this.events.push(event),
      onState: (state) => this.states.push(state),
      ...options,
    });
    closers.add(() => this.session.close());
    this.session.start();
  }

  /** Types of all states so far. */
  readonly types = (): string[] => this.states.map((state) => state.type);

  /** Delays of all waits so far. */
  readonly delaysMs = (): (number | null)[] =>
    this.states.flatMap((state) => (state.type === "waiting" ? [state.delayMs] : []));

  /** Waits for the n-th (from 1) state of this type. */
  readonly reach = (type: SchedulerSessionState["type"], count = 1): Promise<void> =>
    until(() => this.types().filter((each) => each === type).length >= count, {
      what: `${count} x ${type} in ${JSON.stringify(this.states)}`,
      deadlineMs: reachMs,
    });

  /** Waits for the n-th event. */
  readonly hear = (count: number): Promise<void> =>
    until(() => this.events.length >= count, {
      what: `${count} events in ${JSON.stringify(this.events)}`,
      deadlineMs: reachMs,
    });
}
