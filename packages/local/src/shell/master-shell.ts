/**
 * Owns the running of the master machine: its timers, its streams, its links to agents.
 * Not: decisions (master/). Called by shell/local.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "@mr-redis/core";
import type { SchedulerCall } from "@mr-redis/mesos";
import type { MessageFaults } from "../admin/message-faults.js";
import type { AgentMessage, MasterMessage } from "../border/messages.js";
import type { StreamPorts } from "../http/event-stream.js";
import type { SchedulerServer } from "../http/scheduler-endpoint.js";
import type { MachinePorts, MasterSettings } from "../master/books.js";
import type { MasterEffect, MasterEvent, MasterTimer } from "../master/effects.js";
import { createMaster, type Master } from "../master/master.js";
import { OpenStreams } from "./streams.js";
import { NamedTimers } from "./timers.js";

/** What is told of the running. */
export type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/** The master with its surroundings. */
export class MasterShell {
  readonly master: Master;
  readonly #ports: MachinePorts;
  readonly #log: Log;
  readonly #timers: NamedTimers<MasterTimer>;
  readonly #streams = new OpenStreams<"scheduler.Event">();
  /** By connection key until the agent has an id, then by id. */
  readonly #agents = new Map<string, (message: MasterMessage) => void>();
  /** Connection key to agent id. */
  readonly #agentIds = new Map<string, string>();
  /** Told of the agent's id, by connection key. */
  readonly #boundBy = new Map<string, (agentId: string) => void>();
  readonly endpoint: SchedulerServer;

  readonly #faults: MessageFaults | null;
  #isStopped = false;

  constructor(
    settings: MasterSettings,
    ports: MachinePorts,
    streamPorts: StreamPorts,
    log: Log,
    faults: MessageFaults | null = null,
  ) {
    this.master = createMaster(settings, ports);
    this.#faults = faults;
    this.#ports = ports;
    this.#log = log;
    this.#timers = new NamedTimers(ports.clock, (timer) =>
      this.handle({ type: "timer-fired", timer }),
    );
    this.endpoint = this.#createEndpoint(streamPorts);
  }

  /** Starts the allocation tick. */
  start(): void {
    this.handle({ type: "started" });
  }

  /** Open streams, for the faults that befall them. */
  get streams(): OpenStreams<"scheduler.Event"> {
    return this.#streams;
  }

  /** Ends a framework's stream with the final chunk; its connection stays, and the framework is disconnected. */
  endSession(streamId: string): void {
    this.#streams.close(streamId);
    this.handle({ type: "stream-closed", streamId });
  }

  /** Nothing happens any more; open streams are left to the server. */
  stop(): void {
    this.#isStopped = true;
    this.#timers.cancelAll();
    this.#streams.clear();
    this.#agents.clear();
    this.#boundBy.clear();
  }

  /**
   * A connection to an agent: what the agent says comes in by `agentSaid` with the same key. `bound` is told its id each
   * time that it registers, before the agent is.
   */
  connectAgent(
    agentKey: string,
    send: (message: MasterMessage) => void,
    bound?: (agentId: string) => void,
  ): void {
    this.#agents.set(agentKey, send);
    if (bound !== undefined) this.#boundBy.set(agentKey, bound);
  }

  /** The connection has ended. Its agent is disconnected, unless it has registered on another one since. */
  disconnectAgent(agentKey: string): void {
    const send = this.#agents.get(agentKey);
    const agentId = this.#agentIds.get(agentKey);
    this.#agents.delete(agentKey);
    this.#agentIds.delete(agentKey);
    this.#boundBy.delete(agentKey);
    if (send === undefined || agentId === undefined || this.#agents.get(agentId) !== send) return;
    this.#agents.delete(agentId);
    this.handle({ type: "agent-disconnected", agentId });
  }

  agentSaid(connectionKey: string, message: AgentMessage): void {
    const agentId = this.#agentIds.get(connectionKey) ?? connectionKey;
    const agentKey = message.type === "register" ? connectionKey : agentId;
    this.#pass({ place: "from-agent", kind: message.type, agentId }, () =>
      this.handle({ type: "agent-said", agentKey, message }),
    );
  }

  handle(event: MasterEvent): void {
    if (this.#isStopped) return;
    this.#run(this.master.handle(event));
  }

  #pass(message: Parameters<MessageFaults["pass"]>[0], deliver: () => void, lose?: () => void) {
    if (this.#faults === null) deliver();
    else this.#faults.pass(message, deliver, lose);
  }

  #run(effects: readonly MasterEffect[]): void {
    for (const effect of effects) this.#runOne(effect);
  }

  #runOne(effect: MasterEffect): void {
    switch (effect.type) {
      case "send-event": {
        const { streamId, event } = effect;
        this.#pass({ place: "event", kind: event.type ?? "" }, () =>
          this.#streams.send(streamId, event),
        );
        return;
      }
      case "close-stream":
        this.#streams.close(effect.streamId);
        return;
      case "send-agent": {
        const { agentId, message } = effect;
        this.#pass({ place: "to-agent", kind: message.type, agentId }, () =>
          this.#agents.get(agentId)?.(message),
        );
        return;
      }
      case "bind-agent":
        this.#bind(effect.agentKey, effect.agentId);
        return;
      case "set-timer":
        this.#timers.set(effect.timer, effect.delayMs);
        return;
      case "cancel-timer":
        this.#timers.cancel(effect.timer);
        return;
      case "log":
        this.#log(effect.message, effect.fields);
        return;
      default:
        unreachable(effect);
    }
  }

  #bind(connectionKey: string, agentId: string): void {
    const send = this.#agents.get(connectionKey);
    if (send !== undefined) this.#agents.set(agentId, send);
    this.#agentIds.set(connectionKey, agentId);
    this.#boundBy.get(connectionKey)?.(agentId);
  }

  #createEndpoint(streamPorts: StreamPorts): SchedulerServer {
    return {
      streamPorts,
      newStreamId: () => this.#ports.newUuid(),
      refusal: (call, streamId) => this.master.refusal(call, streamId),
      updateFramework: (call) => {
        const { refusal, effects } = this.master.updateFramework(call);
        this.#run(effects);
        return refusal;
      },
      subscribed: (stream, call) => {
        this.#streams.add(stream);
        this.handle({ type: "subscribed", streamId: stream.id, call });
      },
      streamClosed: (streamId) => {
        this.#streams.forget(streamId);
        this.handle({ type: "stream-closed", streamId });
      },
      called: (call) =>
        this.#pass(
          { place: "call", kind: call.type ?? "" },
          () => this.handle({ type: "called", call }),
          () => this.#lose(call),
        ),
    };
  }

  /** The launches of a lost ACCEPT never come to be; its offers are spent all the same. */
  #lose(call: SchedulerCall): void {
    if (call.accept === undefined) return;
    const { operations: _operations, ...accept } = call.accept;
    this.handle({ type: "called", call: { ...call, accept } });
  }
}
