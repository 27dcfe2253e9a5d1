/**
 * Owns the session that a store reads and watches on, whoever leads: made anew when it ends, questions repeated when
 * the connection is lost under them. Not: what is read. Called by store.ts and mirror.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { MrrError } from "@mr-redis/core";
import { ConnectionLost } from "./codes.js";
import { Session, type SessionOptions } from "./session.js";

/** Reads without end: one session follows the other until it is closed. */
export class Reader {
  readonly #options: SessionOptions;
  readonly #connectListeners = new Set<() => void>();
  readonly #nodeListeners = new Set<(type: string, path: string) => void>();
  #session: Session;
  #end: MrrError | null = null;

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
   * throws, and when the servers are none of ZooKeeper.
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
    await this.#session.close(because);
  }

  #open(): Session {
    const session = new Session(this.#options);
    session.onConnect(() => {
      for (const listener of this.#connectListeners) listener();
    });
    session.onNode((type, path) => {
      for (const listener of this.#nodeListeners) listener(type, path);
    });
    session.onEnd((error) => {
      if (this.#end !== null || error.code === "config-invalid") return;
      this.#session = this.#open();
    });
    return session;
  }
}
