/**
 * Owns the session that a store reads and watches on, whoever leads: made anew when it ends, questions repeated when
 * the connection is lost under them. Not: what is read. Called by store.ts and mirror.ts.
 *
 * What answers may be another program for a while, or refuse our user: that ends a session with `config-invalid`, and
 * questions say so; but it may be mended without us, so another session is tried, less and less often.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { MrrError, Timer } from "@mr-redis/core";
import { ConnectionLost } from "./codes.js";
import { Session, type SessionOptions } from "./session.js";

/** Until the next session after one that was refused: at first, and at most. */
const reopenMs = { first: 1000, factor: 2, max: 30_000 } as const;

/** Reads without end: one session follows the other until it is closed. */
export class Reader {
  readonly #options: SessionOptions;
  readonly #connectListeners = new Set<() => void>();
  readonly #nodeListeners = new Set<(type: string, path: string) => void>();
  #session: Session;
  #end: MrrError | null = null;
  #reopenTimer: Timer | null = null;
  #reopenMs: number = reopenMs.first;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#session = this.#open();
  }

  /** Calls back at every connection, and at once when there is one: watches have to be set anew. */
  onConnect(listener: () => void): () => void {
    this.#connectListeners.add(listener);
    if (this.#session.isConnected) listener();
    return () => this.#connectListeners.delete(listener);
  }

  /** Tells what watches say. */
  onNode(listener: (type: string, path: string) => void): () => void {
    this.#nodeListeners.add(listener);
    return () => this.#nodeListeners.delete(listener);
  }

  /** For calls that are not to be repeated. */
  get session(): Session {
    return this.#session;
  }

  /**
   * What `ask` gives; repeated when the connection is lost under it, until `isOver`. Rejects with what else `ask`
   * throws, and while the servers are none of ZooKeeper.
   */
  async ask<T>(ask: (session: Session) => Promise<T>, isOver: () => boolean): Promise<T> {
    for (;;) {
      const session = this.#session;
      try {
        await session.whenConnected();
        return await ask(session);
      } catch (error) {
        const isPassing = error instanceof ConnectionLost || session !== this.#session;
        if (!isPassing || this.#end !== null || isOver()) throw this.#end ?? error;
      }
    }
  }

  /** Idempotent; never rejects. */
  async close(because: MrrError): Promise<void> {
    this.#end ??= because;
    this.#reopenTimer?.cancel();
    await this.#session.close(because);
  }

  #open(): Session {
    const { clock } = this.#options;
    const openedAtMs = clock.monotonicMs();
    const session = new Session(this.#options);
    session.onConnect(() => {
      for (const listener of this.#connectListeners) listener();
    });
    session.onNode((type, path) => {
      for (const listener of this.#nodeListeners) listener(type, path);
    });
    session.onEnd((error) => {
      if (this.#end !== null) return;
      const reopen = () => {
        this.#session = this.#open();
      };
      // One that lasted was no refused one.
      const isRefused = error.code === "config-invalid";
      const hasLasted = clock.monotonicMs() - openedAtMs > reopenMs.max;
      if (!isRefused || hasLasted) this.#reopenMs = reopenMs.first;
      if (!isRefused) return reopen();
      this.#reopenTimer = clock.after(this.#reopenMs, reopen);
      this.#reopenMs = Math.min(this.#reopenMs * reopenMs.factor, reopenMs.max);
    });
    return session;
  }
}
