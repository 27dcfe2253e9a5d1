/**
 * Owns which failovers of one reign are news: a stored record that was not there before, and one whose new master is seen to
 * write now. Not: their counting (meter.ts). Looks at what core shows; core does not know of it.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Control, FailoverRecord, InstanceDocument } from "@mr-redis/core";

/** What is new of one record. */
export interface FailoverNews {
  readonly record: FailoverRecord;
  /** It was not stored before. */
  readonly isNew: boolean;
  /** Its time without a writer is known now, and was not before. */
  readonly isSeenToWrite: boolean;
}

const nothing: readonly FailoverNews[] = [];

/** See the head of this file. */
export class FailoverWatch {
  readonly #control: Control;
  /** The stored document that was last looked at, by name. What a reign finds when it begins was counted by another one. */
  readonly #seen = new Map<string, InstanceDocument>();

  constructor(control: Control) {
    this.#control = control;
    for (const { name, stored } of control.cells.values()) {
      if (stored !== null) this.#seen.set(name, stored);
    }
  }

  /** Called for every change of an instance, also for those of which nothing was stored. */
  look(name: string): readonly FailoverNews[] {
    const stored = this.#control.cells.get(name)?.stored ?? null;
    const seen = this.#seen.get(name);
    if (stored === null) {
      this.#seen.delete(name);
      return nothing;
    }
    if (seen === stored) return nothing;
    this.#seen.set(name, stored);
    const isSame = seen?.incarnation === stored.incarnation;
    if (seen?.failovers === stored.failovers) return nothing;
    const before = isSame ? (seen?.failovers ?? []) : [];
    return stored.failovers.flatMap((record): FailoverNews[] => {
      const old = before.find((each) => isSameFailover(each, record));
      const isNew = old === undefined;
      const isSeenToWrite = record.writerlessMs !== null && (old?.writerlessMs ?? null) === null;
      return isNew || isSeenToWrite ? [{ record, isNew, isSeenToWrite }] : [];
    });
  }
}

/** One that was given up leaves the epoch to the next one. */
const isSameFailover = (one: FailoverRecord, other: FailoverRecord): boolean =>
  one.epoch === other.epoch &&
  one.kind === other.kind &&
  one.newMaster === other.newMaster &&
  one.startedAtMs === other.startedAtMs;
