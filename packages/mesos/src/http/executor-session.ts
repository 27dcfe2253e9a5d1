/**
 * Owns the session of an executor with its agent: SUBSCRIBE, replay of what the agent has not stored, ordered calls.
 * Not: tasks and processes, nor when to report (the executor). Called by the executor.
 * Source of the rules: Apache Mesos, docs/executor-http-api.md, src/slave/http.cpp and src/slave/slave.cpp `subscribe`.
 *
 * State x what happens:
 *   connecting    SUBSCRIBED -> subscribed | 503, 404, no connection, end of stream, too late -> waiting
 *                 other 4xx -> gave-up
 *   subscribed    end of stream, `cannot be found` or 403 to an update -> waiting (checkpointing) or gave-up
 *   waiting       delay over -> connecting | limit over (registration, later recovery timeout) -> gave-up
 *   gave-up       for ever: end the tasks and exit
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, type Clock, type Timer } from "@mr-redis/core";
import type { WireCodec } from "../wire/codec.js";
import {
  executorMessageCall,
  executorSubscribeCall,
  executorUpdateCall,
} from "../wire/executor-calls.js";
import { jsonCodec } from "../wire/json-codec.js";
import type {
  ExecutorCall,
  ExecutorEvent,
  ExecutorEventSubscribed,
  TaskStatus,
} from "../wire/types.js";
import { uuidFromRandom } from "../wire/uuid.js";
import { type CallOutcome, executorCallOutcome } from "./call-outcome.js";
import { type CallAnswer, type CallQueue, createCallQueue } from "./call-queue.js";
import type { Endpoint } from "./connection.js";
import { type EventStream, openEventStream, type StreamRefusal } from "./event-stream.js";
import { ExecutorBook } from "./executor-book.js";
import type { ExecutorEnvironment } from "./executor-environment.js";

/** The path of the executor API. */
export const executorPath = "/api/v1/executor";

/** Longest delay before a new subscription, whatever the agent allows: a restarted agent waits 2 s for its executors. */
export const resubscribeDelayMsMax = 500;

/** Pause before an update that the agent could not take is sent again. */
export const updateRetryMs = 500;

/** How long to look for the agent before the first SUBSCRIBED; the agent gives up after the same time by default. */
export const registrationMsMax = 60_000;

/** Longest time from the request to the first event; agent and executor share a machine. */
export const executorSubscribeMsMax = 10_000;

/** Longest time of one call. */
export const executorCallMsMax = 10_000;

/** Most messages that wait; they are hints, and old ones are worth nothing. */
export const messagesQueuedMax = 1024;

/** Where the session stands. */
export type ExecutorSessionState =
  | { readonly type: "subscribed"; readonly subscribed: ExecutorEventSubscribed }
  /** LAUNCH, KILL and SHUTDOWN of this time may be lost; the session tries again after `delayMs`. */
  | {
      readonly type: "disconnected";
      readonly because: string;
      readonly delayMs: number;
      readonly wasSubscribed: boolean;
    }
  /** There is no way back to the agent: end all tasks and exit. */
  | { readonly type: "gave-up"; readonly because: string };

/** A status without what the session sets: uuid, source, timestamp and executor id. */
export type TaskStatusDraft = Omit<TaskStatus, "uuid" | "source" | "timestamp" | "executor_id">;

/**
 * What became of an update. `acknowledged`: the agent has stored it (the scheduler need not have seen it). `rejected`:
 * it was wrong and is forgotten. `lost`: the session ended first, or too many updates wait.
 */
export type UpdateOutcome =
  | { readonly type: "acknowledged" }
  | { readonly type: "rejected"; readonly status: number; readonly text: string }
  | { readonly type: "lost"; readonly because: string };

