/**
 * Owns the Store port: what the scheduler needs from any store, in words of the domain.
 * Not: any driver. Called by packages/scheduler; held by the conformance suite for every driver.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Opaque version of a stored document; only equality has a meaning. */
export type Revision = string;

/** `instance/<name>` or `framework`: what a document is about. */
export type DocumentKey = `instance/${string}` | "framework";

/**
 * A document as stored. `value` is JSON text, at most {@link documentBytesMax} bytes in UTF-8. Stores do not look
 * into it: what it means, and whether a newer mr-redis wrote it, is for the codecs of core to say.
 */
export interface StoredDocument {
  readonly key: DocumentKey;
  readonly revision: Revision;
  readonly value: string;
}

/** Largest document: 1 + 100 processes and 20 failover records need about 80 KB; ZooKeeper's limit is 1 MB. */
export const documentBytesMax = 512 * 1024;

/** Longest key in UTF-8: names of instances are far shorter; it bounds what a driver must be able to hold. */
export const keyBytesMax = 512;

/**
 * One conditional change: `basedOn` is the revision that was read (null: must not exist); `value` null removes
 * (with `basedOn` null: done when there is nothing to remove).
 */
export interface Change {
  readonly key: DocumentKey;
  readonly basedOn: Revision | null;
  readonly value: string | null;
}

/**
 * done: durable, and every later read sees it; `revision` is null after a removal.
 * refused: nothing was written. stale: someone else was faster (`current` is what is stored now, null when
 * absent). not-leader: `leadership` is not (any more) one that this store gave and still knows as the leader's.
 * too-large: the value is over {@link documentBytesMax}, or the key over {@link keyBytesMax}. unacceptable: no
 * document key, or text that has no UTF-8 form (half a surrogate pair). closed: this store was closed before the call.
 * unknown: unreachable, overloaded, timed out, or closed meanwhile; it may or may not have been written, or may yet
 * be (also after a read that does not show it), until a retry of the same change tells: done, or refused with
 * `current` equal to what was written (null for a removal). `cause` is for people.
 */
export type CommitOutcome =
  | { readonly type: "done"; readonly revision: Revision | null }
  | { readonly type: "refused"; readonly reason: "stale"; readonly current: StoredDocument | null }
  | {
      readonly type: "refused";
      readonly reason: "not-leader" | "too-large" | "unacceptable" | "closed";
    }
  | { readonly type: "unknown"; readonly cause: string };

/** Who leads, as the store knows it; it may have died since. */
export interface LeaderRecord {
  /** What it gave to `campaign`. */
  readonly holder: string;
  readonly term: number;
}

/** Longest `holder` in UTF-8: a name, a URL and a process id. */
export const holderBytesMax = 1024;

/** The right to write, held by one scheduler at a time. */
export interface Leadership {
  /** Grows with every election of this store, for ever. Safe integer, first 1. */
  readonly term: number;
  /** Monotonic ms of the last answer of the store that confirmed it; where none is needed (memory, embedded), now. */
  confirmedAtMs(): number;
  /** False as soon as the holder must stop acting, by its own monotonic clock; never true again. */
  isValid(): boolean;
  /** Settles once, when the leadership is lost or given up; never rejects. */
  readonly lost: Promise<{ readonly because: string }>;
  /** Gives the leadership up; idempotent; never rejects. Commits that are under way end first, waiting ones are refused. */
  resign(): Promise<void>;
}

/** A change seen by a watcher; `value` null means removed (`revision` has no meaning then). */
export interface WatchEvent {
  readonly key: DocumentKey;
  readonly revision: Revision;
  readonly value: string | null;
}

/** Shared state of all schedulers. Every call but `campaign` ends within the configured time limit. */
export interface Store {
  /**
   * Waits until this process leads, or until `signal` aborts (then rejects with its reason). Rejects with MrrError
   * `store-unavailable` when the store is closed, or cannot be written for longer than the time limit; trying
   * again may help. `holder` names this scheduler to people and to other schedulers ({@link LeaderRecord}); longer
   * than {@link holderBytesMax} is refused with `config-invalid`.
   */
  campaign(holder: string, signal: AbortSignal): Promise<Leadership>;
  /** Who leads now; null when nobody does. Never for deciding: only for telling. Rejects with MrrError `store-unavailable`. */
  readLeader(): Promise<LeaderRecord | null>;
  /**
   * All documents, in no order. Rejects with MrrError `store-unavailable` when they cannot all be read now,
   * `store-corrupt` when some never will be: `details.broken` and `details.readable` list their keys.
   */
  readAll(): Promise<readonly StoredDocument[]>;
  /** One document or null. Rejects as `readAll`, but only for this one. */
  read(key: DocumentKey): Promise<StoredDocument | null>;
  /** Applies each change on its own, in order; the outcomes are in the order of the changes. Never rejects. */
  commit(leadership: Leadership, changes: readonly Change[]): Promise<readonly CommitOutcome[]>;
  /**
   * Calls `listener` for every change after this call, by whomever; in order per key, none missed, possibly
   * coalesced. It must not throw. Rejects with MrrError `store-unavailable`.
   */
  watch(listener: (event: WatchEvent) => void): Promise<{ close(): void }>;
  /**
   * Ends everything, the leadership included; idempotent; never rejects. Open commits end as unknown, other open
   * and all later calls reject with MrrError `store-unavailable`, later commits are refused as closed.
   */
  close(): Promise<void>;
}
