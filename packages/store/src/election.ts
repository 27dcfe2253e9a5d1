/**
 * Owns how one leads while others wait inside one process: a seat, and the leadership that its holder shows.
 * Not: what makes a leader beyond this process (a lock, a lease), nor its term. Called by memory and embedded.
 * SPDX-License-Identifier: Apache-2.0
 */

import { Buffer } from "node:buffer";
import { MrrError } from "@mr-redis/core";
import { holderBytesMax, type Leadership } from "./port.js";

/** Most campaigns that wait at one time: a program has one or two; more is a loop that forgot to abort. */
export const campaignsMax = 1000;

/** Throws MrrError `config-invalid` when `holder` is longer than every driver can keep. */
export function checkHolder(holder: string): void {
  if (Buffer.byteLength(holder) <= holderBytesMax) return;
  throw new MrrError("config-invalid", `the name of a leader has at most ${holderBytesMax} bytes`);
}

interface Waiter {
  readonly seated: () => void;
  readonly refused: (reason: unknown) => void;
}

/** One holder at a time, the others in the order of their coming. */
export class Seat {
  #taken = false;
  readonly #waiting: Waiter[] = [];

  /** Resolves with the function that frees the seat (idempotent); rejects with the reason of `signal`. */
  take(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#waiting.length >= campaignsMax) {
        return reject(new MrrError("store-unavailable", `${campaignsMax} campaigns wait already`));
      }
      const onAbort = () => {
        const index = this.#waiting.indexOf(waiter);
        if (index >= 0) this.#waiting.splice(index, 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        seated: () => {
          signal.removeEventListener("abort", onAbort);
          resolve(this.#hold());
        },
        refused: (reason) => {
          signal.removeEventListener("abort", onAbort);
          reject(reason);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#next();
    });
  }

  /** Rejects all who wait. */
  refuseAll(reason: unknown): void {
    for (const waiter of this.#waiting.splice(0)) waiter.refused(reason);
  }

  #hold(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken = false;
      this.#next();
    };
  }

  #next(): void {
    if (this.#taken) return;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return;
    this.#taken = true;
    waiter.seated();
  }
}

/** A leadership that lasts until `end` is called, by its holder's resigning or by its store. */
export class HeldLeadership implements Leadership {
  readonly term: number;
  readonly lost: Promise<{ readonly because: string }>;
  readonly #settle: (loss: { readonly because: string }) => void;
  readonly #giveUp: () => Promise<void>;
  #valid = true;

  readonly #nowMs: () => number;

  /** `giveUp` is called once, after the end, when the holder resigns; `nowMs` tells the monotonic time. */
  constructor(term: number, nowMs: () => number, giveUp: () => Promise<void>) {
    this.#nowMs = nowMs;
    let settle: (loss: { readonly because: string }) => void = () => {};
    this.lost = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
    this.#giveUp = giveUp;
    this.term = term;
  }

  isValid(): boolean {
    return this.#valid;
  }

  /** What holds it (a seat, a lock) cannot be lost without this process: it is certain at any time. */
  confirmedAtMs(): number {
    return this.#nowMs();
  }

  /** No longer valid, for the first reason given; idempotent. */
  end(because: string): void {
    this.#valid = false;
    this.#settle({ because });
  }

  async resign(): Promise<void> {
    if (!this.#valid) return;
    this.end("the holder resigned");
    await this.#giveUp();
  }
}
