/**
 * Owns the framework's record during one reign: what the store holds of it, and the writing of it, again until it is told.
 * Not: when it is written and what follows (reign.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, FrameworkDocument } from "@mr-redis/core";
import type { Leadership, Store } from "@mr-redis/store";
import { backoffMs } from "./backoff.js";
import type { CrashPoint } from "./crash-points.js";
import { saveFramework } from "./load.js";
import type { Log } from "./log.js";
import { endOf, notLeader, type ReignEnd } from "./reign-end.js";

/** What a record is made of. */
export interface FrameworkRecordOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly crash: CrashPoint;
  readonly store: Store;
  readonly leadership: Leadership;
  /** As loaded. */
  readonly stored: FrameworkDocument | null;
  readonly revision: string | null;
}

/** Makes the next record of the one that the store holds; null: there is none. */
export type RecordChange = (stored: FrameworkDocument | null) => FrameworkDocument;

/** See the head of this file. */
export class FrameworkRecord {
  readonly #options: FrameworkRecordOptions;
  #stored: FrameworkDocument | null;
  #revision: string | null;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(options: FrameworkRecordOptions) {
    this.#options = options;
    this.#stored = options.stored;
    this.#revision = options.revision;
  }

  /** What the store holds. */
  get stored(): FrameworkDocument | null {
    return this.#stored;
  }

  /**
   * Stores what `change` makes of what is there, after all changes before it. Null: done, or `mayGoOn` said no between two
   * tries; else how the reign must end. An outcome that is not known is tried again.
   */
  save(change: RecordChange, mayGoOn: () => boolean): Promise<ReignEnd | null> {
    const saving = this.#saving.then(() => this.#save(change(this.#stored), mayGoOn));
    this.#saving = saving.catch(() => {});
    return saving;
  }

  async #save(document: FrameworkDocument, mayGoOn: () => boolean): Promise<ReignEnd | null> {
    const { clock, log, crash, store, leadership } = this.#options;
    const { frameworkId } = document;
    for (let tries = 0; mayGoOn(); tries += 1) {
      crash("before:framework");
      const saved = await saveFramework(store, leadership, document, this.#revision);
      crash("after:framework");
      switch (saved.type) {
        case "done":
          this.#stored = document;
          this.#revision = saved.revision;
          return null;
        case "not-leader":
          return endOf(notLeader);
        case "conflict":
          return { type: "lost", because: saved.text };
        case "unknown":
          break;
      }
      const delayMs = backoffMs(tries);
      log.warn(
        { frameworkId, because: saved.text, delayMs },
        "the record of the framework is not stored yet",
      );
      await new Promise<void>((resolve) => {
        clock.after(delayMs, resolve);
      });
    }
    return null;
  }
}

/** True for one that Mesos is known to have removed. */
export const isRemoved = (framework: FrameworkDocument | null): framework is FrameworkDocument =>
  framework !== null && framework.removedAtMs !== null;

/** The framework to go on with: the stored one, or one of this process that the store has not yet; none that was removed. */
export const knownOf = (
  stored: FrameworkDocument | null,
  known: FrameworkDocument | null,
): FrameworkDocument | null => {
  if (stored !== null && !isRemoved(stored)) return stored;
  return known?.frameworkId === stored?.frameworkId ? null : known;
};
