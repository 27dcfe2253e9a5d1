/**
 * Owns a master machine with registered agents and a virtual clock, without HTTP and processes: time and chance
 * are the test's. Called by books.test.ts, reconcile.test.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  FrameworkInfo,
  Offer,
  Resource,
  SchedulerCall,
  SchedulerEvent,
  TaskInfo,
} from "@mr-redis/mesos";
import { VirtualClock } from "@mr-redis/testing";
import type { AgentMessage, MasterMessage, ReportedTask } from "../src/border/messages.js";
import type { MasterEffect, MasterEvent, MasterTimer } from "../src/master/effects.js";
import { createMaster, type Master } from "../src/master/master.js";
import { NamedTimers } from "../src/shell/timers.js";
import { scalar, testFramework } from "./harness.js";

/** Interval of offers in these tests. */
export const tickMs = 1_000;

/** A master with its timers run on a virtual clock; events and messages are collected. */
export class BooksWorld {
  readonly clock = new VirtualClock();
  readonly master: Master;
  readonly heard: {
    readonly atMs: number;
    readonly streamId: string;
    readonly event: SchedulerEvent;
  }[] = [];
  readonly toAgents: { readonly agentId: string; readonly message: MasterMessage }[] = [];
  readonly closed: string[] = [];
  readonly #timers: NamedTimers<MasterTimer>;
  #uuids = 0;
  #streams = 0;

  constructor(random: () => number = () => 0) {
    this.#timers = new NamedTimers(this.clock, (timer) =>
      this.handle({ type: "timer-fired", timer }),
    );
    this.master = createMaster(
      {
        allocationIntervalMs: tickMs,
        heartbeatIntervalMs: 1e9,
        address: { ip: "127.0.0.1", port: 5050, hostname: "127.0.0.1" },
        version: "1.11.0",
      },
      { clock: this.clock, random, newUuid: () => `M${this.#uuids++}` },
    );
    this.handle({ type: "started" });
  }

  handle(event: MasterEvent): void {
    for (const effect of this.master.handle(event)) this.#run(effect);
  }

  #run(effect: MasterEffect): void {
    switch (effect.type) {
      case "send-event":
        this.heard.push({
          atMs: this.clock.monotonicMs(),
          streamId: effect.streamId,
          event: effect.event,
        });
        return;
      case "send-agent":
        this.toAgents.push({ agentId: effect.agentId, message: effect.message });
        return;
      case "close-stream":
        this.closed.push(effect.streamId);
        return;
      case "set-timer":
        this.#timers.set(effect.timer, effect.delayMs);
        return;
      case "cancel-timer":
        this.#timers.cancel(effect.timer);
        return;
    }
  }

  /** Registers an agent; its id is `M0-S<n>`. */
  addAgent(
    resources: readonly Resource[] = [scalar("cpus", 4), scalar("mem", 1024)],
    more: { readonly id?: string; readonly tasks?: readonly ReportedTask[] } = {},
  ): string {
    const before = new Set(this.master.books.agents.keys());
    const id = more.id === undefined ? {} : { id: { value: more.id } };
    this.handle({
      type: "agent-said",
      agentKey: "connection",
      message: {
        type: "register",
        info: { hostname: "h", resources, ...id },
        endpoint: { ip: "127.0.0.1", port: 5051 },
        tasks: more.tasks ?? [],
        executors: [],
        frameworks: [],
      },
    });
    return more.id ?? [...this.master.books.agents.keys()].find((key) => !before.has(key)) ?? "";
  }

  agentSays(agentId: string, message: AgentMessage): void {
    this.handle({ type: "agent-said", agentKey: agentId, message });
  }

  /** Subscribes; the stream's id. */
  subscribe(info: Partial<FrameworkInfo> = {}, suppressedRoles: readonly string[] = []): string {
    const streamId = `stream-${this.#streams++}`;
    this.handle({
      type: "subscribed",
      streamId,
      call: {
        type: "SUBSCRIBE",
        subscribe: {
          framework_info: { ...testFramework, ...info },
          suppressed_roles: suppressedRoles,
        },
      },
    });
    return streamId;
  }

  frameworkOf(streamId: string): string {
    const event = this.events(streamId).find(({ type }) => type === "SUBSCRIBED");
    return event?.subscribed?.framework_id.value ?? "";
  }

  call(streamId: string, call: SchedulerCall): void {
    const framework_id = { value: this.frameworkOf(streamId) };
    this.handle({ type: "called", call: { framework_id, ...call } });
  }

  events(streamId: string): readonly SchedulerEvent[] {
    return this.heard.filter((one) => one.streamId === streamId).map(({ event }) => event);
  }

  offers(streamId: string): readonly Offer[] {
    return this.events(streamId).flatMap((event) => event.offers?.offers ?? []);
  }

  /** The offers that are out. */
  openOffers(streamId: string): readonly Offer[] {
    return this.offers(streamId).filter((offer) => this.master.books.offers.has(offer.id.value));
  }

  declineAll(streamId: string, refuseSeconds?: number): void {
    this.call(streamId, {
      type: "DECLINE",
      decline: {
        offer_ids: this.openOffers(streamId).map((offer) => offer.id),
        ...(refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } }),
      },
    });
  }

  launch(streamId: string, offer: Offer, tasks: readonly TaskInfo[], refuseSeconds?: number): void {
    this.call(streamId, {
      type: "ACCEPT",
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: "LAUNCH", launch: { task_infos: tasks } }],
        ...(refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } }),
      },
    });
  }

  /** Lets time pass until something new is offered; how long it took, or null after `limitMs`. */
  waitForOffer(streamId: string, limitMs: number): number | null {
    const startMs = this.clock.monotonicMs();
    const count = this.offers(streamId).length;
    while (this.offers(streamId).length === count) {
      const nextMs = this.clock.nextDueMs;
      if (nextMs === null || nextMs > startMs + limitMs) return null;
      this.clock.advanceTo(nextMs);
    }
    return this.clock.monotonicMs() - startMs;
  }
}
