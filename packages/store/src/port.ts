/**
 * Owns the Store port: what the scheduler needs from any store, in words of the domain.
 * Not: any driver. Called by packages/scheduler; held by the conformance suite for every driver.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Opaque version of a stored document; only equality has a meaning. */
export type Revision = string;

/** `instance/<name>` or `framework`: what a document is about. */
export type DocumentKey = `instance/${string}` | "framework";

/** A document as stored. `value` is JSON text, at most {@link documentBytesMax} bytes in UTF-8. */
export interface StoredDocument {
  readonly key: DocumentKey;
  readonly revision: Revision;
  readonly value: string;
}

/** Largest document: 1 + 100 processes and 20 failover records need about 80 KB; ZooKeeper's limit is 1 MB. */
export const documentBytesMax = 512 * 1024;

/** One conditional change: `basedOn` is the revision that was read (null: must not exist); `value` null removes. */
export interface Change {
  readonly key: DocumentKey;
  readonly basedOn: Revision | null;
  readonly value: string | null;
}

/**
 * done: durable, and every later read sees it. refused: nothing was written, because someone else was faster
 * (`current` is what is stored now, null when absent) or because we no longer lead, or the value is not acceptable.
 * unknown: unreachable or timed out; it may or may not have been written, and a retry of the same change tells
 * (done, or refused with `current` equal to what was written).
 */
export type CommitOutcome =
  | { readonly type: "done"; readonly revision: Revision | null }
  | { readonly type: "refused"; readonly reason: "stale"; readonly current: StoredDocument | null }
  | { readonly type: "refused"; readonly reason: "not-leader" | "too-large" | "closed" }
  | { readonly type: "unknown"; readonly cause: string };

/** The right to write, held by one scheduler at a time. */
export interface Leadership {
  /** Grows with every election of this store, for ever. Safe integer, first 1. */
  readonly term: number;
  /** False as soon as the holder must stop acting, by its own monotonic clock. */
  isValid(): boolean;
  /** Settles once, when the leadership is lost or given up; never rejects. */
  readonly lost: Promise<{ readonly because: string }>;
  /** Gives the leadership up; idempotent. */
  resign(): Promise<void>;
}

/** A change seen by a watcher; `value` null means removed. */
export interface WatchEvent {
  readonly key: DocumentKey;
  readonly revision: Revision;
  readonly value: string | null;
}

/** Shared state of all schedulers. Every call ends within the configured time limit. */
export interface Store {
  /** Waits until this process leads, or until `signal` aborts (then rejects with its reason). */
  campaign(holder: string, signal: AbortSignal): Promise<Leadership>;
  /** All documents. Rejects with MrrError `store-unavailable` when they cannot all be read. */
  readAll(): Promise<readonly StoredDocument[]>;
  /** One document or null. */
  read(key: DocumentKey): Promise<StoredDocument | null>;
  /** Applies each change on its own, in order; the outcomes are in the order of the changes. Never rejects. */
  commit(leadership: Leadership, changes: readonly Change[]): Promise<readonly CommitOutcome[]>;
  /** Calls `listener` for every change after this call; in order per key, none missed, possibly coalesced. */
  watch(listener: (event: WatchEvent) => void): Promise<{ close(): void }>;
  /** Ends everything; idempotent. Open calls end as unknown. */
  close(): Promise<void>;
}
