/**
 * Owns the keeping of one lease: asks for it to be kept, again and again, on whatever server answers.
 * Not: what its confirmations mean (leadership.ts). Called by leadership.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from "etcd3";
import type { EtcdMember } from "./member.js";
import type { EtcdServers } from "./servers.js";

/** Longest pause between two requests, for long leases: an outage is over at most this much later. */
const askEveryMsMax = 1_000;

/** What is kept, and who is told. */
export interface LeaseKeeperParts {
  readonly servers: EtcdServers;
  readonly clock: Clock;
  readonly leaseId: string;
  readonly ttlMs: number;
  /** An answer came; monotonic time at which its request was sent. */
  readonly onConfirmed: (sentAtMs: number) => void;
  /** etcd says that there is no such lease any more. */
  readonly onGone: () => void;
}

type Stream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** Keeps one lease from its making to `stop`. */
export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  readonly #askEveryMs: number;
  /** Without an answer for so long, the next server is asked: twice before the holder must stop. */
  readonly #silenceMsMax: number;
  #stream: Stream | null = null;
  #member: EtcdMember | null = null;
  /** When the requests were sent that have no answer; etcd answers in their order. */
  #sentAtMs: number[] = [];
  #timer: Timer | null = null;
  #isOpening = false;
  #isStopped = false;

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts;
    this.#askEveryMs = Math.min(Math.ceil(parts.ttlMs / 6), askEveryMsMax);
    this.#silenceMsMax = Math.ceil(parts.ttlMs / 4);
    this.#tick();
  }

  /** Lets the lease end by itself; idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#drop(false);
  }

  #tick(): void {
    if (this.#isStopped) return;
    this.#timer = this.#parts.clock.after(this.#askEveryMs, () => this.#tick());
    const oldest = this.#sentAtMs[0];
    const nowMs = this.#parts.clock.monotonicMs();
    if (oldest !== undefined && nowMs - oldest > this.#silenceMsMax) this.#drop(true);
    if (this.#stream === null) void this.#open();
    else this.#ask(this.#stream);
  }

  #ask(stream: Stream): void {
    this.#sentAtMs.push(this.#parts.clock.monotonicMs());
    stream.write({ ID: this.#parts.leaseId });
  }

  async #open(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    try {
      const member = await this.#parts.servers.streamMember();
      const stream = await member.lease.leaseKeepAlive();
      stream.on("error", () => this.#end(stream));
      stream.on("end", () => this.#end(stream));
      stream.on("data", (answer) => this.#take(stream, answer));
      if (this.#isStopped) stream.cancel();
      else {
        this.#member = member;
        this.#stream = stream;
        this.#ask(stream);
      }
    } catch {
      // The next tick tries again; how long that may fail is leadership.ts' to say.
    } finally {
      this.#isOpening = false;
    }
  }

  #take(stream: Stream, answer: ILeaseKeepAliveResponse): void {
    if (stream !== this.#stream || answer.ID !== this.#parts.leaseId) return;
    const sentAtMs = this.#sentAtMs.shift();
    if (Number(answer.TTL) <= 0) this.#parts.onGone();
    else if (sentAtMs !== undefined) this.#parts.onConfirmed(sentAtMs);
  }

  #end(stream: Stream): void {
    if (stream === this.#stream) this.#drop(true);
  }

  /** Leaves the stream, and with `isFault` its server. */
  #drop(isFault: boolean): void {
    const stream = this.#stream;
    this.#stream = null;
    this.#sentAtMs = [];
    stream?.cancel();
    if (isFault && this.#member !== null) this.#parts.servers.leave(this.#member);
    this.#member = null;
  }
}
