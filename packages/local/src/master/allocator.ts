/**
 * Owns who is offered what, and when not: exclusive offers of all that is free on an agent, filters, suppression.
 * Not: what is done with an offer (accept.ts). Called by the other files of master/.
 * Source of the rules: Apache Mesos, src/master/allocator/mesos/hierarchical.cpp; reference section 7.1 and 7.2.
 * An allocation happens on the tick, on REVIVE, when a framework becomes active, and when an agent (re)registers.
 * SPDX-License-Identifier: Apache-2.0
 */

import { assert } from "@mr-redis/core";
import {
  addResources,
  allocateResources,
  containsResources,
  type Filters,
  type Offer,
  type Resource,
  reservationsOf,
  subtractResources,
  sumScalar,
  withSingleReservation,
} from "@mr-redis/mesos";
import {
  type AgentBook,
  type Books,
  type FrameworkBook,
  hasCapability,
  type OfferBook,
  type OfferEnd,
  rolesOf,
} from "./books.js";

/** Smaller leftovers are not offered: 0.01 cpus or 32 MB are enough (`--min_allocatable_resources`). */
export const allocatableMin = { cpusThousandths: 10, memThousandths: 32_000 } as const;

/** `refuse_seconds` when none is given, and what replaces a negative one. */
export const refuseSecondsDefault = 5;

/** Longer refusals are cut to this: 365 days. */
export const refuseSecondsMax = 365 * 24 * 3600;

/** Offers everything that is free on the given agents (default: all) to the frameworks, fairly. */
export function allocate(books: Books, agents: Iterable<AgentBook> = books.agents.values()): void {
  const batches = new Map<FrameworkBook, Offer[]>();
  const nowMs = books.ports.clock.monotonicMs();
  for (const framework of books.frameworks.values()) {
    framework.filters = framework.filters.filter((filter) => filter.expiresAtMs > nowMs);
  }
  for (const agent of shuffled([...agents], books.ports.random)) {
    if (agent.state !== "registered" || agent.isLeaving || agent.drain !== null) continue;
    for (const { framework, role } of inFairOrder(books)) {
      const bundle = bundleFor(agent, framework, role);
      if (bundle.length === 0) continue;
      const batch = batches.get(framework) ?? [];
      batch.push(makeOffer(books, agent, framework, role, bundle));
      batches.set(framework, batch);
    }
  }
  for (const [framework, offers] of batches) {
    if (framework.streamId === null) continue;
    books.out.push({
      type: "send-event",
      streamId: framework.streamId,
      event: { type: "OFFERS", offers: { offers } },
    });
  }
}

/** What the role may be offered of this agent now; empty when that is too little, or refused. */
function bundleFor(agent: AgentBook, framework: FrameworkBook, role: string): readonly Resource[] {
  const canSee = hasCapability(framework.info, "RESERVATION_REFINEMENT")
    ? () => true
    : (resource: Resource) => withSingleReservation(resource) !== undefined;
  const bundle = agent.free.filter((resource) => mayUse(role, resource) && canSee(resource));
  const isAllocatable =
    sumScalar(bundle, "cpus") >= allocatableMin.cpusThousandths ||
    sumScalar(bundle, "mem") >= allocatableMin.memThousandths;
  if (!isAllocatable) return [];
  const isRefused = framework.filters.some(
    (filter) =>
      filter.role === role &&
      filter.agentId === agent.id &&
      containsResources(filter.refused, bundle),
  );
  return isRefused ? [] : inOfferOrder(bundle);
}

/** What is no scalar first, then what is reserved, as a real master lists an offer. */
function inOfferOrder(bundle: readonly Resource[]): readonly Resource[] {
  const rank = (resource: Resource): number =>
    resource.type !== "SCALAR" ? 0 : reservationsOf(resource).length > 0 ? 1 : 2;
  return [...bundle].sort((a, b) => rank(a) - rank(b));
}

