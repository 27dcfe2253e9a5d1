/**
 * Owns the reading of a Mesos offer: which part of it placement may use, and the taking of exact resources from it.
 * Not: who gets it (core's placement). Resources are echoed with all their fields: a dropped one changes their identity.
 * Source of the rules: Mesos v1 `Resource` (roles, reservations, revocable resources, thousandths).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AgentOffer, PortRange, ProcessNeed } from "@mr-redis/core";
import {
  amountOf,
  isSameKind,
  type Offer,
  type Resource,
  rangesIn,
  reservationsOf,
  scalarOf,
} from "@mr-redis/mesos";
import { traitsOf } from "./attributes.js";

/** Resources that can vanish, are shared or hold data are not for a Redis that must stay. */
const isUsable = (resource: Resource): boolean =>
  resource.revocable === undefined &&
  resource.shared === undefined &&
  resource.disk === undefined &&
  resource.provider_id === undefined;

/** What is reserved for the role goes first: nobody else can use it. */
const reservedFirst = (a: Resource, b: Resource): number =>
  reservationsOf(b).length - reservationsOf(a).length;

/** The parts of an offer with this name that can be used, those first that are to be used first. */
export const usableOf = (offer: Offer, name: string): readonly Resource[] =>
  (offer.resources ?? [])
    .filter((resource) => resource.name === name && isUsable(resource))
    .sort(reservedFirst);

const total = (resources: readonly Resource[]): number =>
  resources.reduce((sum, resource) => sum + amountOf(resource), 0);

/** The address on which processes of the offer's agent are reached. */
export const addressOfOffer = (offer: Offer): string =>
  offer.url?.address.ip ?? offer.url?.address.hostname ?? offer.hostname;

/** The executor that launches with an offer are for: whether it is there, and its id where that is not the usual one. */
export interface OfferedExecutor {
  readonly isPresent: boolean;
  readonly executorId?: string;
}

/** The offer as placement sees it; `executor` null: none can be started with it, so that nothing of it is of use. */
export function agentOfferOf(offer: Offer, executor: OfferedExecutor | null): AgentOffer {
  const isOfUse = executor !== null;
  const ports: PortRange[] = usableOf(offer, "ports").flatMap((resource) =>
    rangesIn(resource).map(({ begin, end }) => ({ begin, end })),
  );
  return {
    offerId: offer.id.value,
    agentId: offer.agent_id.value,
    ...traitsOf(offer),
    address: addressOfOffer(offer),
    cpusMilli: isOfUse ? total(usableOf(offer, "cpus")) : 0,
    memMilliMib: isOfUse ? total(usableOf(offer, "mem")) : 0,
    ports,
    hasExecutor: executor?.isPresent ?? false,
    ...(executor?.executorId === undefined ? {} : { executorId: executor.executorId }),
  };
}

/** What is left of some offers of one agent while launches take their parts. */
export class ResourcePool {
  readonly #left: { readonly resource: Resource; milli: number }[];
  readonly #ports: readonly Resource[];

  constructor(offers: readonly Offer[]) {
    const scalars = offers
      .flatMap((offer) => [...usableOf(offer, "cpus"), ...usableOf(offer, "mem")])
      .sort(reservedFirst);
    this.#left = scalars.map((resource) => ({ resource, milli: amountOf(resource) }));
    this.#ports = offers.flatMap((offer) => usableOf(offer, "ports")).sort(reservedFirst);
  }

  /**
   * Takes CPU, memory and a port; null when they are not there (then nothing is taken). Reserved and unreserved
   * parts are listed as separate resources, as Mesos wants.
   */
  take(need: ProcessNeed, port: number): readonly Resource[] | null {
    const ports = this.#ports.find((resource) =>
      rangesIn(resource).some(({ begin, end }) => begin <= port && port <= end),
    );
    const cpus = this.#plan("cpus", need.cpusMilli);
    const mem = this.#plan("mem", need.memMilliMib);
    if (ports === undefined || cpus === null || mem === null) return null;
    const scalars = [...cpus, ...mem].map(({ entry, milli }) => {
      entry.milli -= milli;
      return { ...entry.resource, scalar: { value: scalarOf(milli) } };
    });
    return [...scalars, { ...ports, ranges: { range: [{ begin: port, end: port }] } }];
  }

  /** Sets the resources of the executor aside, of their very kinds: what the master will charge for it. */
  reserve(resources: readonly Resource[]): boolean {
    const plans = resources.map((resource) =>
      this.#plan(resource.name, amountOf(resource), (left) => isSameKind(left, resource)),
    );
    if (plans.some((plan) => plan === null)) return false;
    for (const { entry, milli } of plans.flatMap((plan) => plan ?? [])) entry.milli -= milli;
    return true;
  }

  #plan(name: string, milli: number, isKind: (left: Resource) => boolean = () => true) {
    let missing = milli;
    const parts: { entry: { readonly resource: Resource; milli: number }; milli: number }[] = [];
    for (const entry of this.#left) {
      if (entry.resource.name !== name || entry.milli === 0 || missing === 0) continue;
      if (!isKind(entry.resource)) continue;
      const part = Math.min(entry.milli, missing);
      parts.push({ entry, milli: part });
      missing -= part;
    }
    return missing === 0 ? parts : null;
  }
}
