/**
 * Owns the meeting of what is wanted and what is offered: who waits, which offers are held, when a round begins and ends.
 * Not: the matching (placement/), the documents of a round (round.ts). Called by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { match } from "../placement/match.js";
import type { AgentOffer, Wanted } from "../placement/types.js";
import type { AgentBook } from "./agents.js";
import { type InstanceCell, isSettled } from "./cell.js";
import type { Effect } from "./effects.js";
import { OfferBook, ReviveBucket } from "./offers.js";
import { beginRound, endRound, needOf, type PlacementRound, type RoundHost } from "./round.js";
import { type ControlSettings, controlLimits } from "./settings.js";
import { wantedRoles } from "./transitions.js";

/** What placement needs from its owner. */
export interface PlacementHost extends RoundHost {
  readonly subscribed: boolean;
  readonly cells: ReadonlyMap<string, InstanceCell>;
  readonly agents: AgentBook;
  emit(effect: Effect): void;
  touch(cell: InstanceCell): void;
  wakeAt(name: string, monotonicMs: number): void;
  launchDropped(
    cell: InstanceCell,
    processId: string,
    because: { readonly code: string; readonly text: string },
  ): void;
}

/** Placement state: the waiting instances in order, the offers, the round under way. */
export class Placement {
  readonly #host: PlacementHost;
  readonly #settings: ControlSettings;
  readonly #book = new OfferBook();
  readonly #bucket: ReviveBucket;
  /** Names in the order in which they began to wait; those that found no place go to the end. */
  readonly #wanting = new Set<string>();
  #round: PlacementRound | null = null;
  /** Offers are to be asked for at the next occasion. */
  #needsRevive = false;
  #wakeAtMs: number | null = null;

  constructor(host: PlacementHost, settings: ControlSettings) {
    this.#host = host;
    this.#settings = settings;
    this.#bucket = new ReviveBucket(settings.reviveBurst, settings.reviveIntervalMs);
  }

  setWanting(cell: InstanceCell, wanting: boolean): void {
    if (!wanting) this.#wanting.delete(cell.name);
    else if (!this.#wanting.has(cell.name)) {
      this.#wanting.add(cell.name);
      this.#needsRevive = true;
    }
  }

  subscribed(): void {
    this.#book.clear();
    this.#book.suppressed = false;
    this.#needsRevive = true;
  }

