/**
 * Owns what an operator does to a master: draining and reactivating agents, taking offers back, the offer timeout.
 * Not: maintenance (maintenance.ts), the end of agents (agents.ts) and of frameworks (session.ts). Called by master.ts.
 * Source of the rules: Apache Mesos, src/master/http.cpp (DRAIN_AGENT, REACTIVATE_AGENT) and src/master/master.cpp.
 * SPDX-License-Identifier: Apache-2.0
 */
import { agentGone } from "./agents.js";
import { discardOffers } from "./allocator.js";
import type { AgentBook, Books } from "./books.js";

/** DRAIN_AGENT: nothing is offered of it any more, its tasks are killed; with `markGone` it is gone once they ended. */
export function drainAgent(
  books: Books,
  agent: AgentBook,
  drain: { readonly markGone: boolean; readonly graceMsMax: number | null },
): void {
  agent.drain = drain;
  discardOffers(books, (offer) => offer.agentId === agent.id, true);
  if (agent.state === "registered") {
    const message = { type: "drain-agent", ...drain } as const;
    books.out.push({ type: "send-agent", agentId: agent.id, message });
  }
  goneIfDrained(books, agent);
}

/** REACTIVATE_AGENT, during or after a drain. */
export function reactivateAgent(books: Books, agent: AgentBook): void {
  agent.drain = null;
  if (agent.state !== "registered") return;
  const message = { type: "reactivate-agent" } as const;
  books.out.push({ type: "send-agent", agentId: agent.id, message });
}

/** To be called when a task is forgotten: a drained agent has none left. */
export function goneIfDrained(books: Books, agent: AgentBook): void {
  if (agent.drain?.markGone !== true || hasTasks(books, agent)) return;
  agentGone(books, agent.id);
}

/** True while the master knows a task there. */
export function hasTasks(books: Books, agent: AgentBook): boolean {
  for (const framework of books.frameworks.values()) {
    for (const task of framework.tasks.values()) if (task.agentId === agent.id) return true;
  }
  return false;
}

/** Offers of one agent (null: of all) are taken back; announced, but the word may cross an ACCEPT. */
export function rescindOffers(books: Books, agentId: string | null): void {
  discardOffers(books, (offer) => agentId === null || offer.agentId === agentId, true);
}

/** `--offer_timeout` from now on: also for the offers that are out. null: none. */
export function setOfferTimeout(books: Books, timeoutMs: number | null): void {
  const wasMs = books.offerTimeoutMs;
  books.offerTimeoutMs = timeoutMs;
  for (const offerId of books.offers.keys()) {
    const timer = { type: "offer-timeout", offerId } as const;
    if (timeoutMs !== null) books.out.push({ type: "set-timer", timer, delayMs: timeoutMs });
    else if (wasMs !== null) books.out.push({ type: "cancel-timer", timer });
  }
}
