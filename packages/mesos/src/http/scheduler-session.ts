/**
 * Owns the session of a scheduler with the leading master: finding it, SUBSCRIBE, heartbeats, back-off, ordered calls.
 * Not: what offers and updates mean, acknowledgements, nor any memory of tasks (the scheduler). Called by the scheduler.
 * Source of the rules: Apache Mesos, docs/scheduler-http-api.md, src/master/http.cpp and src/scheduler/scheduler.cpp.
 *
 * State x what happens:
 *   connecting   307 -> connecting there (5 times) | 503, 404, 5xx, no connection, too late -> waiting
 *                401, 403, 400 and other 4xx -> stopped | ERROR -> stopped | SUBSCRIBED -> subscribed
 *   subscribed   end of stream, silence, a call that shows the session over -> waiting | ERROR -> stopped
 *   waiting      the stream of before, where a call was told that another has the framework: ERROR -> stopped
 *                delay over -> connecting, or on without a limit while no leader is known
 *   any of them  a detector sees another master lead -> waiting, with the shortest delay
 *                it sees none, or cannot tell -> no change: a stream that goes on is the better witness
 *   any of them  something is to be sent that may not be -> waiting, without an end
 *   stopped      for ever
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, type Clock, MrrError, type Timer } from "@mr-redis/core";
import type { WireCodec } from "../wire/codec.js";
import { jsonCodec } from "../wire/json-codec.js";
import { callOfFramework, type SchedulerCallBody, subscribeCall } from "../wire/scheduler-calls.js";
import type { FrameworkInfo, MasterInfo, SchedulerEvent } from "../wire/types.js";
import { backoffDelayMs, backoffMaxMs } from "./backoff.js";
import { type CallLanes, createCallLanes } from "./call-lanes.js";
import { type CallOutcome, callOutcome, isStreamReplaced } from "./call-outcome.js";
import { alwaysMaySend, type MaySend, mayNotSend } from "./connection.js";
import { type EventStream, openEventStream, type StreamRefusal } from "./event-stream.js";
import {
  createMasterAccess,
  type MasterAccess,
  type MasterAccessOptions,
} from "./master-access.js";
import { redirectTarget } from "./master-address.js";
import type { MasterTarget } from "./master-source.js";

/** Most redirects in one attempt; masters that point at each other are not followed for ever. */
export const redirectsMax = 5;

/** Longest time from the request to SUBSCRIBED: a master answers in milliseconds, a recovering one with 503. */
export const subscribeMsDefault = 30_000;

/** Longest time of one call: a healthy master answers in milliseconds, also under load. */
export const callMsDefault = 10_000;

/**
 * Longest wait for the ERROR of a stream when a call was told that another stream has the framework: both are said in one
 * moment, on connections that know no order. A stream that is dead without anybody knowing says nothing.
 */
export const errorMsMax = 1_000;

/** Heartbeats that may be missed before a stream counts as dead; the number that Mesos recommends. */
export const heartbeatsMissedMax = 5;

/** The master's heartbeat interval when SUBSCRIBED does not name one. */
export const heartbeatMsDefault = 15_000;

/** Bounds of the interval that is believed: a tiny one would be a busy loop, a huge one no watchdog. */
export const heartbeatMsBounds = { minimum: 10, maximum: 3_600_000 } as const;

/** Why a session ended for good. */
export type SchedulerStop =
  /** The id is dead; never subscribe with a new one by itself. */
  | { readonly type: "framework-removed"; readonly text: string }
  /** Another scheduler subscribed with this id: it leads now. */
  | { readonly type: "framework-failed-over"; readonly text: string }
  /** ERROR with any other text: the subscription is not allowed as it is. */
  | { readonly type: "subscription-refused"; readonly text: string }
  /** A status that no retry can change: credentials, version, or a defect. */
  | { readonly type: "request-refused"; readonly status: number; readonly text: string }
  /** The master answered with another framework id than asked for. */
  | { readonly type: "framework-id-changed"; readonly text: string }
  | { readonly type: "closed" };

/** Where the session stands. */
export type SchedulerSessionState =
  | { readonly type: "connecting"; readonly master: string }
  | {
      readonly type: "subscribed";
      readonly master: string;
      readonly frameworkId: string;
      readonly heartbeatMs: number;
      readonly masterInfo: MasterInfo | undefined;
    }
  /**
   * `wasSubscribed`: a session was lost just now; all offers are void. `delayMs` null: no leader is known, and it goes
   * on when one is; then the same state comes again with every other reason. Or nothing may be sent any more.
   */
  | {
      readonly type: "waiting";
      readonly because: string;
      readonly delayMs: number | null;
      readonly wasSubscribed: boolean;
    }
  | { readonly type: "stopped"; readonly reason: SchedulerStop };

