/**
 * Owns one watch of etcd on one stream: from a given revision, until it breaks or is closed.
 * Not: what is done when it breaks (document-watch.ts, campaign.ts). Called by those.
 *
 * What ends it: an error or the end of the stream; a cancellation by the server (compaction, an old login); silence: a
 * server that is asked for the progress and says nothing is taken for dead, since TCP would take minutes to tell.
 * The progress that etcd reports on request may run ahead of events (etcd issue 15220): it is a sign of life, no more.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { IDuplexStream, IEvent, IWatchRequest, IWatchResponse } from "etcd3";
import { EtcdFailure, failureOf } from "./failure.js";
import type { EtcdMember } from "./member.js";
import type { EtcdServers } from "./servers.js";

/** What is watched. */
export interface WatchRange {
  readonly key: Buffer;
  /** Null: this key alone. */
  readonly end: Buffer | null;
  /** First revision that is told. */
  readonly fromRevision: bigint;
  /** Removals alone. */
  readonly onlyRemovals?: boolean;
}

/** Who is told. Nothing is called after `onBroken` or `close`. */
export interface WatchHandlers {
  /** The watch stands. */
  readonly onCreated?: () => void;
  /** Changes in the order of their revisions; with `isPart`, more of the last one's revision may follow. */
  readonly onEvents: (events: readonly IEvent[], isPart: boolean) => void;
  /** Called once, at the end that was not asked for. */
  readonly onBroken: (failure: EtcdFailure) => void;
}

type Stream = IDuplexStream<IWatchRequest, IWatchResponse>;

/** Opens a watch; `silenceMs` is how long a server may say nothing after it was asked. */
export class WatchStream {
  readonly #servers: EtcdServers;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #handlers: WatchHandlers;
  #stream: Stream | null = null;
  #member: EtcdMember | null = null;
  #timer: Timer | null = null;
  #hasAnswered = false;
  #isEnded = false;

  constructor(
    parts: { readonly servers: EtcdServers; readonly clock: Clock; readonly silenceMs: number },
    range: WatchRange,
    handlers: WatchHandlers,
  ) {
    this.#servers = parts.servers;
    this.#clock = parts.clock;
    this.#silenceMs = parts.silenceMs;
    this.#handlers = handlers;
    void this.#open(range);
  }

  /** Ends the watch; idempotent. */
  close(): void {
    this.#isEnded = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
  }

  async #open(range: WatchRange): Promise<void> {
    try {
      this.#member = await this.#servers.streamMember();
      if (this.#isEnded) return;
      const stream = await this.#member.watching.watch();
      // A stream that was cancelled says so as an error.
      stream.on("error", (error) => this.#break(error));
      stream.on("end", () => this.#break(new Error("the watch ended")));
      stream.on("data", (answer) => this.#take(answer));
      this.#stream = stream;
      if (this.#isEnded) stream.cancel();
      else {
        const create_request = {
          key: range.key,
          ...(range.end === null ? {} : { range_end: range.end }),
          ...(range.onlyRemovals === true ? { filters: ["Noput" as const] } : {}),
          start_revision: range.fromRevision.toString(),
          fragment: true,
        };
        stream.write({ create_request });
        this.#watchSilence();
      }
    } catch (error) {
      this.#break(error);
    }
  }

  #take(answer: IWatchResponse): void {
    if (this.#isEnded) return;
    this.#hasAnswered = true;
    if (answer.canceled) {
      const isCompacted = answer.compact_revision !== "0" || /compacted/.test(answer.cancel_reason);
      const text = `the watch was cancelled: ${answer.cancel_reason}`;
      this.#break(isCompacted ? new EtcdFailure("compacted", text) : new Error(text));
      return;
    }
    if (answer.created) this.#handlers.onCreated?.();
    if (answer.events.length > 0) this.#handlers.onEvents(answer.events, answer.fragment);
  }

  #watchSilence(): void {
    this.#timer = this.#clock.after(this.#silenceMs, () => {
      if (!this.#hasAnswered) {
        this.#break(new EtcdFailure("away", `the watch got no answer in ${this.#silenceMs} ms`));
        return;
      }
      this.#hasAnswered = false;
      this.#stream?.write({ progress_request: {} });
      this.#watchSilence();
    });
  }

  #break(error: unknown): void {
    if (this.#isEnded) return;
    this.close();
    const failure = failureOf(error, this.#member?.endpoint ?? "");
    if (this.#member !== null && failure.kind !== "compacted") this.#servers.leave(this.#member);
    // A server that was started again knows no tokens, and says so to streams in several ways.
    if (failure.kind !== "compacted" && failure.kind !== "away") this.#servers.forgetToken();
    this.#handlers.onBroken(failure);
  }
}
