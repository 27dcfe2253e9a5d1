/**
 * Owns what several memory stores share: the documents, the seat of the leader, and the faults that tests order.
 * Not: the Store port (store.ts). Called by store.ts and by tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type HeldLeadership, Seat } from "../election.js";
import type { Change, CommitOutcome, DocumentKey, StoredDocument, WatchEvent } from "../port.js";

/** One call on its way to the backend; `key` is set for read and commit (once for each change). */
export interface MemoryCall {
  readonly holder: string | null;
  readonly operation: "campaign" | "readLeader" | "read" | "readAll" | "commit" | "watch";
  readonly key: DocumentKey | null;
}

/** What happens to a call. A total delay beyond the store's time limit makes a commit unknown, applied late. */
export interface MemoryFault {
  /** Time until the call reaches the backend. */
  readonly delayMs?: number;
  /** Time until the answer is back. */
  readonly answerDelayMs?: number;
  /** request: it never reaches the backend. answer: it has its effect, but nobody hears of it. */
  readonly lost?: "request" | "answer";
}

/** State shared by the memory stores that are made on it. */
export class MemoryBackend {
  /** Asked for each call; null: no fault. Set it at any time. */
  fault: (call: MemoryCall) => MemoryFault | null = () => null;

  /** @internal */
  readonly documents = new Map<DocumentKey, StoredDocument>();
  /** @internal */
  readonly seat = new Seat();
  /** @internal */
  readonly watchers = new Set<(event: WatchEvent) => void>();
  /** @internal */
  leader: {
    readonly holder: string;
    readonly leadership: HeldLeadership;
    readonly leave: () => void;
  } | null = null;
  #term = 0;
  #revision = 0;

  /**
   * Takes the leadership away, as an expired lease would: the old leader is refused from now on; the next campaign
   * wins. With `silently` its `isValid` stays true: it does not know yet.
   */
  depose(because: string, options: { readonly silently?: boolean } = {}): void {
    const leader = this.leader;
    if (leader === null) return;
    this.leader = null;
    if (options.silently !== true) leader.leadership.end(because);
    leader.leave();
  }

  /** @internal The term of a new leader. */
  nextTerm(): number {
    this.#term += 1;
    return this.#term;
  }

  /** @internal Applies one acceptable change of a leader. */
  apply(change: Change): CommitOutcome {
    const current = this.documents.get(change.key) ?? null;
    if ((current?.revision ?? null) !== change.basedOn) {
      return { type: "refused", reason: "stale", current };
    }
    if (change.value === null) {
      if (current === null) return { type: "done", revision: null };
      this.documents.delete(change.key);
      this.#tell({ key: change.key, revision: current.revision, value: null });
      return { type: "done", revision: null };
    }
    this.#revision += 1;
    const document = { key: change.key, revision: String(this.#revision), value: change.value };
    this.documents.set(change.key, document);
    this.#tell(document);
    return { type: "done", revision: document.revision };
  }

  #tell(event: WatchEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }
}
