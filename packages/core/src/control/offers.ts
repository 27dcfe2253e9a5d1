/**
 * Owns the offers that are held, and when to ask for more (REVIVE), give back (DECLINE) and rest (SUPPRESS).
 * Not: who gets them (round.ts). Source of the rules: Mesos v1 scheduler API, offers and filters.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AgentOffer } from "../placement/types.js";
import type { Effect } from "./effects.js";
import { controlLimits } from "./settings.js";

interface HeldOffer {
  readonly offer: AgentOffer;
  readonly sinceMs: number;
}

/** A bucket of REVIVEs: each makes the master allocate the whole cluster, so bursts stay polite. */
export class ReviveBucket {
  #tokens: number;
  #filledAtMs: number | null = null;
  readonly #burst: number;
  readonly #intervalMs: number;

  constructor(burst: number, intervalMs: number) {
    this.#burst = burst;
    this.#intervalMs = intervalMs;
    this.#tokens = burst;
  }

  /** Takes a token if there is one; else returns when the next will be there. */
  take(nowMs: number): { readonly taken: true } | { readonly taken: false; readonly atMs: number } {
    const filledAtMs = this.#filledAtMs ?? nowMs;
    const earned = Math.floor((nowMs - filledAtMs) / this.#intervalMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#filledAtMs =
      this.#tokens === this.#burst ? nowMs : filledAtMs + earned * this.#intervalMs;
    if (this.#tokens === 0) return { taken: false, atMs: this.#filledAtMs + this.#intervalMs };
    this.#tokens -= 1;
    return { taken: true };
  }
}

/** The offers held now, by id. */
export class OfferBook {
  readonly #held = new Map<string, HeldOffer>();
  /** Monotonic time of the first offer since the book was last empty or matched. */
  gatherSinceMs: number | null = null;
  suppressed = false;

  get size(): number {
    return this.#held.size;
  }

  add(offer: AgentOffer, nowMs: number): void {
    this.#held.set(offer.offerId, { offer, sinceMs: nowMs });
    this.gatherSinceMs ??= nowMs;
  }

  /** True when it was held. */
  remove(offerId: string): boolean {
    const removed = this.#held.delete(offerId);
    if (this.#held.size === 0) this.gatherSinceMs = null;
    return removed;
  }

  clear(): void {
    this.#held.clear();
    this.gatherSinceMs = null;
  }

  offers(): AgentOffer[] {
    return [...this.#held.values()].map((held) => held.offer);
  }

  agentIds(): Set<string> {
    return new Set([...this.#held.values()].map((held) => held.offer.agentId));
  }

  /** Gives back what was held for `holdMs` or longer; returns when the next one is due. */
  giveBack(
    nowMs: number,
    holdMs: number,
    refuseSeconds: number,
    emit: (effect: Effect) => void,
  ): number | null {
    const due: string[] = [];
    let nextMs: number | null = null;
    for (const [offerId, held] of this.#held) {
      const atMs = held.sinceMs + holdMs;
      if (atMs <= nowMs) due.push(offerId);
      else if (nextMs === null || atMs < nextMs) nextMs = atMs;
    }
    if (due.length > 0) {
      for (const offerId of due) this.remove(offerId);
      const idle = refuseSeconds >= controlLimits.idleRefuseSeconds;
      emit({
        type: "decline-offers",
        offerIds: due,
        refuseSeconds,
        because: idle
          ? { code: "idle", text: "nothing is waiting for a place" }
          : { code: "no-fit", text: "what is waiting does not fit these offers" },
      });
    }
    return nextMs;
  }
}