  disconnected(): void {
    this.#book.clear();
    for (const agentId of this.#round?.launches.keys() ?? []) this.#round?.spoiled.add(agentId);
  }

  offersReceived(offers: readonly AgentOffer[]): void {
    for (const offer of offers) this.#book.add(offer, this.#host.monotonicMs);
  }

  offerRescinded(offerId: string): void {
    this.#book.remove(offerId);
    if (this.#round === null) return;
    for (const [agentId, offerIds] of this.#round.offerIds) {
      if (offerIds.includes(offerId)) this.#round.spoiled.add(agentId);
    }
  }

  /** The document of one instance of the round is durable (or will never be). */
  partDone(name: string): void {
    this.#round?.pending.delete(name);
  }

  offers(): readonly AgentOffer[] {
    return this.#book.offers();
  }

  /** When {@link pump} has something to do although nothing happens, or null. */
  next(): number | null {
    return this.#wakeAtMs;
  }

  /** Does what can be done now. */
  pump(): void {
    this.#wakeAtMs = null;
    this.#endRound();
    if (!this.#host.subscribed || this.#round !== null) return;
    if (this.#wanting.size === 0) {
      this.#rest();
      return;
    }
    const { placeable, asking } = this.#waiting();
    if (placeable.length > 0 && this.#book.size > 0 && !this.#isGathering()) this.#match(placeable);
    // Offers are asked for while the document is still on its way to the store: that saves the wait.
    if (this.#round === null && asking) this.#askForOffers();
  }

  #wake(atMs: number): void {
    if (this.#wakeAtMs === null || atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
  }

  /** The instances that can be placed now, oldest wish first; and whether any wants offers now or in a moment. */
  #waiting(): { readonly placeable: readonly InstanceCell[]; readonly asking: boolean } {
    const placeable: InstanceCell[] = [];
    let asking = false;
    for (const name of this.#wanting) {
      const cell = this.#host.cells.get(name);
      if (cell === undefined) continue;
      if (cell.backoff.untilMs > this.#host.monotonicMs) {
        this.#wake(cell.backoff.untilMs);
        continue;
      }
      asking = true;
      if (isSettled(cell)) placeable.push(cell);
      if (placeable.length === controlLimits.matchBatchMax) break;
    }
    return { placeable, asking };
  }

  /** True while offers of other known agents may still be on their way. */
  #isGathering(): boolean {
    const sinceMs = this.#book.gatherSinceMs;
    if (sinceMs === null) return false;
    const untilMs = sinceMs + controlLimits.offerGatherMs;
    if (this.#host.monotonicMs >= untilMs) return false;
    const offered = this.#book.agentIds();
    const known = this.#host.agents.known();
    const complete = known.length > 1 && known.every((agent) => offered.has(agent.agentId));
    if (!complete) this.#wake(untilMs);
    return !complete;
  }

  #match(waiting: readonly InstanceCell[]): void {
    const offers = this.#book.offers();
    const wanted: Wanted[] = waiting.map((cell) => ({
      document: cell.document,
      roles: wantedRoles(cell.document),
      need: needOf(cell.document, this.#settings),
    }));
    const plan = match({
      offers,
      wanted,
      knownAgents: this.#host.agents.known(),
      executorNeed: this.#settings.executorNeed,
      avoid: this.#avoided(waiting),
      portsTaken: this.#host.agents.portsAvoided(this.#host.monotonicMs),
      portStarts: this.#host.agents.portStarts,
    });
    this.#host.agents.keepPortStarts(plan.portStarts);
    for (const cell of waiting) cell.unplaced = null;
    for (const unplaced of plan.unplaced) {
      const cell = this.#host.cells.get(unplaced.instance);
      if (cell === undefined) continue;
      this.#wanting.delete(cell.name);
      this.#wanting.add(cell.name);
      cell.unplaced = unplaced;
      this.#host.touch(cell);
    }
    const offerIds = new Map<string, string[]>();
    for (const offer of offers) {
      const list = offerIds.get(offer.agentId);
      if (list === undefined) offerIds.set(offer.agentId, [offer.offerId]);
      else list.push(offer.offerId);
    }
    this.#round = beginRound(plan, this.#host.cells, offerIds, this.#host);
    for (const name of this.#round?.pending ?? []) {
      const cell = this.#host.cells.get(name);
      if (cell !== undefined) this.#host.touch(cell);
    }
  }

  /** `<instance> <agentId>` to be avoided, unless that would leave an instance no agent at all. */
  #avoided(waiting: readonly InstanceCell[]): Set<string> {
    const avoided = new Set<string>();
    const known = this.#host.agents.known();
    for (const cell of waiting) {
      for (const [agentId, untilMs] of cell.avoidUntilMs) {
        if (untilMs <= this.#host.monotonicMs) cell.avoidUntilMs.delete(agentId);
      }
      if (known.every((agent) => cell.avoidUntilMs.has(agent.agentId))) continue;
      for (const agentId of cell.avoidUntilMs.keys()) avoided.add(`${cell.name} ${agentId}`);
    }
    return avoided;
  }

  #endRound(): void {
    const round = this.#round;
    if (round === null || round.pending.size > 0) return;
    this.#round = null;
    const end = endRound(round, this.#host.subscribed, this.#host.monotonicMs);
    for (const offerId of end.usedOfferIds) this.#book.remove(offerId);
    for (const effect of end.effects) {
      this.#host.emit(effect);
      if (effect.type !== "accept-offers") continue;
      const overdueMs = this.#host.monotonicMs + this.#settings.launchTimeoutMs;
      for (const { order } of effect.launches) this.#host.wakeAt(order.instance, overdueMs);
    }
    for (const { cell, processId } of end.dropped) {
      this.#host.launchDropped(cell, processId, {
        code: "offer-withdrawn",
        text: "the offer was withdrawn before the launch",
      });
    }
    if (end.effects.length > 0) this.#needsRevive = true;
  }

  #askForOffers(): void {
    if (this.#needsRevive) {
      const token = this.#bucket.take(this.#host.monotonicMs);
      if (token.taken) {
        this.#needsRevive = false;
        this.#book.suppressed = false;
        this.#book.gatherSinceMs = null;
        this.#host.emit({
          type: "revive-offers",
          because: {
            code: "work-waiting",
            text: `${this.#wanting.size} instances wait for places`,
          },
        });
      } else this.#wake(token.atMs);
    }
    const nextMs = this.#book.giveBack(
      this.#host.monotonicMs,
      this.#settings.offerHoldMs,
      controlLimits.misfitRefuseSeconds,
      (effect) => this.#host.emit(effect),
    );
    if (nextMs !== null) this.#wake(nextMs);
  }

  /** Nothing waits: offers are given back after a moment, and no more are wanted. */
  #rest(): void {
    this.#needsRevive = false;
    const nextMs = this.#book.giveBack(
      this.#host.monotonicMs,
      controlLimits.idleHoldMs,
      controlLimits.idleRefuseSeconds,
      (effect) => this.#host.emit(effect),
    );
    if (nextMs !== null) this.#wake(nextMs);
    if (this.#book.size > 0 || this.#book.suppressed || this.#wanting.size > 0) return;
    this.#book.suppressed = true;
    this.#host.emit({
      type: "suppress-offers",
      because: { code: "idle", text: "nothing is waiting for a place" },
    });
  }
}