/** What a session needs. */
export interface ExecutorSessionOptions {
  readonly environment: ExecutorEnvironment;
  /** PEM: who may have signed the certificate of the agent. Default: whom Node trusts. */
  readonly ca?: string;
  /**
   * The name that the certificate of the agent must have: an agent gives its executors its address only, and
   * certificates are made for names. Default: the address. Of use with TLS only.
   */
  readonly agentName?: string;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  /** 16 random bytes for each update's uuid. */
  readonly randomBytes16: () => Uint8Array;
  /** Default: JSON. */
  readonly codec?: WireCodec;
  /** Every event in order, HEARTBEAT included; SHUTDOWN can be the first one. `type` may be unset (a newer Mesos). */
  readonly onEvent: (event: ExecutorEvent) => void;
  /** Every change; `subscribed` comes before the event SUBSCRIBED. */
  readonly onState: (state: ExecutorSessionState) => void;
}

/** A session with the agent. */
export interface ExecutorSession {
  /** Begins; once. */
  start(): void;
  /**
   * Reports a status: sent in order behind those before it, again with the same uuid until the agent has stored it,
   * over any number of connections. Send a terminal state only after the process is gone.
   */
  update(status: TaskStatusDraft): Promise<UpdateOutcome>;
  /** Sends `data` (base64) to the scheduler, in order with updates, at most once. */
  message(data: string): Promise<CallOutcome>;
  /** Ends the session; idempotent. What is not acknowledged is lost. */
  close(): Promise<void>;
}

/** A session of the executor that `environment` describes. */
export function createExecutorSession(options: ExecutorSessionOptions): ExecutorSession {
  return new Session(options);
}

/** What waits for its turn on the connection for calls. */
type Outgoing =
  | { readonly type: "update"; readonly uuid: string; readonly call: ExecutorCall }
  | {
      readonly type: "message";
      readonly call: ExecutorCall;
      readonly settle: (outcome: CallOutcome) => void;
    };