/** What a session needs. */
export interface SchedulerSessionOptions extends MasterAccessOptions {
  /** Without `id`. Set `failover_timeout` (default of Mesos: 0) and `checkpoint`. */
  readonly frameworkInfo: FrameworkInfo;
  /** The id of an earlier subscription; none: a new framework. */
  readonly frameworkId?: string;
  /** Asked at each subscription; what is not named is un-suppressed by it. */
  readonly suppressedRoles?: () => readonly string[];
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  /** Default: JSON. */
  readonly codec?: WireCodec;
  readonly subscribeMsMax?: number;
  readonly callMsMax?: number;
  /**
   * Asked before a connection is opened and before any request is written; false: nothing is, and the session says no
   * more to masters until its owner closes it, which may be done in here. Default: true.
   */
  readonly maySend?: MaySend;
  /** Every event of a subscription in order, SUBSCRIBED, HEARTBEAT and ERROR included; `type` may be unset (a newer Mesos). */
  readonly onEvent: (event: SchedulerEvent) => void;
  /** Every change; `subscribed` comes before the event SUBSCRIBED. Persist the framework id before anything else. */
  readonly onState: (state: SchedulerSessionState) => void;
}

/** A session with the leading master. */
export interface SchedulerSession {
  /** Begins; once. */
  start(): void;
  /**
   * Sends a call behind those before it; acknowledgements and messages may overtake others (call-lanes.ts). Never rejects for reasons outside the program, never repeats. Outside of a
   * subscription the outcome is `lost` at once.
   */
  call(body: SchedulerCallBody): Promise<CallOutcome>;
  /** The id of the framework, once it is known. */
  frameworkId(): string | undefined;
  /** Ends the session without TEARDOWN; idempotent. Calls that wait are lost. */
  close(): Promise<void>;
}

/** A session; throws {@link MrrError} `config-invalid` for masters, a CA or a credential that can never work. */
export function createSchedulerSession(options: SchedulerSessionOptions): SchedulerSession {
  const { credential, frameworkInfo } = options;
  const principal = frameworkInfo.principal ?? credential?.principal;
  if (credential !== undefined && principal !== credential.principal) {
    const text = `principal of the framework is ${principal}, of the credential ${credential.principal}`;
    throw new MrrError("config-invalid", text);
  }
  return new Session(options, createMasterAccess(options, options.clock));
}

/** What exists only while subscribed. */
interface Subscription {
  readonly url: URL;
  readonly streamId: string;
  /** Of the master that answered. */
  readonly masterId: string | null;
  readonly calls: CallLanes;
  readonly sinceMs: number;
}

