/**
 * Owns what creates with an Idempotency-Key have done, so that a repeated one is answered and not done again.
 * Kept in memory, bounded in number and time: after a restart of the scheduler a repeated create is answered
 * `instance-exists`, never done twice, for the name itself is unique. Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import type { Clock } from "@mr-redis/core";
import type { CreateOutcome, CreateRequest } from "./port.js";

/** Longest key: a UUID has 36 characters, a hash in hex 128. */
export const keyCharsMax = 255;

/** True for 1 to {@link keyCharsMax} visible ASCII characters. */
export const isKey = (text: string): boolean =>
  /^[\x21-\x7e]+$/.test(text) && text.length <= keyCharsMax;

/** done: this call or a concurrent one with the same key did it. replayed: done earlier. other: the key belongs to another create. */
export type OnceOutcome =
  | { readonly type: "done"; readonly outcome: CreateOutcome }
  | { readonly type: "replayed"; readonly incarnation: string }
  | { readonly type: "other" };

interface Entry {
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  readonly running: Promise<CreateOutcome>;
  /** The instance that was created; null while the create runs. */
  incarnation: string | null;
}

/** The keys of one server. */
export class IdempotencyKeys {
  readonly #clock: Clock;
  readonly #countMax: number;
  readonly #keepMs: number;
  /** In the order of their first use, so the first is the one to expire or to give way. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, countMax: number, keepMs: number) {
    this.#clock = clock;
    this.#countMax = countMax;
    this.#keepMs = keepMs;
  }

  /** Runs `create` unless the same create ran under this key. One that created nothing is forgotten and may be repeated. */
  async once(
    key: string,
    request: CreateRequest,
    create: () => Promise<CreateOutcome>,
  ): Promise<OnceOutcome> {
    this.#expire();
    const fingerprint = fingerprintOf(request);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) return { type: "other" };
      if (known.incarnation !== null) return { type: "replayed", incarnation: known.incarnation };
      return { type: "done", outcome: await known.running };
    }
    const entry: Entry = {
      fingerprint,
      expiresAtMs: this.#clock.monotonicMs() + this.#keepMs,
      running: create(),
      incarnation: null,
    };
    this.#entries.set(key, entry);
    this.#shrink();
    try {
      const outcome = await entry.running;
      if (outcome.type === "created" || outcome.type === "recreated") {
        entry.incarnation = outcome.view.document.incarnation;
      } else {
        this.#forget(key, entry);
      }
      return { type: "done", outcome };
    } catch (error) {
      this.#forget(key, entry);
      throw error;
    }
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAtMs > nowMs) return;
      this.#entries.delete(key);
    }
  }

  #shrink(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= this.#countMax) return;
      this.#entries.delete(key);
    }
  }
}

function fingerprintOf({ name, spec }: CreateRequest): string {
  const config = Object.entries(spec.config).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([
    name,
    spec.memoryMib,
    spec.masters,
    spec.slaves,
    spec.distribution,
    config,
    spec.constraints ?? [],
  ]);
  return createHash("sha256").update(text).digest("base64");
}