class Session implements ExecutorSession {
  readonly #options: ExecutorSessionOptions;
  readonly #codec: WireCodec;
  readonly #endpoint: Endpoint;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #book = new ExecutorBook();
  readonly #settlers = new Map<string, (outcome: UpdateOutcome) => void>();
  #phase: "idle" | "connecting" | "subscribed" | "waiting" | "ended" = "idle";
  #wasEverSubscribed = false;
  #outbox: Outgoing[] = [];
  #isSending = false;
  #stream: EventStream | null = null;
  #calls: CallQueue | null = null;
  /** Of the attempt or the delay before the next. */
  #timer: Timer | null = null;
  #retryTimer: Timer | null = null;
  #giveUpTimer: Timer | null = null;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: ExecutorSessionOptions) {
    this.#options = options;
    this.#codec = options.codec ?? jsonCodec;
    const { agentName, ca, environment } = options;
    this.#endpoint = {
      ...environment.endpoint,
      ...(ca === undefined ? {} : { ca }),
      ...(agentName === undefined ? {} : { serverName: agentName }),
    };
    const token = environment.authenticationToken;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  start(): void {
    assert(this.#phase === "idle", "an executor session is started once");
    this.#limitSearch(registrationMsMax);
    this.#connect();
  }

  update(draft: TaskStatusDraft): Promise<UpdateOutcome> {
    const { environment, clock, randomBytes16 } = this.#options;
    const uuid = uuidFromRandom(randomBytes16());
    const status: TaskStatus = {
      ...draft,
      uuid,
      source: "SOURCE_EXECUTOR",
      timestamp: clock.nowMs() / 1000,
      executor_id: { value: environment.executorId },
    };
    if (this.#phase === "ended") return Promise.resolve({ type: "lost", because: "closed" });
    if (!this.#book.addUpdate(uuid, status)) {
      return Promise.resolve({ type: "lost", because: "too many updates wait" });
    }
    this.#outbox.push({ type: "update", uuid, call: executorUpdateCall(environment, status) });
    this.#sendNext();
    return new Promise((resolve) => this.#settlers.set(uuid, resolve));
  }

  message(data: string): Promise<CallOutcome> {
    if (this.#phase !== "subscribed") return Promise.resolve(unsent("not subscribed"));
    const waiting = this.#outbox.filter((outgoing) => outgoing.type === "message").length;
    if (waiting >= messagesQueuedMax) return Promise.resolve(unsent("too many messages wait"));
    const call = executorMessageCall(this.#options.environment, data);
    return new Promise((settle) => {
      this.#outbox.push({ type: "message", call, settle });
      this.#sendNext();
    });
  }

  async close(): Promise<void> {
    this.#end("closed");
    await this.#closing;
  }

  #connect(): void {
    const { environment, clock } = this.#options;
    const updates = this.#book.updates();
    const carried = new Set(updates.map((status) => status.uuid));
    const call = executorSubscribeCall(environment, this.#book.tasks(), updates);
    this.#phase = "connecting";
    this.#setTimer(executorSubscribeMsMax, () =>
      this.#lose(`no event within ${executorSubscribeMsMax} ms`),
    );
    this.#stream = openEventStream(
      {
        endpoint: this.#endpoint,
        path: executorPath,
        headers: this.#headers,
        body: this.#codec.encode("executor.Call", call),
        eventName: "executor.Event",
        codec: this.#codec,
        clock,
      },
      {
        onOpen: () => {},
        onRefused: (refusal) => this.#onRefused(refusal),
        onEvent: (event) => this.#onEvent(carried, event),
        onEnd: (end) => this.#lose(end.because),
      },
    );
  }

  #onRefused({ status, text }: StreamRefusal): void {
    const because = `the agent answered ${status} ${text}`.trim();
    const isTransient = status >= 500 || status === 404 || status === 408 || status === 429;
    if (isTransient) this.#lose(because);
    else this.#giveUp(because);
  }

  #onEvent(carried: ReadonlySet<string | undefined>, event: ExecutorEvent): void {
    this.#timer?.cancel();
    this.#book.note(event);
    if (event.acknowledged !== undefined) {
      this.#settle(event.acknowledged.uuid, { type: "acknowledged" });
    }
    if (event.subscribed !== undefined && this.#phase === "connecting") {
      // The agent has processed what SUBSCRIBE carried.
      this.#outbox = this.#outbox.filter(
        (outgoing) => outgoing.type !== "update" || !carried.has(outgoing.uuid),
      );
      this.#subscribe(event.subscribed);
    }
    if (this.#phase !== "ended") this.#options.onEvent(event);
  }

  #subscribe(subscribed: ExecutorEventSubscribed): void {
    this.#giveUpTimer?.cancel();
    this.#phase = "subscribed";
    this.#wasEverSubscribed = true;
    this.#calls = this.#createCalls();
    this.#options.onState({ type: "subscribed", subscribed });
    this.#sendNext();
  }

  #createCalls(): CallQueue {
    return createCallQueue({
      endpoint: this.#endpoint,
      clock: this.#options.clock,
      callMsMax: executorCallMsMax,
    });
  }

  /** Sends the first of the outbox; the next goes out when it is settled. */
  #sendNext(): void {
    const calls = this.#calls;
    const first = this.#outbox[0];
    if (calls === null || first === undefined || this.#isSending) return;
    if (first.type === "update" && !this.#book.hasUpdate(first.uuid)) {
      this.#outbox.shift();
      this.#sendNext();
      return;
    }
    this.#isSending = true;
    const request = {
      path: executorPath,
      headers: { ...this.#headers, "content-type": this.#codec.contentType },
      body: this.#codec.encode("executor.Call", first.call),
    };
    calls.send(request, (answer) => {
      if (this.#calls !== calls) {
        if (first.type === "message") first.settle(executorCallOutcome(answer));
        return;
      }
      this.#isSending = false;
      if (first.type === "message") this.#onMessageAnswer(first.settle, answer);
      else this.#onUpdateAnswer(first.uuid, answer);
    });
  }

  #onMessageAnswer(settle: (outcome: CallOutcome) => void, answer: CallAnswer): void {
    this.#outbox.shift();
    settle(executorCallOutcome(answer));
    if (answer.type === "lost") this.#reconnectCalls();
    this.#sendNext();
  }

  #onUpdateAnswer(uuid: string, answer: CallAnswer): void {
    const outcome = executorCallOutcome(answer);
    if (outcome.type === "accepted") {
      this.#outbox.shift();
      this.#sendNext();
      return;
    }
    if (outcome.type === "rejected") {
      const { status, text } = outcome;
      if (status === 403 || text.includes("cannot be found")) {
        // The agent was restarted, or has forgotten this executor: only a subscription can tell.
        this.#lose(`the agent answered ${status} ${text}`);
        return;
      }
      this.#outbox.shift();
      this.#book.dropUpdate(uuid);
      this.#settle(uuid, outcome);
      this.#sendNext();
      return;
    }
    if (answer.type === "lost") this.#reconnectCalls();
    this.#isSending = true;
    this.#retryTimer = this.#options.clock.after(updateRetryMs, () => {
      this.#isSending = false;
      this.#sendNext();
    });
  }

  /** A connection whose call was lost is not used again: its answer could come to the next call. */
  #reconnectCalls(): void {
    const calls = this.#calls;
    this.#calls = this.#createCalls();
    this.#track(calls?.close("the connection broke"));
  }

  #settle(uuid: string, outcome: UpdateOutcome): void {
    this.#settlers.get(uuid)?.(outcome);
    this.#settlers.delete(uuid);
  }

  #lose(because: string): void {
    const { environment, random, onState } = this.#options;
    const wasSubscribed = this.#phase === "subscribed";
    this.#disconnect(because);
    if (this.#wasEverSubscribed && !environment.checkpoint) {
      this.#giveUp(because);
      return;
    }
    if (wasSubscribed) this.#limitSearch(environment.recoveryTimeoutMs);
    this.#phase = "waiting";
    const delayMsMax = Math.min(environment.subscriptionBackoffMaxMs, resubscribeDelayMsMax);
    const delayMs = Math.floor(random() * delayMsMax);
    this.#setTimer(delayMs, () => this.#connect());
    onState({ type: "disconnected", because, delayMs, wasSubscribed });
  }

  #limitSearch(limitMs: number): void {
    this.#giveUpTimer?.cancel();
    this.#giveUpTimer = this.#options.clock.after(limitMs, () =>
      this.#giveUp(`no agent within ${limitMs} ms`),
    );
  }

  #giveUp(because: string): void {
    if (this.#phase === "ended") return;
    this.#end(because);
    this.#options.onState({ type: "gave-up", because });
  }

  #end(because: string): void {
    if (this.#phase === "ended") return;
    this.#disconnect(because);
    this.#giveUpTimer?.cancel();
    this.#phase = "ended";
    for (const settle of this.#settlers.values()) settle({ type: "lost", because });
    this.#settlers.clear();
  }

  /** Ends stream, calls and timers; updates stay for the next subscription, messages do not. */
  #disconnect(because: string): void {
    this.#timer?.cancel();
    this.#retryTimer?.cancel();
    const stream = this.#stream;
    const calls = this.#calls;
    const outbox = this.#outbox;
    this.#stream = null;
    this.#calls = null;
    this.#outbox = outbox.filter((outgoing) => outgoing.type === "update");
    const inFlight = this.#isSending ? outbox[0] : undefined;
    this.#isSending = false;
    for (const outgoing of outbox) {
      if (outgoing.type === "message" && outgoing !== inFlight) outgoing.settle(unsent(because));
    }
    this.#track(stream?.close());
    this.#track(calls?.close(because));
  }

  #track(closing: Promise<void> | undefined): void {
    this.#closing = Promise.all([this.#closing, closing]);
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, callback);
  }
}

const unsent = (because: string): CallOutcome => ({ type: "lost", sent: false, because });
