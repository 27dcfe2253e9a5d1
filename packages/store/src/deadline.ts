/**
 * Owns the end of calls that are not answered: by the time limit, or because their store closes.
 * Not: ending what the call waits for; its late result is dropped. Called by the drivers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, MrrError } from "@mr-redis/core";

/** The open calls of one store. */
export class OpenCalls {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #ends = new Set<(error: MrrError) => void>();

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** What `call` gives; rejects with `store-unavailable` when that takes longer than the limit. */
  run<T>(call: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = this.#clock.after(this.#limitMs, () => {
        end(
          new MrrError("store-unavailable", `the store gave no answer within ${this.#limitMs} ms`),
        );
      });
      const end = (error: MrrError) => {
        forget();
        reject(error);
      };
      const forget = () => {
        timer.cancel();
        this.#ends.delete(end);
      };
      this.#ends.add(end);
      call.then(resolve, reject).finally(forget);
    });
  }

  /** Rejects all open calls. */
  endAll(error: MrrError): void {
    for (const end of this.#ends) end(error);
  }
}
