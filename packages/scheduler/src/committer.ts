/**
 * Owns the way of documents from the decision core to the store and of the outcomes back: all commits of a turn go together.
 * Not: when something is committed (core), nor how it is stored (packages/store). Made by scheduler.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CommitDocument,
  type CommitResult,
  type ControlHappening,
  decodeInstance,
  encodeInstance,
  problemsText,
} from "@mr-redis/core";
import type { Change, CommitOutcome, DocumentKey, Leadership, Store } from "@mr-redis/store";
import type { CrashPoint } from "./crash-points.js";

/** The store's key of an instance. */
export const instanceKey = (name: string): DocumentKey => `instance/${name}`;

/** Collects the commits of a turn. */
export class Committer {
  readonly #store: Store;
  readonly #leadership: Leadership;
  readonly #post: (happening: ControlHappening) => void;
  readonly #crash: CrashPoint;
  #waiting: CommitDocument[] = [];

  constructor(
    store: Store,
    leadership: Leadership,
    post: (happening: ControlHappening) => void,
    crash: CrashPoint,
  ) {
    this.#crash = crash;
    this.#store = store;
    this.#leadership = leadership;
    this.#post = post;
  }

  add(commit: CommitDocument): void {
    this.#waiting.push(commit);
  }

  /** Sends what was collected; each outcome comes back as an event of its own. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const commits = this.#waiting;
    this.#waiting = [];
    const changes = commits.map(
      (commit): Change => ({
        key: instanceKey(commit.name),
        basedOn: commit.basedOn,
        value: commit.document === null ? null : encodeInstance(commit.document),
      }),
    );
    void this.#commit(commits, changes);
  }

  async #commit(commits: readonly CommitDocument[], changes: readonly Change[]): Promise<void> {
    const outcomes = await this.#store.commit(this.#leadership, changes);
    this.#crash("after:commit-document");
    for (const [index, commit] of commits.entries()) {
      const outcome = outcomes[index];
      const result: CommitResult =
        outcome === undefined
          ? { type: "unknown", text: "the store gave no answer" }
          : resultOf(outcome);
      this.#post({ type: "commit-finished", commitId: commit.commitId, result });
    }
  }
}

function resultOf(outcome: CommitOutcome): CommitResult {
  switch (outcome.type) {
    case "done":
      return { type: "done", revision: outcome.revision };
    case "unknown":
      return { type: "unknown", text: outcome.cause };
    case "refused":
      return refusalOf(outcome);
  }
}

function refusalOf(outcome: Extract<CommitOutcome, { type: "refused" }>): CommitResult {
  switch (outcome.reason) {
    case "stale": {
      if (outcome.current === null) return { type: "stale", current: null };
      const document = decodeInstance(outcome.current.value);
      if (!document.ok) return { type: "rejected", text: problemsText(document.problems) };
      const { revision } = outcome.current;
      return { type: "stale", current: { document: document.value, revision } };
    }
    case "not-leader":
      return { type: "not-leader", text: "this scheduler does not lead any more" };
    case "too-large":
      return { type: "rejected", text: "the record of the instance is too large for the store" };
    case "unacceptable":
      return { type: "rejected", text: "the store does not accept this record" };
    case "closed":
      return { type: "unknown", text: "the store is closed" };
  }
}
