/**
 * Owns the memory driver: the Store port over a shared backend. For tests and the simulator; nothing is durable.
 * Not: the shared state and its faults (backend.ts). Called by createStore and by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, MrrError } from "@mr-redis/core";
import { refusalOf } from "../change.js";
import { OpenCalls } from "../deadline.js";
import { checkHolder, HeldLeadership } from "../election.js";
import type {
  Change,
  CommitOutcome,
  DocumentKey,
  LeaderRecord,
  Leadership,
  Store,
  StoredDocument,
  WatchEvent,
} from "../port.js";
import type { MemoryBackend, MemoryCall } from "./backend.js";

/** What a memory store is made of. */
export interface MemoryStoreOptions {
  readonly backend: MemoryBackend;
  readonly clock: Clock;
  /** Limit of every call but `campaign`. */
  readonly timeLimitMs: number;
}

const closedError = () => new MrrError("store-unavailable", "the store is closed");

/** A store in memory; several on one backend compete as several schedulers would. */
export class MemoryStore implements Store {
  readonly #backend: MemoryBackend;
  readonly #clock: Clock;
  readonly #calls: OpenCalls;
  readonly #closing = new AbortController();
  readonly #watchers = new Set<(event: WatchEvent) => void>();
  #leadership: HeldLeadership | null = null;
  #holder: string | null = null;

  constructor(options: MemoryStoreOptions) {
    this.#backend = options.backend;
    this.#clock = options.clock;
    this.#calls = new OpenCalls(options.clock, options.timeLimitMs);
  }

  async campaign(holder: string, signal: AbortSignal): Promise<Leadership> {
    checkHolder(holder);
    this.#holder = holder;
    const either = AbortSignal.any([this.#closing.signal, signal]);
    const leave = await this.#backend.seat.take(either);
    try {
      await this.#faulted("campaign", null, () => {});
      either.throwIfAborted();
    } catch (error) {
      leave();
      throw error;
    }
    const leadership = new HeldLeadership(
      this.#backend.nextTerm(),
      () => this.#clock.monotonicMs(),
      async () => {
        if (this.#backend.leader?.leadership === leadership) this.#backend.leader = null;
        leave();
      },
    );
    this.#backend.leader = { holder, leadership, leave };
    this.#leadership = leadership;
    return leadership;
  }

  readLeader(): Promise<LeaderRecord | null> {
    return this.#asked("readLeader", null, () => {
      const { leader } = this.#backend;
      return leader === null ? null : { holder: leader.holder, term: leader.leadership.term };
    });
  }

  readAll(): Promise<readonly StoredDocument[]> {
    return this.#asked("readAll", null, () => [...this.#backend.documents.values()]);
  }

  read(key: DocumentKey): Promise<StoredDocument | null> {
    return this.#asked("read", key, () => this.#backend.documents.get(key) ?? null);
  }

  async commit(
    leadership: Leadership,
    changes: readonly Change[],
  ): Promise<readonly CommitOutcome[]> {
    if (this.#closing.signal.aborted) {
      return changes.map(() => ({ type: "refused", reason: "closed" }));
    }
    let last: Promise<unknown> = Promise.resolve();
    const outcomes = changes.map((change) => {
      const outcome = last.then(() => this.#one(leadership, change));
      last = outcome.catch(() => {});
      return this.#calls
        .run(outcome)
        .catch((error: Error): CommitOutcome => ({ type: "unknown", cause: error.message }));
    });
    return Promise.all(outcomes);
  }

  async watch(listener: (event: WatchEvent) => void): Promise<{ close(): void }> {
    const watcher = (event: WatchEvent) => listener(event);
    await this.#asked("watch", null, () => {
      if (this.#closing.signal.aborted) return;
      this.#watchers.add(watcher);
      this.#backend.watchers.add(watcher);
    });
    return {
      close: () => {
        this.#watchers.delete(watcher);
        this.#backend.watchers.delete(watcher);
      },
    };
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closedError());
    this.#calls.endAll(closedError());
    for (const watcher of this.#watchers) this.#backend.watchers.delete(watcher);
    const leader = this.#backend.leader;
    if (leader !== null && leader.leadership === this.#leadership) {
      this.#backend.depose("the store was closed");
    }
  }

  async #one(leadership: Leadership, change: Change): Promise<CommitOutcome> {
    const refusal = refusalOf(change);
    if (refusal !== null) return { type: "refused", reason: refusal };
    return this.#faulted("commit", change.key, () => {
      const leads =
        leadership === this.#leadership && leadership === this.#backend.leader?.leadership;
      if (!leads) return { type: "refused", reason: "not-leader" };
      return this.#backend.apply(change);
    });
  }

  async #asked<T>(
    operation: MemoryCall["operation"],
    key: DocumentKey | null,
    effect: () => T,
  ): Promise<T> {
    if (this.#closing.signal.aborted) throw closedError();
    return this.#calls.run(this.#faulted(operation, key, effect));
  }

  /** The effect, with what the backend's fault says. */
  async #faulted<T>(
    operation: MemoryCall["operation"],
    key: DocumentKey | null,
    effect: () => T,
  ): Promise<T> {
    const fault = this.#backend.fault({ holder: this.#holder, operation, key });
    await this.#delay(fault?.delayMs ?? 0);
    if (fault?.lost === "request") throw new MrrError("store-unavailable", "the request was lost");
    const result = effect();
    await this.#delay(fault?.answerDelayMs ?? 0);
    if (fault?.lost === "answer") throw new MrrError("store-unavailable", "the answer was lost");
    return result;
  }

  async #delay(delayMs: number): Promise<void> {
    if (delayMs <= 0) return;
    await new Promise<void>((resolve) => {
      this.#clock.after(delayMs, resolve);
    });
  }
}