/** Unreserved resources, and those reserved to the role or to an ancestor of it. */
function mayUse(role: string, resource: Resource): boolean {
  const owner = reservationsOf(resource).at(-1)?.role;
  return owner === undefined || owner === role || role.startsWith(`${owner}/`);
}

/** Active frameworks with their unsuppressed roles: the smallest dominant share first, roles before frameworks. */
function inFairOrder(
  books: Books,
): readonly { readonly framework: FrameworkBook; readonly role: string }[] {
  const clients = [...books.frameworks.values()]
    .filter((framework) => framework.streamId !== null)
    .flatMap((framework) =>
      [...new Set(rolesOf(framework.info))]
        .filter((role) => !framework.suppressed.has(role))
        .map((role) => ({ framework, role })),
    );
  if (clients.length < 2) return clients;
  const shares = sharesOf(books);
  const roleShare = (role: string) => shares.get(role) ?? 0;
  const ownShare = (client: { framework: FrameworkBook; role: string }) =>
    shares.get(`${client.framework.id}\n${client.role}`) ?? 0;
  return clients.sort(
    (a, b) =>
      roleShare(a.role) - roleShare(b.role) ||
      (a.role < b.role ? -1 : a.role > b.role ? 1 : 0) ||
      ownShare(a) - ownShare(b) ||
      a.framework.allocationsCount - b.framework.allocationsCount ||
      (a.framework.id < b.framework.id ? -1 : 1),
  );
}

/** Dominant shares (of cpus and mem) by role, and by framework and role. */
function sharesOf(books: Books): ReadonlyMap<string, number> {
  const totals = addResources(...[...books.agents.values()].map((agent) => agent.total));
  const held = new Map<string, Resource[]>();
  const charge = (frameworkId: string, role: string, resources: readonly Resource[]) => {
    for (const key of [role, `${frameworkId}\n${role}`]) {
      const list = held.get(key) ?? [];
      list.push(...resources);
      held.set(key, list);
    }
  };
  for (const offer of books.offers.values()) charge(offer.frameworkId, offer.role, offer.resources);
  const chargeAllocated = (frameworkId: string, resources: readonly Resource[]) => {
    for (const resource of resources) {
      charge(frameworkId, resource.allocation_info?.role ?? "*", [resource]);
    }
  };
  for (const framework of books.frameworks.values()) {
    for (const task of framework.tasks.values()) {
      if (task.isCharged) chargeAllocated(framework.id, task.info.resources ?? []);
    }
  }
  for (const agent of books.agents.values()) {
    for (const [frameworkId, executors] of agent.executors) {
      for (const executor of executors.values()) {
        chargeAllocated(frameworkId, executor.info.resources ?? []);
      }
    }
  }
  const share = (resources: readonly Resource[], name: string) => {
    const total = sumScalar(totals, name);
    return total === 0 ? 0 : sumScalar(resources, name) / total;
  };
  return new Map(
    [...held].map(([key, list]) => [key, Math.max(share(list, "cpus"), share(list, "mem"))]),
  );
}

function makeOffer(
  books: Books,
  agent: AgentBook,
  framework: FrameworkBook,
  role: string,
  bundle: readonly Resource[],
): Offer {
  const free = subtractResources(agent.free, bundle);
  assert(free !== undefined, "an offer is part of what is free");
  agent.free = free;
  const id = `${books.masterId}-O${books.nextOfferNumber++}`;
  const book: OfferBook = {
    id,
    frameworkId: framework.id,
    agentId: agent.id,
    role,
    resources: bundle,
    atMs: books.ports.clock.nowMs(),
  };
  books.offers.set(id, book);
  if (books.offerTimeoutMs !== null) {
    const timer = { type: "offer-timeout", offerId: id } as const;
    books.out.push({ type: "set-timer", timer, delayMs: books.offerTimeoutMs });
  }
  framework.allocationsCount += 1;
  const { attributes, domain, hostname } = agent.info;
  const executorIds = [...(agent.executors.get(framework.id)?.keys() ?? [])];
  const isMultiRole = hasCapability(framework.info, "MULTI_ROLE");
  return {
    id: { value: id },
    framework_id: { value: framework.id },
    agent_id: { value: agent.id },
    hostname,
    url: {
      scheme: "http",
      address: { hostname, ip: agent.endpoint.ip, port: agent.endpoint.port },
      path: "/slave(1)",
    },
    ...(domain === undefined ? {} : { domain }),
    resources: resourcesFor(framework, role, bundle),
    ...(attributes === undefined || attributes.length === 0 ? {} : { attributes }),
    ...(executorIds.length === 0 ? {} : { executor_ids: executorIds.map((value) => ({ value })) }),
    ...(isMultiRole ? { allocation_info: { role } } : {}),
    ...(agent.unavailability === null ? {} : { unavailability: agent.unavailability }),
  };
}

