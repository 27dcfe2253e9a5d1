/**
 * Owns how many requests for certificates are looked at: of one executor, and of all of them together.
 * Not: what becomes of a request (desk.ts). An executor that hears nothing asks again, so what is dropped is not lost.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** Requests of one executor at once: it asks nine times in the half minute of a launch, where answers get lost. */
const ownBurst = 10;

/** From one request of an executor to the next, for long. */
const ownIntervalMs = 5_000;

/** Requests of all at once: of the agents of a whole site that is started anew. */
const allBurst = 1_000;

/** A signature takes less than a millisecond: a tenth of the time at most. */
const allIntervalMs = 10;

/** Most executors that are remembered; those that have not asked for longest are forgotten first. */
const executorsMax = 10_000;

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** See the head of this file. */
export class RequestLimits {
  readonly #clock: Clock;
  readonly #own = new Map<string, Bucket>();
  #all: Bucket = { tokens: allBurst, atMs: Number.NEGATIVE_INFINITY };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a request of `executor`; false: it is one too many. */
  admits(executor: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const own = filled(this.#own.get(executor), ownBurst, ownIntervalMs, nowMs);
    const all = filled(this.#all, allBurst, allIntervalMs, nowMs);
    const isAdmitted = own.tokens >= 1 && all.tokens >= 1;
    const cost = isAdmitted ? 1 : 0;
    this.#all = { ...all, tokens: all.tokens - cost };
    this.#own.delete(executor);
    this.#own.set(executor, { ...own, tokens: own.tokens - cost });
    for (const oldest of this.#own.keys()) {
      if (this.#own.size <= executorsMax) break;
      this.#own.delete(oldest);
    }
    return isAdmitted;
  }
}

function filled(
  bucket: Bucket | undefined,
  burst: number,
  intervalMs: number,
  nowMs: number,
): Bucket {
  if (bucket === undefined) return { tokens: burst, atMs: nowMs };
  const more = (nowMs - bucket.atMs) / intervalMs;
  return { tokens: Math.min(burst, bucket.tokens + more), atMs: nowMs };
}
