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
import type { SecretKeys } from "./secrets/secret-keys.js";

/** The store's key of an instance. */
export const instanceKey = (name: string): DocumentKey => `instance/${name}`;

/** The store, as the one who leads has it. */
export interface LedStore {
  readonly store: Store;
  readonly leadership: Leadership;
  /** Secrets are sealed with them. */
  readonly keys: SecretKeys;
}

/** Collects the commits of a turn. */
export class Committer {
  readonly #led: LedStore;
  readonly #post: (happening: ControlHappening) => void;
  readonly #crash: CrashPoint;
  #waiting: CommitDocument[] = [];

  constructor(led: LedStore, post: (happening: ControlHappening) => void, crash: CrashPoint) {
    this.#crash = crash;
    this.#led = led;
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
    const changes = commits.map(({ name, basedOn, document }): Change => {
      const key = instanceKey(name);
      const seal = this.#led.keys.sealingOf(key)?.seal;
      return { key, basedOn, value: document === null ? null : encodeInstance(document, seal) };
    });
    void this.#commit(commits, changes);
  }

  async #commit(commits: readonly CommitDocument[], changes: readonly Change[]): Promise<void> {
    const { store, leadership, keys } = this.#led;
    const outcomes = await store.commit(leadership, changes);
    this.#crash("after:commit-document");
    for (const [index, commit] of commits.entries()) {
      const outcome = outcomes[index];
      const result: CommitResult =
        outcome === undefined
          ? { type: "unknown", text: "the store gave no answer" }
          : resultOf(outcome, keys);
      this.#post({ type: "commit-finished", commitId: commit.commitId, result });
    }
  }
}

function resultOf(outcome: CommitOutcome, keys: SecretKeys): CommitResult {
  switch (outcome.type) {
    case "done":
      return { type: "done", revision: outcome.revision };
    case "unknown":
      return { type: "unknown", text: outcome.cause };
    case "refused":
      return refusalOf(outcome, keys);
  }
}

function refusalOf(
  outcome: Extract<CommitOutcome, { type: "refused" }>,
  keys: SecretKeys,
): CommitResult {
  switch (outcome.reason) {
    case "stale": {
      if (outcome.current === null) return { type: "stale", current: null };
      const { key, value } = outcome.current;
      const document = decodeInstance(value, keys.sealingOf(key)?.open);
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
