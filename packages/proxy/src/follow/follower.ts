/**
 * Owns the following of a scheduler: its events as long as they can be had, else its pages again and again, else what was
 * last known. Not: one request (request.ts), what follows for routes (topology.ts), nor the file (state-file.ts).
 * Called by main.ts. Whatever a scheduler says or does not say, what is known stays until something better is known.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  type EndpointsEvent,
  type InstanceEndpoints,
  parseEndpointsEvent,
  parseEndpointsPage,
  problemsText,
} from "@mr-redis/core";
import type { Log } from "../log.js";
import { type Opened, openGet, type RequestAccess, readJson } from "./request.js";
import { ServerSentReader } from "./server-sent.js";

/** An event, or: at this place something could not be read. */
export type FollowEvent = EndpointsEvent | { readonly type: "unreadable" };

/** What the follower tells: events in their order; those of one read together, so that they are one change. */
export type FollowSink = (events: readonly FollowEvent[]) => void;

/** following: by events. polling: by pages. away: nobody answers; what was last known counts. */
export type FollowState = "following" | "polling" | "away";

/** For the readiness route and the metrics. */
export interface FollowStatus {
  readonly state: FollowState;
  /** Who is followed, by the address that answered; null: nobody. */
  readonly scheduler: string | null;
  /** Since when the state is this (wall clock). */
  readonly sinceMs: number;
  /** When something was last heard (wall clock); null: never by this process. */
  readonly heardAtMs: number | null;
  /** A whole account was heard by this process. */
  readonly isComplete: boolean;
  readonly events: number;
  readonly streams: number;
  readonly polls: number;
  /** Events and pages that could not be read. */
  readonly unreadable: number;
}

/** What the follower needs. */
export interface FollowOptions extends RequestAccess {
  readonly clock: Clock;
  /** Addresses of schedulers of one cluster, without a slash at the end; at least one. */
  readonly urls: readonly string[];
  readonly sink: FollowSink;
  /** Called each time that all were tried and none could be heard. */
  readonly unheard?: () => void;
  readonly log: Log;
  /** In [0, 1); spreads the tries of many proxies. */
  readonly random: () => number;
  readonly limits?: Partial<FollowLimits>;
}

/** Limits of the follower; tests have shorter ones. */
export interface FollowLimits {
  /** A stream on which nothing comes for so long is dead: the scheduler sends a comment every 2 s. */
  readonly silenceMsMax: number;
  /** First wait after a failed round; doubles. */
  readonly retryMsFirst: number;
  /** Longest wait: a scheduler that is back is heard within so long. */
  readonly retryMsMax: number;
  /** Between two polls. */
  readonly pollMs: number;
  /** While polling works, the stream is tried again every so many polls. */
  readonly pollsOfStream: number;
}

const limitsDefault: FollowLimits = {
  silenceMsMax: 8_000,
  retryMsFirst: 100,
  retryMsMax: 3_000,
  pollMs: 1_000,
  pollsOfStream: 10,
};

/** Nonsense in one stream before it is given up: one event may be of a newer scheduler, so many are of no scheduler. */
const unreadableMax = 100;

/** Most different reasons that are logged until a scheduler is heard. */
const saidMax = 100;

const pageLimit = 500;

/** Most pages of one poll: as many instances as there are ports. */
const pagesMax = 200;

/**
 * True for a page of a scheduler that has ceased to lead: what is known here may be newer, and as long as it is taken for an
 * answer nobody asks whether another one leads by now.
 */
const isFromMemory = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "lastEventId" in json && json.lastEventId === null;

/** How an attempt ended. absent: somebody answered, but there is no such thing here. */
type Outcome = "ended" | "absent" | "failed";

