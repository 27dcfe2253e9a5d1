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
  /** Monotonic time of the first offer since the book was last empty or others were asked for. */
  gatherSinceMs: number | null = null;
  suppressed = false;
  /** Grows with each offer: what did not fit fits no better before. */
  version = 0;
  #isAsked = false;
  /** Agents of which an offer was used or given back and none has come since: more of them comes when it is asked for. */
  readonly #returned = new Set<string>();
  /** Those of them that were asked for, until when each is waited for: once, however often more is asked for meanwhile. */
  readonly #expected = new Map<string, number>();

  get size(): number {
    return this.#held.size;
  }

  add(offer: AgentOffer, nowMs: number): void {
    this.#returned.delete(offer.agentId);
    this.#expected.delete(offer.agentId);
    this.#held.set(offer.offerId, { offer, sinceMs: nowMs });
    this.version += 1;
    if (this.#isAsked) this.gatherSinceMs = nowMs;
    else this.gatherSinceMs ??= nowMs;
    this.#isAsked = false;
  }

  /** True when it was held. */
  remove(offerId: string): boolean {
    const held = this.#held.get(offerId);
    if (held === undefined) return false;
    this.#held.delete(offerId);
    this.#returned.add(held.offer.agentId);
    if (this.#held.size === 0) this.gatherSinceMs = null;
    return true;
  }

  clear(): void {
    this.#held.clear();
    this.#returned.clear();
    this.#expected.clear();
    this.gatherSinceMs = null;
    this.#isAsked = false;
  }

  /** Offers of other agents are on their way: those that are held are to be seen together with them. */
  asked(nowMs: number): void {
    this.#isAsked = true;
    for (const agentId of this.#returned) {
      this.#expected.set(agentId, nowMs + controlLimits.offerAnswerMs);
    }
    this.#returned.clear();
    this.gatherSinceMs = this.#held.size === 0 ? null : nowMs;
  }

  /**
   * Until when more is likely to come: others were asked for, and an agent has not offered again what it got back. null: all
   * is there, or did not come in time, since the agent is full or others have what it has.
   */
  answerDueMs(nowMs: number): number | null {
    let dueMs: number | null = null;
    for (const [agentId, untilMs] of this.#expected) {
      if (nowMs >= untilMs) this.#expected.delete(agentId);
      else if (dueMs === null || untilMs > dueMs) dueMs = untilMs;
    }
    return dueMs;
  }

  /** Holds everything anew from now on. */
  renew(nowMs: number): void {
    for (const [offerId, { offer }] of this.#held) {
      this.#held.set(offerId, { offer, sinceMs: nowMs });
    }
  }

  offers(): AgentOffer[] {
    return [...this.#held.values()].map((held) => held.offer);
  }

  agentIds(): Set<string> {
    return new Set([...this.#held.values()].map((held) => held.offer.agentId));
  }

  /** Gives back what was held for `holdMs` or longer, but for `kept` agents; returns when the next one is due. */
  giveBack(
    now: { readonly nowMs: number; readonly holdMs: number; readonly refuseSeconds: number },
    kept: ReadonlyMap<string, unknown>,
    emit: (effect: Effect) => void,
  ): number | null {
    const due: string[] = [];
    let nextMs: number | null = null;
    for (const [offerId, held] of this.#held) {
      if (kept.has(held.offer.agentId)) continue;
      const atMs = held.sinceMs + now.holdMs;
      if (atMs <= now.nowMs) due.push(offerId);
      else if (nextMs === null || atMs < nextMs) nextMs = atMs;
    }
    if (due.length > 0) {
      for (const offerId of due) this.remove(offerId);
      const idle = now.refuseSeconds >= controlLimits.idleRefuseSeconds;
      emit({
        type: "decline-offers",
        offerIds: due,
        refuseSeconds: now.refuseSeconds,
        because: idle
          ? { code: "idle", text: "nothing is waiting for a place" }
          : { code: "no-fit", text: "what is waiting does not fit these offers" },
      });
    }
    return nextMs;
  }
}
