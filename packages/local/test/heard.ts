/**
 * Owns what a test's scheduler has heard, and the waiting for the next event that fits. Called by harness.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SchedulerEvent } from "@mr-redis/mesos";
import { until } from "@mr-redis/testing";

/** Longest wait for anything that happens soon on a healthy machine; far above it, so that only defects reach it. */
export const deadlineMsDefault = 20_000;

/** One event and when it came. */
export interface HeardEvent {
  readonly atMs: number;
  readonly event: SchedulerEvent;
}

/** What an event speaks of. */
const subjectOf = ({ type, update }: SchedulerEvent): string =>
  update === undefined ? String(type) : `UPDATE ${update.status.task_id.value}`;

/** All events of a session in their order. */
export class Heard {
  readonly events: HeardEvent[] = [];
  /** Indexes of the events that were given out or passed over. */
  readonly #taken = new Set<number>();

  add(event: SchedulerEvent): void {
    this.events.push({ atMs: performance.now(), event });
  }

  /**
   * The next event that fits and was not taken yet. Older ones on the same subject (one task's updates, offers, ...) are
   * passed over; those on other subjects are not, since nobody knows which of two subjects is heard first. With
   * `skipsRepeats` updates that are repeated because their acknowledgement was late are passed over, too.
   */
  async next(
    fits: (event: SchedulerEvent) => boolean,
    options: { readonly what: string; readonly deadlineMs: number; readonly skipsRepeats: boolean },
  ): Promise<SchedulerEvent> {
    const { what, deadlineMs, skipsRepeats } = options;
    let found: SchedulerEvent | undefined;
    await until(
      () => {
        const index = this.events.findIndex(
          ({ event }, at) =>
            !this.#taken.has(at) && fits(event) && !(skipsRepeats && this.#isRepeated(at)),
        );
        found = this.events[index]?.event;
        if (found !== undefined) this.#take(index, subjectOf(found));
        return found !== undefined;
      },
      { deadlineMs, intervalMs: 5, what },
    );
    if (found === undefined) throw new Error(what);
    return found;
  }

  /** Everything heard so far counts as taken. */
  forget(): void {
    for (const index of this.events.keys()) this.#taken.add(index);
  }

  /** All offers heard so far count as taken. */
  forgetOffers(): void {
    this.#take(this.events.length - 1, "OFFERS");
  }

  #take(last: number, subject: string): void {
    for (let index = 0; index <= last; index += 1) {
      const event = this.events[index]?.event;
      if (event !== undefined && subjectOf(event) === subject) this.#taken.add(index);
    }
  }

  #isRepeated(index: number): boolean {
    const uuid = this.events[index]?.event.update?.status.uuid;
    if (uuid === undefined) return false;
    return this.events.findIndex(({ event }) => event.update?.status.uuid === uuid) < index;
  }
}