/** The resources in the form that the framework's capabilities ask for. */
function resourcesFor(
  framework: FrameworkBook,
  role: string,
  bundle: readonly Resource[],
): readonly Resource[] {
  const isRefined = hasCapability(framework.info, "RESERVATION_REFINEMENT");
  const formed = isRefined
    ? bundle
    : bundle.map((resource) => withSingleReservation(resource) ?? resource);
  return hasCapability(framework.info, "MULTI_ROLE") ? allocateResources(formed, role) : formed;
}

/** Gives resources (without allocation role) back to the agent, and remembers the refusal if there is one. */
export function recover(
  books: Books,
  agent: AgentBook,
  resources: readonly Resource[],
  refusal?: { framework: FrameworkBook; role: string; filters: Filters | undefined },
): void {
  if (resources.length === 0) return;
  agent.free = addResources(agent.free, resources);
  if (refusal === undefined) return;
  const durationMs = refusalMs(refusal.filters, books.settings.allocationIntervalMs);
  if (durationMs === 0) return;
  refusal.framework.filters.push({
    role: refusal.role,
    agentId: agent.id,
    refused: addResources(resources),
    expiresAtMs: books.ports.clock.monotonicMs() + durationMs,
  });
}

/** How long a refusal lasts: 5 s by default, 0 means none, at least one allocation interval, at most 365 days. */
export function refusalMs(filters: Filters | undefined, allocationIntervalMs: number): number {
  const asked = filters?.refuse_seconds ?? refuseSecondsDefault;
  if (asked === 0) return 0;
  const isValid = !Number.isNaN(asked) && asked > 0;
  const seconds = isValid ? Math.min(asked, refuseSecondsMax) : refuseSecondsDefault;
  return Math.max(allocationIntervalMs, seconds * 1000);
}

/** Takes an offer out of the books; its resources are the caller's to recover. */
export function removeOffer(books: Books, offer: OfferBook, end: OfferEnd): void {
  if (!books.offers.delete(offer.id)) return;
  books.offersEnded[end] += 1;
  if (books.offerTimeoutMs === null) return;
  books.out.push({ type: "cancel-timer", timer: { type: "offer-timeout", offerId: offer.id } });
}

/** Takes back all offers that fit, without a filter; tells the framework when `isAnnounced`. */
export function discardOffers(
  books: Books,
  fits: (offer: OfferBook) => boolean,
  isAnnounced: boolean,
): void {
  for (const offer of [...books.offers.values()]) {
    if (!fits(offer)) continue;
    removeOffer(books, offer, isAnnounced ? "rescinded" : "void");
    const agent = books.agents.get(offer.agentId);
    if (agent !== undefined) recover(books, agent, offer.resources);
    const streamId = books.frameworks.get(offer.frameworkId)?.streamId ?? null;
    if (!isAnnounced || streamId === null) continue;
    books.out.push({
      type: "send-event",
      streamId,
      event: { type: "RESCIND", rescind: { offer_id: { value: offer.id } } },
    });
  }
}

/** A new list in random order (Fisher-Yates). */
function shuffled<T>(items: T[], random: () => number): T[] {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const a = items[index];
    const b = items[other];
    if (a !== undefined && b !== undefined) {
      items[index] = b;
      items[other] = a;
    }
  }
  return items;
}
