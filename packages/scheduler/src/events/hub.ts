/**
 * Owns those who follow where instances are: each is a place in the change log and a socket, told what is behind its
 * place as fast as it reads. Nothing waits for anybody, so a slow reader costs one chunk and misses what was outdated.
 * Not: HTTP (api/v2-events.ts), nor the log (change-log.ts). One for a reign, made by control-port.ts; ends with it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, type InstanceEndpoints, MrrError, type Timer } from "@mr-redis/core";
import { ChangeLog, type EndpointsSource } from "./change-log.js";

/** Limits of the streams of events; the defaults are {@link eventsLimits}, tests use smaller ones. */
export interface EventsLimits {
  /** Streams at one time: several times the proxies of a large site, a quarter of the connections of the API. */
  readonly readersMax: number;
  /** Between two comments, so that both sides notice a peer that is gone: a frozen leader sends none. */
  readonly heartbeatMs: number;
  /** A reader that has not taken what it was sent for this long is cut off; it comes back and goes on. */
  readonly stallMsMax: number;
  /** What a client is told to wait before it comes back. */
  readonly retryMs: number;
  /** Characters sent before a reader must have taken them, but for the last event: what a slow one holds in memory. */
  readonly chunkCharsMax: number;
  /** Names that are remembered as removed, some 200 bytes each; who comes back from before them begins anew. */
  readonly removedMax: number;
}

/** The limits that are in force. */
export const eventsLimits: EventsLimits = Object.freeze({
  readersMax: 500,
  heartbeatMs: 2_000,
  stallMsMax: 30_000,
  retryMs: 1_000,
  chunkCharsMax: 128 * 1024,
  removedMax: 10_000,
});

/** Where the events of one reader go. */
export interface EventsSink {
  /** Sends the text; false: no more until `drained` is called. */
  write(text: string): boolean;
  /** The stream is over: whole by the end of the reign, cut because nobody reads. Called at most once. */
  end(how: "whole" | "cut"): void;
}

/** One reader, for whoever owns its socket. */
export interface EventsReader {
  /** The socket takes more. */
  drained(): void;
  /** The socket is gone. Idempotent. */
  close(): void;
}

/** What a hub is made of. */
export interface EventsHubOptions {
  readonly clock: Clock;
  readonly source: EndpointsSource;
  /** Names that exist already; more come by `changed`. */
  readonly names: Iterable<string>;
  /** Tells this stream of events from every other, also from those of earlier reigns: 1 to 32 letters and digits. */
  readonly stream: string;
  readonly limits?: Partial<EventsLimits>;
}

interface Follower {
  readonly sink: EventsSink;
  /** Sequence of the last event that was sent. */
  sequence: number;
  /** Removals up to here are of no concern: all of it began anew behind them. */
  since: number;
  /** False until it was told that it knows everything. */
  isComplete: boolean;
  /** Set while it has not taken what it was sent. */
  stall: Timer | null;
}

/** See the head of this file. */
export class EventsHub {
  readonly #clock: Clock;
  readonly #stream: string;
  readonly #limits: EventsLimits;
  readonly #log: ChangeLog;
  readonly #followers = new Set<Follower>();
  readonly #changed = new Set<string>();
  #heartbeat: Timer | null = null;
  #isEnded = false;

