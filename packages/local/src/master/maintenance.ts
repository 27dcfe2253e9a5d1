/**
 * Owns maintenance: when machines are to be away, the inverse offers that ask frameworks for their consent, the answers.
 * Not: the end of an agent whose machine is taken down (agents.ts). Called by the other files of master/.
 * Source of the rules: Apache Mesos, src/master/allocator/mesos/hierarchical.cpp (generateInverseOffers) and
 * src/master/http.cpp; recording extra-json of a real master. Answers are hints: nothing is done with them.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Filters, InverseOffer, OfferID, Unavailability } from "@mr-redis/mesos";
import { discardOffers, refusalMs } from "./allocator.js";
import type { AgentBook, Books, FrameworkBook } from "./books.js";

/** The schedule of one agent's machine; null: none any more. Its offers are made anew, with or without it. */
export function scheduleMaintenance(
  books: Books,
  agent: AgentBook,
  unavailability: Unavailability | null,
): void {
  agent.unavailability = unavailability;
  discardInverseOffers(books, agent);
  agent.inverseRefusals.clear();
  agent.inverseAnswers.clear();
  discardOffers(books, (offer) => offer.agentId === agent.id, true);
  sendInverseOffers(books);
}

/** Asks every framework with something on an agent that is to be away, unless it was asked or refused to be. */
export function sendInverseOffers(books: Books): void {
  const nowMs = books.ports.clock.monotonicMs();
  for (const framework of books.frameworks.values()) {
    const { streamId } = framework;
    if (streamId === null) continue;
    const offers: InverseOffer[] = [];
    for (const agent of books.agents.values()) {
      const { unavailability } = agent;
      if (unavailability === null || agent.state !== "registered") continue;
      if (agent.inverseOffers.has(framework.id) || !usesAgent(books, framework, agent)) continue;
      if ((agent.inverseRefusals.get(framework.id) ?? 0) > nowMs) continue;
      const id = `${books.masterId}-O${books.nextOfferNumber++}`;
      agent.inverseOffers.set(framework.id, id);
      offers.push(inverseOffer(framework, agent, { id, unavailability }));
    }
    if (offers.length === 0) continue;
    const event = { type: "INVERSE_OFFERS", inverse_offers: { inverse_offers: offers } } as const;
    books.out.push({ type: "send-event", streamId, event });
  }
}

const inverseOffer = (
  framework: FrameworkBook,
  agent: AgentBook,
  { id, unavailability }: { readonly id: string; readonly unavailability: Unavailability },
): InverseOffer => ({
  id: { value: id },
  url: {
    scheme: "http",
    address: {
      hostname: agent.info.hostname,
      ip: agent.endpoint.ip,
      port: agent.endpoint.port,
    },
    path: "/slave(1)",
  },
  framework_id: { value: framework.id },
  agent_id: { value: agent.id },
  unavailability,
});

function usesAgent(books: Books, framework: FrameworkBook, agent: AgentBook): boolean {
  if ((agent.executors.get(framework.id)?.size ?? 0) > 0) return true;
  for (const task of framework.tasks.values()) if (task.agentId === agent.id) return true;
  for (const offer of books.offers.values()) {
    if (offer.frameworkId === framework.id && offer.agentId === agent.id) return true;
  }
  return false;
}

/** ACCEPT_INVERSE_OFFERS and DECLINE_INVERSE_OFFERS; ids that are not out are passed over silently. */
export function answerInverseOffers(
  books: Books,
  framework: FrameworkBook,
  answer: "accepted" | "declined",
  call: { readonly inverse_offer_ids?: readonly OfferID[]; readonly filters?: Filters },
): void {
  const ids = new Set((call.inverse_offer_ids ?? []).map(({ value }) => value));
  const pauseMs = refusalMs(call.filters, books.settings.allocationIntervalMs);
  for (const agent of books.agents.values()) {
    const id = agent.inverseOffers.get(framework.id);
    if (id === undefined || !ids.has(id)) continue;
    agent.inverseOffers.delete(framework.id);
    agent.inverseAnswers.set(framework.id, answer);
    const untilMs = books.ports.clock.monotonicMs() + pauseMs;
    if (pauseMs > 0) agent.inverseRefusals.set(framework.id, untilMs);
  }
}

/** Those that are out are taken back. */
export function discardInverseOffers(books: Books, agent: AgentBook): void {
  for (const [frameworkId, id] of agent.inverseOffers) {
    const streamId = books.frameworks.get(frameworkId)?.streamId ?? null;
    if (streamId === null) continue;
    const event = {
      type: "RESCIND_INVERSE_OFFER",
      rescind_inverse_offer: { inverse_offer_id: { value: id } },
    } as const;
    books.out.push({ type: "send-event", streamId, event });
  }
  agent.inverseOffers.clear();
}

/** The session that they were made to is over: they are void without a word. */
export function forgetInverseOffers(books: Books, frameworkId: string): void {
  for (const agent of books.agents.values()) agent.inverseOffers.delete(frameworkId);
}