/** See the head of this file. */
export class Follower {
  readonly #options: FollowOptions;
  readonly #limits: FollowLimits;
  readonly #ending = new AbortController();
  #wake: (() => void) | null = null;
  /** Who has answered is asked first the next time. */
  #first = 0;
  #lastId: string | null = null;
  #status: FollowStatus;
  #isComplete = false;
  /** Why the last attempt ended. */
  #lastWhy = "";
  /** What was logged since somebody was heard, so that a scheduler that is away for a day is not a thousand lines. */
  readonly #said = new Set<string>();
  #streamMs = 0;
  /** The last stream ended by silence: who sent it may stand still, and would cost the time of a head if asked first. */
  #wasSilent = false;
  readonly #done: Promise<void>;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#limits = { ...limitsDefault, ...options.limits };
    this.#status = {
      state: "away",
      scheduler: null,
      sinceMs: options.clock.nowMs(),
      heardAtMs: null,
      isComplete: false,
      events: 0,
      streams: 0,
      polls: 0,
      unreadable: 0,
    };
    this.#done = this.#run();
  }

  status(): FollowStatus {
    return { ...this.#status, isComplete: this.#isComplete };
  }

  /** Ends the stream and all tries; idempotent. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#wake?.();
    await this.#done;
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  async #run(): Promise<void> {
    let failures = 0;
    let polls = 0;
    while (!this.#isEnding) {
      const isStreamTurn = polls % this.#limits.pollsOfStream === 0;
      const streamed = isStreamTurn ? await this.#round((url) => this.#stream(url)) : "absent";
      if (this.#isEnding) return;
      if (streamed === "ended") {
        // It worked until now: at once again, unless it ends as soon as it has begun.
        polls = 0;
        if (this.#wasSilent) this.#first = (this.#first + 1) % this.#options.urls.length;
        failures = this.#streamMs < this.#limits.retryMsMax ? failures + 1 : 0;
        this.#leave("away", this.#lastWhy);
        await this.#pause(failures < 2 ? 0 : this.#retryMs(failures));
        continue;
      }
      const beganMs = this.#options.clock.monotonicMs();
      const polled = streamed === "absent" ? await this.#round((url) => this.#poll(url)) : "failed";
      if (polled === "ended") {
        failures = 0;
        polls += 1;
        // A large site is asked more rarely: asking may take a tenth of the time.
        const tookMs = this.#options.clock.monotonicMs() - beganMs;
        await this.#pause(Math.max(this.#limits.pollMs, 9 * tookMs));
      } else {
        polls = 0;
        this.#leave("away", this.#lastWhy);
        this.#options.unheard?.();
        await this.#pause(this.#retryMs(failures));
        failures += 1;
      }
    }
  }

  /** Tries each scheduler until one works. `absent` when none did, but somebody answered. */
  async #round(attempt: (url: string) => Promise<Outcome>): Promise<Outcome> {
    const { urls } = this.#options;
    let isAbsent = false;
    for (let count = 0; count < urls.length && !this.#isEnding; count += 1) {
      const index = (this.#first + count) % urls.length;
      const outcome = await attempt(urls[index] ?? "");
      if (outcome === "ended") {
        this.#first = index;
        return outcome;
      }
      if (outcome === "absent") isAbsent = true;
    }
    return isAbsent ? "absent" : "failed";
  }

  /** Follows one stream to its end. */
  async #stream(url: string): Promise<Outcome> {
    const headers = {
      accept: "text/event-stream",
      ...(this.#lastId === null ? {} : { "last-event-id": this.#lastId }),
    };
    const opened = await this.#open(url, "/v2/events", headers);
    if (opened === null) return "failed";
    const isStream = /^text\/event-stream\b/i.test(opened.contentType);
    if (opened.status !== 200 || !isStream) {
      opened.body.destroy();
      this.#warn(url, `/v2/events answers ${opened.status} ${opened.contentType}`);
      return "absent";
    }
    const isAnyUse = await this.#read(opened);
    return isAnyUse ? "ended" : "absent";
  }

  /** True: something could be understood. */
  async #read({ body, base: url }: Opened): Promise<boolean> {
    const { clock, sink } = this.#options;
    const reader = new ServerSentReader();
    const beganMs = clock.monotonicMs();
    let isAnyUse = false;
    let unreadable = 0;
    this.#wasSilent = false;
    const silent = (): void => {
      this.#wasSilent = true;
      body.destroy(new Error(`nothing was heard for ${this.#limits.silenceMsMax} ms`));
    };
    let limit = clock.after(this.#limits.silenceMsMax, silent);
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        limit.cancel();
        limit = clock.after(this.#limits.silenceMsMax, silent);
        const heard = reader.push(chunk);
        if (heard === null) throw new Error("an event passes the limit of its size");
        const events: FollowEvent[] = [];
        for (const { type, data, id } of heard) {
          const event = parseEndpointsEvent(type, data);
          this.#lastId = id ?? this.#lastId;
          if (!event.ok) {
            unreadable += 1;
            events.push({ type: "unreadable" });
            this.#unreadable(url, `event ${type}: ${problemsText(event.problems)}`);
            if (unreadable > unreadableMax) throw new Error("too many events cannot be read");
          } else if (event.value !== null) events.push(event.value);
        }
        this.#heard();
        if (isAnyUse || events.some((event) => event.type !== "unreadable")) {
          if (!isAnyUse) this.#enter("following", url);
          isAnyUse = true;
          this.#status = { ...this.#status, events: this.#status.events + events.length };
          if (events.some(({ type }) => type === "complete")) this.#isComplete = true;
          sink(events);
        }
      }
      this.#lastWhy = "the scheduler ended the stream";
    } catch (error) {
      this.#lastWhy = (error as Error).message;
      if (!isAnyUse) this.#warn(url, this.#lastWhy);
    } finally {
      limit.cancel();
      body.destroy();
      this.#streamMs = clock.monotonicMs() - beganMs;
    }
    // Behind what was not understood only a whole account helps.
    if (unreadable > 0) this.#lastId = null;
    return isAnyUse;
  }

  /** Reads all pages once. */
  async #poll(url: string): Promise<Outcome> {
    const instances: InstanceEndpoints[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < pagesMax; pages += 1) {
      const query: string = after === null ? "" : `&after=${encodeURIComponent(after)}`;
      const path = `/v2/endpoints?limit=${pageLimit}${query}`;
      const opened = await this.#open(url, path, { accept: "application/json" });
      if (opened === null) return "failed";
      if (opened.status !== 200) {
        opened.body.destroy();
        this.#warn(url, `/v2/endpoints answers ${opened.status}`);
        return "failed";
      }
      let json: unknown;
      try {
        json = await readJson(opened, this.#options.clock);
      } catch (error) {
        this.#warn(url, (error as Error).message);
        return "failed";
      }
      if (isFromMemory(json)) {
        this.#warn(url, "it has ceased to lead; what it remembers is not taken");
        return "failed";
      }
      const page = parseEndpointsPage(json);
      if (!page.ok) {
        this.#unreadable(url, problemsText(page.problems));
        return "failed";
      }
      instances.push(...page.value.instances);
      after = page.value.next;
      if (after === null) {
        this.#polled(opened.base, instances);
        return "ended";
      }
    }
    this.#warn(url, `more than ${pagesMax} pages`);
    return "failed";
  }

  #polled(url: string, instances: readonly InstanceEndpoints[]): void {
    this.#enter("polling", url);
    this.#heard();
    this.#lastId = null;
    this.#isComplete = true;
    this.#status = { ...this.#status, polls: this.#status.polls + 1 };
    this.#options.sink([
      { type: "reset" },
      ...instances.map((instance) => ({ type: "instance", instance }) as const),
      { type: "complete" },
    ]);
  }

  async #open(
    url: string,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Opened | null> {
    try {
      return await openGet(url, path, headers, this.#options, this.#ending.signal);
    } catch (error) {
      if (!this.#isEnding) this.#warn(url, (error as Error).message);
      return null;
    }
  }

  #heard(): void {
    this.#status = { ...this.#status, heardAtMs: this.#options.clock.nowMs() };
  }

  #enter(state: "following" | "polling", scheduler: string): void {
    const { clock, log } = this.#options;
    const streams = this.#status.streams + (state === "following" ? 1 : 0);
    const isNew = this.#status.state !== state || this.#status.scheduler !== scheduler;
    this.#status = { ...this.#status, streams };
    if (!isNew) return;
    this.#said.clear();
    this.#status = { ...this.#status, state, scheduler, sinceMs: clock.nowMs() };
    log.info({ scheduler, state }, "the scheduler is heard");
  }

  #leave(state: "away", because: string): void {
    if (this.#status.state === state) return;
    const { clock, log } = this.#options;
    log.warn({ scheduler: this.#status.scheduler, because }, "the scheduler is not heard");
    this.#status = { ...this.#status, state, scheduler: null, sinceMs: clock.nowMs() };
  }

  #warn(url: string, because: string): void {
    this.#lastWhy = because;
    this.#once(url, because, "the scheduler cannot be followed");
  }

  #unreadable(url: string, because: string): void {
    this.#status = { ...this.#status, unreadable: this.#status.unreadable + 1 };
    this.#once(url, because, "the scheduler says what cannot be read");
  }

  /** The same of the same scheduler again and again is one line. */
  #once(scheduler: string, because: string, message: string): void {
    const said = `${scheduler} ${because}`;
    if (this.#said.has(said) || this.#said.size >= saidMax) return;
    this.#said.add(said);
    this.#options.log.warn({ scheduler, because }, message);
  }

  #retryMs(failures: number): number {
    const { retryMsFirst, retryMsMax } = this.#limits;
    const ceilingMs = Math.min(retryMsMax, retryMsFirst * 2 ** Math.min(failures, 16));
    return ceilingMs / 2 + (ceilingMs / 2) * this.#options.random();
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#isEnding) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(delayMs, () => {
        this.#wake = null;
        resolve();
      });
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