class Session implements SchedulerSession {
  readonly #options: SchedulerSessionOptions;
  readonly #codec: WireCodec;
  readonly #access: MasterAccess;
  readonly #maySend: MaySend;
  #frameworkId: string | undefined;
  #phase: "idle" | "connecting" | "subscribed" | "waiting" | "stopped" = "idle";
  /** What the present attempt began with, or the detector has told since. */
  #target: MasterTarget | null = null;
  /** Where it led to. */
  #url: URL | null = null;
  #failures = 0;
  #redirects = 0;
  #timer: Timer | null = null;
  #stream: EventStream | null = null;
  #subscription: Subscription | null = null;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: SchedulerSessionOptions, access: MasterAccess) {
    this.#options = options;
    this.#codec = options.codec ?? jsonCodec;
    this.#access = access;
    this.#maySend = options.maySend ?? alwaysMaySend;
    this.#frameworkId = options.frameworkId;
  }

  start(): void {
    assert(this.#phase === "idle", "a scheduler session is started once");
    this.#access.source.start(() => this.#onMasterChange());
    this.#connectNext();
  }

  frameworkId(): string | undefined {
    return this.#frameworkId;
  }

  call(body: SchedulerCallBody): Promise<CallOutcome> {
    const subscription = this.#subscription;
    if (subscription === null || this.#frameworkId === undefined) {
      return Promise.resolve({ type: "lost", sent: false, because: "not subscribed" });
    }
    const { url, streamId, calls } = subscription;
    const call = callOfFramework(this.#frameworkId, body);
    const request = {
      path: url.pathname + url.search,
      headers: {
        ...this.#access.headers,
        "content-type": this.#codec.contentType,
        "mesos-stream-id": streamId,
      },
      body: this.#codec.encode("scheduler.Call", call),
    };
    return new Promise((resolve) => {
      calls.send(body, request, (answer) => {
        const outcome = callOutcome(answer);
        resolve(outcome);
        const isOver = outcome.type === "lost" && answer.type !== "full";
        if (!isOver || this.#subscription !== subscription) return;
        if (isStreamReplaced(answer)) this.#wait(outcome.because, true, errorMsMax);
        else this.#lose(outcome.because);
      });
    });
  }

  async close(): Promise<void> {
    if (this.#phase !== "stopped") this.#stop({ type: "closed" });
    await this.#closing;
  }

  #connectNext(): void {
    const { source } = this.#access;
    this.#target = source.target();
    this.#redirects = 0;
    if (this.#target === null) this.#park(source.absence(), false);
    else this.#connect(this.#target.url);
  }

  /** The detector sees something else than before. */
  #onMasterChange(): void {
    const { source } = this.#access;
    const target = source.target();
    if (this.#phase === "stopped") return;
    if (target === null) {
      if (this.#phase === "waiting" && this.#timer === null) this.#park(source.absence(), false);
      return;
    }
    const isWith = this.#isWith(target);
    this.#target = target;
    if (isWith) return;
    // What was counted is the other master's.
    this.#failures = 0;
    const wasSubscribed = this.#subscription !== null;
    this.#wait(`the master at ${target.url.host} leads`, wasSubscribed);
  }

  /** True when the present stream, attempt or delay is for this master already. */
  #isWith(target: MasterTarget): boolean {
    if (this.#phase === "waiting" && this.#timer === null) return false;
    const isSameHost = this.#target?.url.host === target.url.host;
    if (isSameHost && this.#target?.id === target.id) return true;
    const masterId = this.#subscription?.masterId ?? null;
    if (masterId !== null && target.id !== null) return masterId === target.id;
    // A redirect led there before the detector saw it; the same host as before is another master, started anew.
    return this.#phase !== "waiting" && !isSameHost && this.#url?.host === target.url.host;
  }

  #connect(url: URL): void {
    if (!this.#maySend()) {
      // To be asked may have been the reason to close.
      if (this.#phase !== "stopped") this.#park(mayNotSend, false);
      return;
    }
    const { clock, frameworkInfo, suppressedRoles, credential } = this.#options;
    const principal = credential === undefined ? {} : { principal: credential.principal };
    const call = subscribeCall(
      { ...principal, ...frameworkInfo },
      {
        ...(this.#frameworkId === undefined ? {} : { frameworkId: this.#frameworkId }),
        ...(suppressedRoles === undefined ? {} : { suppressedRoles: suppressedRoles() }),
      },
    );
    this.#phase = "connecting";
    this.#url = url;
    const subscribeMsMax = this.#options.subscribeMsMax ?? subscribeMsDefault;
    this.#setTimer(subscribeMsMax, () => this.#fail(`not subscribed within ${subscribeMsMax} ms`));
    let streamId: string | null = null;
    this.#stream = openEventStream(
      {
        endpoint: { origin: url.origin, ...this.#access.trust },
        path: url.pathname + url.search,
        headers: this.#access.headers,
        body: this.#codec.encode("scheduler.Call", call),
        eventName: "scheduler.Event",
        codec: this.#codec,
        clock,
        maySend: this.#maySend,
      },
      {
        onOpen: (id) => {
          streamId = id;
        },
        onRefused: (refusal) => this.#onRefused(url, refusal),
        onEvent: (event) => this.#onEvent(url, streamId, event),
        onEnd: (end) => {
          if (this.#phase !== "waiting") this.#lose(end.because);
        },
      },
    );
    this.#options.onState({ type: "connecting", master: url.origin });
  }

  #onRefused(url: URL, refusal: StreamRefusal): void {
    const { status, text, location } = refusal;
    if (status === 307) {
      const target = redirectTarget(url, location);
      this.#redirects += 1;
      if (target === null) this.#fail("the master redirects to nowhere");
      else if (this.#redirects > redirectsMax) this.#fail("the masters redirect in a circle");
      else this.#connect(target);
      return;
    }
    if (status >= 400 && status < 500 && status !== 404 && status !== 408 && status !== 429) {
      const why = status === 401 ? ` ${this.#whyUnauthorized()}` : "";
      this.#stop({ type: "request-refused", status, text: `${text}${why}`.trim() });
      return;
    }
    this.#fail(`the master answered ${status} ${text}`.trim());
  }

  #whyUnauthorized(): string {
    const principal = this.#options.credential?.principal;
    if (principal === undefined) return "The master wants a principal and its secret.";
    return `The master does not know the principal ${JSON.stringify(principal)}, or its secret is another.`;
  }

  #onEvent(url: URL, streamId: string | null, event: SchedulerEvent): void {
    if (event.type === "ERROR") {
      this.#options.onEvent(event);
      this.#stop(stopOfError(event.error?.message ?? ""));
      return;
    }
    if (this.#phase === "waiting") return;
    if (event.type === "SUBSCRIBED" && !this.#subscribe(url, streamId, event)) return;
    // Some masters sent a HEARTBEAT before SUBSCRIBED; nothing before it belongs to this subscription.
    if (this.#subscription !== null) this.#options.onEvent(event);
  }

  /** Enters the subscription; false when the answer cannot be one. */
  #subscribe(url: URL, streamId: string | null, event: SchedulerEvent): boolean {
    const subscribed = event.subscribed;
    const isComplete = subscribed !== undefined && streamId !== null && streamId !== "";
    if (this.#subscription !== null || !isComplete) {
      this.#lose("SUBSCRIBED without its body, without a stream id, or twice");
      return false;
    }
    const frameworkId = subscribed.framework_id.value;
    if (this.#frameworkId !== undefined && this.#frameworkId !== frameworkId) {
      const text = `subscribed as ${frameworkId} instead of ${this.#frameworkId}`;
      this.#stop({ type: "framework-id-changed", text });
      return false;
    }
    const { clock, callMsMax, onState } = this.#options;
    const heartbeatMs = believedHeartbeatMs(subscribed.heartbeat_interval_seconds);
    this.#timer?.cancel();
    this.#stream?.limitSilence(heartbeatsMissedMax * heartbeatMs);
    this.#frameworkId = frameworkId;
    this.#phase = "subscribed";
    this.#subscription = {
      url,
      streamId,
      masterId: subscribed.master_info?.id ?? null,
      calls: createCallLanes({
        endpoint: { origin: url.origin, ...this.#access.trust },
        clock,
        callMsMax: callMsMax ?? callMsDefault,
        maySend: this.#maySend,
      }),
      sinceMs: clock.monotonicMs(),
    };
    const masterInfo = subscribed.master_info;
    onState({ type: "subscribed", master: url.origin, frameworkId, heartbeatMs, masterInfo });
    return this.#subscription !== null;
  }

  /** An attempt failed: the next master after a delay. */
  #fail(because: string): void {
    this.#access.source.failed();
    this.#wait(because, false);
  }

  /** The stream or the calls broke: if it was a subscription, try the same master first. */
  #lose(because: string): void {
    const subscription = this.#subscription;
    if (subscription === null) {
      this.#fail(because);
      return;
    }
    // A master that accepts and drops at once is not hammered: only a subscription that lasted starts anew.
    const lastedMs = this.#options.clock.monotonicMs() - subscription.sinceMs;
    if (lastedMs >= backoffMaxMs) this.#failures = 0;
    this.#wait(because, true);
  }

  /**
   * The next attempt after a delay. `errorMs`: at least so long, and listening to the stream until then: another session
   * has the framework, whose ERROR must not be missed.
   */
  #wait(because: string, wasSubscribed: boolean, errorMs = 0): void {
    const { source } = this.#access;
    if (source.target() === null) {
      this.#park(`${because}; ${source.absence()}`, wasSubscribed);
      return;
    }
    this.#endCalls(because);
    if (errorMs === 0) this.#endStream();
    this.#phase = "waiting";
    const delayMs = Math.max(errorMs, backoffDelayMs(this.#failures, this.#options.random()));
    this.#failures += 1;
    this.#setTimer(delayMs, () => {
      this.#endStream();
      this.#connectNext();
    });
    this.#options.onState({ type: "waiting", because, delayMs, wasSubscribed });
  }

  /** Waits for a leader. */
  #park(because: string, wasSubscribed: boolean): void {
    this.#disconnect(because);
    this.#phase = "waiting";
    this.#options.onState({ type: "waiting", because, delayMs: null, wasSubscribed });
  }

  #stop(reason: SchedulerStop): void {
    this.#disconnect(reason.type);
    this.#closing = Promise.all([this.#closing, this.#access.source.close()]);
    this.#phase = "stopped";
    this.#options.onState({ type: "stopped", reason });
  }

  /** Ends timer, stream and calls. */
  #disconnect(because: string): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#endCalls(because);
    this.#endStream();
  }

  #endCalls(because: string): void {
    const calls = this.#subscription?.calls;
    this.#subscription = null;
    this.#closing = Promise.all([this.#closing, calls?.close(because)]);
  }

  #endStream(): void {
    const stream = this.#stream;
    this.#stream = null;
    this.#closing = Promise.all([this.#closing, stream?.close()]);
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, callback);
  }
}

function believedHeartbeatMs(seconds: number | undefined): number {
  if (seconds === undefined || !(seconds > 0)) return heartbeatMsDefault;
  const { minimum, maximum } = heartbeatMsBounds;
  return Math.min(Math.max(seconds * 1000, minimum), maximum);
}

function stopOfError(text: string): SchedulerStop {
  if (text.startsWith("Framework has been removed")) return { type: "framework-removed", text };
  if (text.startsWith("Framework failed over")) return { type: "framework-failed-over", text };
  return { type: "subscription-refused", text };
}
