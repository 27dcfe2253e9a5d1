/**
 * Owns one watcher of the documents: every change is told, in order for each key, whatever happens to streams, servers
 * and old revisions. Compacted revisions are made up for by reading all and telling the differences, removals included.
 * Not: the stream (watch-stream.ts). Called by store.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { IEvent } from "etcd3";
import type { DocumentKey, WatchEvent } from "../port.js";
import { EtcdFailure } from "./failure.js";
import { type EtcdKeys, textOf } from "./keys.js";
import { readPairs } from "./reader.js";
import type { EtcdServers } from "./servers.js";
import { WatchStream } from "./watch-stream.js";

/** Pause before a broken watch is opened again: grows from one to the other. */
const reopenDelayMs = { first: 20, max: 500 } as const;

/** What a watcher needs. */
export interface DocumentWatchParts {
  readonly servers: EtcdServers;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  /** How long a server may say nothing after it was asked. */
  readonly silenceMs: number;
}

/** One watcher. */
export class DocumentWatch {
  readonly #parts: DocumentWatchParts;
  readonly #listener: (event: WatchEvent) => void;
  /** Revision of every document, as it was told or known at the start. */
  #known = new Map<DocumentKey, bigint>();
  /** First revision that was not told completely. */
  #next = 0n;
  #stream: WatchStream | null = null;
  #timer: Timer | null = null;
  #delayMs: number = reopenDelayMs.first;
  #isClosed = false;

  private constructor(parts: DocumentWatchParts, listener: (event: WatchEvent) => void) {
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Resolves when every later change will be told. Rejects with EtcdFailure. */
  static async open(
    parts: DocumentWatchParts,
    listener: (event: WatchEvent) => void,
  ): Promise<DocumentWatch> {
    const watch = new DocumentWatch(parts, listener);
    const { revision, pairs } = await readPairs(parts.servers, parts.keys, { keysOnly: true });
    for (const [key, pair] of pairs) watch.#known.set(key, BigInt(pair.mod_revision));
    watch.#next = BigInt(revision) + 1n;
    watch.#open();
    return watch;
  }

  /** Nothing is told any more; idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stream?.close();
  }

  #open(): void {
    const { start: key, end } = this.#parts.keys.documents;
    this.#stream = new WatchStream(
      this.#parts,
      { key, end, fromRevision: this.#next },
      {
        onCreated: () => {
          this.#delayMs = reopenDelayMs.first;
        },
        onEvents: (events, isPart) => this.#take(events, isPart),
        onBroken: (failure) => this.#openLater(failure.kind === "compacted"),
      },
    );
  }

  #openLater(isCompacted: boolean): void {
    this.#timer = this.#parts.clock.after(this.#delayMs, () => void this.#reopen(isCompacted));
    this.#delayMs = Math.min(this.#delayMs * 2, reopenDelayMs.max);
  }

  /** A read comes first: it finds a server that answers and renews the login, which no stream does. */
  async #reopen(isCompacted: boolean): Promise<void> {
    try {
      if (isCompacted) await this.#catchUp();
      else {
        const key = this.#parts.keys.leader;
        await this.#parts.servers.read((member, limits) =>
          member.kv.range({ key, keys_only: true }, limits),
        );
      }
      if (!this.#isClosed) this.#open();
    } catch (error) {
      const isStill = isCompacted || (error instanceof EtcdFailure && error.kind === "compacted");
      if (!this.#isClosed) this.#openLater(isStill);
    }
  }

  #take(events: readonly IEvent[], isPart: boolean): void {
    for (const { type, kv } of events) {
      const key = this.#parts.keys.documentKey(kv.key);
      const revision = BigInt(kv.mod_revision);
      // A revision that came in parts is told again from its start after a break.
      this.#next = isPart ? revision : revision + 1n;
      if (key === null) continue;
      if (type === "Delete") this.#tellRemoval(key);
      else this.#tellValue(key, revision, kv.value);
      if (this.#isClosed) return;
    }
  }

  async #catchUp(): Promise<void> {
    const { servers, keys } = this.#parts;
    const { revision, pairs } = await readPairs(servers, keys, { keysOnly: false });
    for (const key of [...this.#known.keys()]) {
      if (this.#isClosed) return;
      if (!pairs.has(key)) this.#tellRemoval(key);
    }
    for (const [key, pair] of pairs) {
      if (this.#isClosed) return;
      this.#tellValue(key, BigInt(pair.mod_revision), pair.value);
    }
    this.#next = BigInt(revision) + 1n;
  }

  #tellRemoval(key: DocumentKey): void {
    const revision = this.#known.get(key);
    if (!this.#known.delete(key)) return;
    this.#listener({ key, revision: String(revision), value: null });
  }

  #tellValue(key: DocumentKey, revision: bigint, bytes: Buffer): void {
    if ((this.#known.get(key) ?? 0n) >= revision) return;
    this.#known.set(key, revision);
    // What is no text was not written by mr-redis; as JSON it cannot be read either way.
    const value = textOf(bytes) ?? bytes.toString("latin1");
    this.#listener({ key, revision: String(revision), value });
  }
}
