/**
 * Owns the pairing of the events of one stream with the recorded ones: the nth on a subject (one task's updates, one
 * executor's end, ...) with the nth; HEARTBEAT only the first, OFFERS when they are used (scenario.ts).
 * Two subjects may come in any order, but for what the master says itself: that keeps the recorded order.
 * Called by the replay.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Ledger } from "./ledger.js";
import type { Matching } from "./matching.js";

/** As much of an event of either API as its subject needs. */
export interface AnyEvent {
  readonly type: string;
  readonly update?: {
    readonly status: {
      readonly task_id: { readonly value: string };
      readonly source?: string;
      readonly state?: string;
      readonly uuid?: string;
      readonly agent_id?: { readonly value: string };
    };
  };
  readonly failure?: { readonly executor_id?: { readonly value: string } };
  readonly message?: { readonly executor_id?: { readonly value: string } };
  readonly launch?: { readonly task: { readonly task_id: { readonly value: string } } };
  readonly kill?: { readonly task_id: { readonly value: string } };
  readonly acknowledged?: { readonly task_id: { readonly value: string } };
  readonly update_operation_status?: {
    readonly status: { readonly operation_id?: { readonly value: string } };
  };
  readonly offers?: { readonly offers: readonly AnyOffer[] };
}

/** As much of an offer as the replay needs. */
export interface AnyOffer {
  readonly id: { readonly value: string };
  readonly framework_id: { readonly value: string };
  readonly agent_id: { readonly value: string };
}

/** What an event speaks of; null for those that are paired otherwise. */
export function subjectOf(event: AnyEvent): string | null {
  const { type } = event;
  if (type === "OFFERS") return null;
  const name =
    event.update?.status.task_id.value ??
    event.failure?.executor_id?.value ??
    event.message?.executor_id?.value ??
    event.launch?.task.task_id.value ??
    event.kill?.task_id.value ??
    event.acknowledged?.task_id.value ??
    event.update_operation_status?.status.operation_id?.value;
  return name === undefined ? type : `${type} ${name}`;
}

/** Events that the master makes at once and in order. */
const isOrdered = (event: AnyEvent): boolean =>
  event.update === undefined
    ? ["SUBSCRIBED", "HEARTBEAT", "ERROR"].includes(event.type)
    : event.update.status.source === "SOURCE_MASTER";

/** What a master says again and again at its own pace: more of it than was recorded is no difference. */
const repeatedTypes = new Set(["HEARTBEAT", "INVERSE_OFFERS"]);

/** One stream of now beside its recording. */
export class StreamPairing {
  readonly id: string;
  readonly recorded: readonly AnyEvent[];
  readonly #ledger: Ledger;
  readonly #matching: Matching;
  readonly #bySubject = new Map<string, number[]>();
  readonly #seen = new Map<string, number>();
  /** Recorded indexes that have their event. */
  readonly #paired = new Set<number>();
  #newestOrdered = -1;

  constructor(id: string, recorded: readonly AnyEvent[], ledger: Ledger, matching: Matching) {
    this.id = id;
    this.recorded = recorded;
    this.#ledger = ledger;
    this.#matching = matching;
    for (const [index, event] of recorded.entries()) {
      const subject = subjectOf(event);
      if (subject === null) continue;
      const list = this.#bySubject.get(subject) ?? [];
      if (event.type !== "HEARTBEAT" || list.length === 0) list.push(index);
      this.#bySubject.set(subject, list);
    }
  }

  /** An event came. */
  take(event: AnyEvent): void {
    const subject = subjectOf(event);
    if (subject === null) return;
    const number = this.#seen.get(subject) ?? 0;
    this.#seen.set(subject, number + 1);
    const index = this.#bySubject.get(subject)?.[number];
    const recorded = index === undefined ? undefined : this.recorded[index];
    if (index === undefined || recorded === undefined) {
      const isRepeated = number > 0 && repeatedTypes.has(event.type);
      if (isRepeated || event.type === "RESCIND_INVERSE_OFFER") return;
      this.#differs(subject, `comes now, was not recorded: ${JSON.stringify(event).slice(0, 400)}`);
      return;
    }
    this.#paired.add(index);
    this.#ledger.eventsCount += 1;
    const [difference] = this.#matching.differences(recorded, event);
    if (difference !== undefined) this.#differs(subject, difference);
    if (!isOrdered(recorded)) return;
    if (index < this.#newestOrdered) this.#differs(subject, "comes in another order");
    this.#newestOrdered = Math.max(this.#newestOrdered, index);
  }

  /** True when the first `count` recorded events have come, but for those that are known not to. */
  hasSeen(count: number): boolean {
    return this.missing(count).length === 0;
  }

  /** Subjects of recorded events that did not come and are not known to differ. */
  missing(count: number): readonly string[] {
    return this.recorded.slice(0, count).flatMap((event, index) => {
      const subject = subjectOf(event);
      const isRepeated = event.type === "HEARTBEAT" && this.#seen.has("HEARTBEAT");
      if (subject === null || isRepeated || this.#paired.has(index)) return [];
      return this.#ledger.isKnown(`${this.id} ${subject}`) ? [] : [subject];
    });
  }

  /** Everything recorded that has not come differs. */
  finish(): void {
    for (const [index, event] of this.recorded.entries()) {
      const subject = subjectOf(event);
      const isRepeated = event.type === "HEARTBEAT" && this.#seen.has("HEARTBEAT");
      if (subject === null || isRepeated || this.#paired.has(index)) continue;
      this.#differs(subject, `was recorded, does not come: ${JSON.stringify(event).slice(0, 300)}`);
    }
  }

  #differs(subject: string, detail: string): void {
    this.#ledger.differs(`${this.id} ${subject}`, detail);
  }
}