  constructor({ clock, source, names, stream, limits }: EventsHubOptions) {
    this.#clock = clock;
    this.#stream = stream;
    this.#limits = { ...eventsLimits, ...limits };
    this.#log = new ChangeLog({
      source,
      encode: (sequence, name, instance) => this.#event(sequence, name, instance),
      removedMax: this.#limits.removedMax,
    });
    for (const name of names) this.#log.add(name);
  }

  /** Readers right now. */
  get readerCount(): number {
    return this.#followers.size;
  }

  /** Changes in memory, those that are outdated included. @internal */
  get size(): number {
    return this.#log.size;
  }

  /** As `Last-Event-ID`: everything that changes from now on. */
  get lastEventId(): string {
    return this.#id(this.#log.last);
  }

  /**
   * Tells `sink` everything, or what is behind `lastEventId` if that is of this stream and still known; then each change.
   * At least one write comes before this returns. Throws `overloaded` when there are too many, `not-ready` at the end.
   */
  follow(sink: EventsSink, lastEventId: string | null): EventsReader {
    if (this.#isEnded) throw new MrrError("not-ready", "This scheduler does not lead any more.");
    const { readersMax, retryMs } = this.#limits;
    if (this.#followers.size >= readersMax) {
      throw new MrrError("overloaded", `${readersMax} clients follow the events already.`);
    }
    const sequence = this.#sequenceOf(lastEventId);
    const follower: Follower = {
      sink,
      sequence: sequence ?? 0,
      since: sequence ?? this.#log.last,
      isComplete: false,
      stall: null,
    };
    this.#followers.add(follower);
    this.#beatLater();
    const reset = sequence === null ? this.#mark(0, "reset") : "";
    this.#tell(follower, `retry: ${retryMs}\n\n${reset}`);
    return {
      drained: () => this.#drained(follower),
      close: () => this.#drop(follower),
    };
  }

  /** The instance as it is told; its changes from now on come behind `lastEventId`. */
  show(name: string): InstanceEndpoints | null {
    return this.#log.show(name);
  }

  /** Something about this instance may have changed; told by `flush`. */
  changed(name: string): void {
    this.#changed.add(name);
  }

  /** Tells everybody what has changed since the last time, before it returns. */
  flush(): void {
    if (this.#changed.size === 0) return;
    let isNews = false;
    for (const name of this.#changed) isNews = this.#log.look(name) || isNews;
    this.#changed.clear();
    if (!isNews) return;
    for (const follower of [...this.#followers]) this.#tell(follower);
  }

  /** Every stream ends, and no other begins. */
  end(): void {
    this.#isEnded = true;
    for (const follower of [...this.#followers]) {
      this.#drop(follower);
      follower.sink.end("whole");
    }
  }

  #drop(follower: Follower): void {
    this.#followers.delete(follower);
    follower.stall?.cancel();
    follower.stall = null;
    if (this.#followers.size > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = null;
  }

  #drained(follower: Follower): void {
    if (!this.#followers.has(follower)) return;
    follower.stall?.cancel();
    follower.stall = null;
    this.#tell(follower);
  }

  /** Sends `begin` and what is behind the follower's place, until its socket is full. */
  #tell(follower: Follower, begin = ""): void {
    let text = begin;
    while (follower.stall === null && this.#followers.has(follower)) {
      if (this.#log.floor > Math.max(follower.sequence, follower.since)) {
        follower.sequence = 0;
        follower.since = this.#log.last;
        follower.isComplete = false;
        text += this.#mark(0, "reset");
      }
      const told = this.#log.read(follower.sequence, follower.since, this.#limits.chunkCharsMax);
      follower.sequence = told.sequence;
      text += told.text;
      if (!follower.isComplete && follower.sequence === this.#log.last) {
        follower.isComplete = true;
        text += this.#mark(follower.sequence, "complete");
      }
      if (text === "") return;
      this.#write(follower, text);
      text = "";
    }
  }

  #write(follower: Follower, text: string): void {
    if (follower.sink.write(text) || !this.#followers.has(follower)) return;
    follower.stall = this.#clock.after(this.#limits.stallMsMax, () => {
      this.#drop(follower);
      follower.sink.end("cut");
    });
  }

  #beatLater(): void {
    this.#heartbeat ??= this.#clock.after(this.#limits.heartbeatMs, () => {
      this.#heartbeat = null;
      for (const follower of [...this.#followers]) {
        if (follower.stall === null) this.#write(follower, ":\n\n");
      }
      if (this.#followers.size > 0) this.#beatLater();
    });
  }

  /** Where a reader goes on that was told all up to `lastEventId`; null: it begins anew. */
  #sequenceOf(lastEventId: string | null): number | null {
    const match = /^([0-9a-z]{1,32})-(\d{1,15})$/i.exec(lastEventId ?? "");
    if (match?.[1] !== this.#stream) return null;
    const sequence = Number(match[2]);
    return sequence >= this.#log.floor && sequence <= this.#log.last ? sequence : null;
  }

  #id(sequence: number): string {
    return `${this.#stream}-${sequence}`;
  }

  #mark(sequence: number, type: "reset" | "complete"): string {
    return `id: ${this.#id(sequence)}\nevent: ${type}\ndata: {}\n\n`;
  }

  #event(sequence: number, name: string, instance: InstanceEndpoints | null): string {
    const [type, data] = instance === null ? ["removed", { name }] : ["instance", { instance }];
    return `id: ${this.#id(sequence)}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}
