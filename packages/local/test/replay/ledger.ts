/**
 * Owns the account of a replay: what was compared, what differed, and how that stands to the list of differences.
 * Called by the replay tests.
 * SPDX-License-Identifier: Apache-2.0
 */

/** A difference between the recording and now that is known, and why it is there. */
export interface KnownDifference {
  /** `json/020-accept-launch-fetchfail answer`, `json/001-subscribe UPDATE t-fetch`: the recording and what of it. */
  readonly id: string;
  readonly why: string;
}

/** The account of one or more scenarios. */
export class Ledger {
  /** Calls whose answer was compared, by id of the recording. */
  readonly calls = new Set<string>();
  /** Events that were compared with a recorded one. */
  eventsCount = 0;
  /** What differs, with the first detail. */
  readonly found = new Map<string, string>();
  readonly #known: ReadonlySet<string>;

  constructor(known: readonly KnownDifference[]) {
    this.#known = new Set(known.map(({ id }) => id));
  }

  /** True for a difference on the list, or one found before: nobody waits for what will not come. */
  isKnown(id: string): boolean {
    return this.#known.has(id) || this.found.has(id);
  }

  /** True for a difference on the list. */
  isOnList(id: string): boolean {
    return this.#known.has(id);
  }

  differs(id: string, detail: string): void {
    if (!this.found.has(id)) this.found.set(id, detail);
  }

  /** Differences that are not on the list. */
  unknown(): readonly string[] {
    return [...this.found].flatMap(([id, detail]) =>
      this.#known.has(id) ? [] : [`${id}: ${detail}`],
    );
  }

  /** Entries of the list below these folders that differ no more: they must go from it. */
  outdated(folders: readonly string[]): readonly string[] {
    return [...this.#known].filter(
      (id) => !this.found.has(id) && folders.some((folder) => id.startsWith(`${folder}/`)),
    );
  }

  toString(): string {
    return `${this.calls.size} recorded calls and ${this.eventsCount} events compared, ${this.found.size} differences left`;
  }
}
