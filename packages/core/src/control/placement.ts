/**
 * Owns the meeting of what is wanted and what is offered: who waits, which offers are held, when a round begins and ends.
 * Not: the matching (placement/), the documents of a round (round.ts). Called by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { match } from "../placement/match.js";
import type { AgentOffer, Wanted } from "../placement/types.js";
import { isWord } from "../shape.js";
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
  /** Those of them that have changed, or of which the offers have, since they were last looked at. */
  #untried = new Set<string>();
  #round: PlacementRound | null = null;
  /** Offers are to be asked for at the next occasion. */
  #needsRevive = false;
  #revivedAtMs = Number.NEGATIVE_INFINITY;
  #wakeAtMs: number | null = null;

  constructor(host: PlacementHost, settings: ControlSettings) {
    this.#host = host;
    this.#settings = settings;
    this.#bucket = new ReviveBucket(settings.reviveBurst, settings.reviveIntervalMs);
  }

  setWanting(cell: InstanceCell, wanting: boolean): void {
    if (!wanting) {
      this.#wanting.delete(cell.name);
      this.#untried.delete(cell.name);
      return;
    }
    this.#untried.add(cell.name);
    if (this.#wanting.has(cell.name)) return;
    this.#wanting.add(cell.name);
    this.#needsRevive = true;
  }

  subscribed(): void {
    this.#book.clear();
    this.#book.suppressed = false;
    this.#needsRevive = true;
  }

  disconnected(): void {
    this.#book.clear();
    this.#spoilRound();
    for (const name of this.#wanting) {
      const cell = this.#host.cells.get(name);
      if (cell !== undefined) this.#host.touch(cell);
    }
  }

  offersReceived(offers: readonly AgentOffer[]): void {
    const odd: string[] = [];
    for (const offer of offers) {
      if (isRecordable(offer)) this.#book.add(offer, this.#host.monotonicMs);
      else odd.push(offer.offerId);
    }
    if (odd.length > 0) {
      this.#host.emit({
        type: "decline-offers",
        offerIds: odd,
        refuseSeconds: controlLimits.idleRefuseSeconds,
        because: { code: "odd-agent", text: "the name or address of the agent is no single word" },
      });
    }
    this.#untried = new Set(this.#wanting);
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
    if (!this.#host.subscribed) return;
    if (this.#round !== null) {
      this.#waitForRound(this.#round);
      return;
    }
    if (this.#wanting.size === 0) {
      this.#rest();
      return;
    }
    if (this.#book.size > 0 && this.#untried.size > 0 && !this.#isGathering()) {
      const placeable = this.#placeable();
      if (placeable.length > 0) this.#match(placeable);
      if (this.#round !== null) return;
    }
    // Offers are asked for while the document is still on its way to the store: that saves the wait.
    this.#askForOffers();
    this.#giveBack(this.#settings.offerHoldMs, controlLimits.misfitRefuseSeconds);
  }

  #wake(atMs: number): void {
    if (this.#wakeAtMs === null || atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
  }

  /** The instances that can be placed now and were not tried with these offers, oldest wish first. */
  #placeable(): readonly InstanceCell[] {
    const placeable: InstanceCell[] = [];
    const { version } = this.#book;
    for (const name of this.#untried) {
      const cell = this.#host.cells.get(name);
      // One that is not settled is named here again when its commit is done.
      this.#untried.delete(name);
      if (cell === undefined || !isSettled(cell)) continue;
      if (cell.tried?.document === cell.document && cell.tried.offers === version) continue;
      cell.tried = { document: cell.document, offers: version };
      placeable.push(cell);
      if (placeable.length === controlLimits.matchBatchMax) break;
    }
    return placeable;
  }

  #waitForRound(round: PlacementRound): void {
    const lateAtMs = round.beganAtMs + controlLimits.roundMsMax;
    if (this.#host.monotonicMs >= lateAtMs) this.#spoilRound();
    else this.#wake(lateAtMs);
    const kept = this.#host.monotonicMs >= lateAtMs ? noAgents : round.launches;
    this.#giveBack(this.#settings.offerHoldMs, controlLimits.misfitRefuseSeconds, kept);
  }

  #spoilRound(): void {
    for (const agentId of this.#round?.launches.keys() ?? []) this.#round?.spoiled.add(agentId);
  }

  /** True while offers of other known agents may still be on their way. */
  #isGathering(): boolean {
    const sinceMs = this.#book.gatherSinceMs;
    if (sinceMs === null) return false;
    const dueMs = this.#book.answerDueMs(this.#host.monotonicMs);
    if (dueMs !== null && this.#isSpreading()) {
      this.#wake(dueMs);
      return true;
    }
    const untilMs = sinceMs + controlLimits.offerGatherMs;
    if (this.#host.monotonicMs >= untilMs) return false;
    const offered = this.#book.agentIds();
    const known = this.#host.agents.known();
    const complete = known.length > 1 && known.every((agent) => offered.has(agent.agentId));
    if (!complete) this.#wake(untilMs);
    return !complete;
  }

  /** True when one that is to be placed has several processes: what is held now may be too little to part them evenly. */
  #isSpreading(): boolean {
    for (const name of this.#untried) {
      const cell = this.#host.cells.get(name);
      if (cell !== undefined && cell.document.spec.slaves > 0 && isSettled(cell)) return true;
    }
    return false;
  }

  #match(waiting: readonly InstanceCell[]): void {
    const offers = this.#book.offers();
    const wanted: Wanted[] = waiting.map((cell) => ({
      document: cell.document,
      roles: wantedRoles(cell.document, cell.spare),
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
    for (const effect of end.effects) this.#host.emit(effect);
    for (const { cell, processId } of end.dropped) {
      this.#host.launchDropped(cell, processId, {
        code: "offer-withdrawn",
        text: "the offer was withdrawn before the launch",
      });
    }
    if (end.effects.length > 0) this.#needsRevive = true;
  }

  #askForOffers(): void {
    const nowMs = this.#host.monotonicMs;
    const againAtMs = this.#revivedAtMs + controlLimits.reviveAgainMs;
    if (!this.#needsRevive && nowMs < againAtMs) {
      this.#wake(againAtMs);
      return;
    }
    const token = this.#bucket.take(nowMs);
    if (!token.taken) {
      this.#wake(token.atMs);
      return;
    }
    // What is held and did not fit alone may fit together with what comes now.
    if (!this.#needsRevive) this.#book.renew(nowMs);
    this.#needsRevive = false;
    this.#revivedAtMs = nowMs;
    this.#book.suppressed = false;
    this.#book.asked(nowMs);
    this.#wake(nowMs + controlLimits.reviveAgainMs);
    this.#host.emit({
      type: "revive-offers",
      because: { code: "work-waiting", text: `${this.#wanting.size} instances wait for places` },
    });
  }

  #giveBack(
    holdMs: number,
    refuseSeconds: number,
    kept: ReadonlyMap<string, unknown> = noAgents,
  ): void {
    const nextMs = this.#book.giveBack(
      { nowMs: this.#host.monotonicMs, holdMs, refuseSeconds },
      kept,
      (effect) => this.#host.emit(effect),
    );
    if (nextMs !== null) this.#wake(nextMs);
  }

  /** Nothing waits: offers are given back after a moment, and no more are wanted. */
  #rest(): void {
    this.#needsRevive = false;
    this.#giveBack(controlLimits.idleHoldMs, controlLimits.idleRefuseSeconds);
    if (this.#book.size > 0 || this.#book.suppressed) return;
    this.#book.suppressed = true;
    this.#host.emit({
      type: "suppress-offers",
      because: { code: "idle", text: "nothing is waiting for a place" },
    });
  }
}

/** True when a process on this agent can be stored: Mesos lets an agent call itself anything. */
const isRecordable = ({ agentId, hostname, address }: AgentOffer): boolean =>
  isWord(agentId) && isWord(hostname) && isWord(address);

const noAgents: ReadonlyMap<string, unknown> = new Map();
