/**
 * Owns finding and freeing what checks reserved: all of it has a label.
 * Not: when that is done. Called by bundles.ts, cluster.ts and checks/reservations.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  isVolume,
  type Offer,
  type OfferOperation,
  type Resource,
  unallocateResources,
} from "@mr-redis/mesos";
import type { Framework } from "./framework.js";

/** The key of the label on all that checks reserve. */
export const labelKey = "mesos-conformance";

/** True for resources that a check reserved for this role. */
const isLeft = (role: string) => (resource: Resource) => {
  const top = resource.reservations?.at(-1);
  const keys = (top?.labels?.labels ?? []).map(({ key }) => key);
  return top?.role === role && keys.includes(labelKey);
};

/** A destroyed volume is a reserved disk again. */
function destroyed(resource: Resource): Resource {
  const { disk, ...rest } = resource;
  if (disk?.persistence === undefined) return resource;
  const { persistence: _persistence, volume: _volume, ...left } = disk;
  return Object.keys(left).length === 0 ? rest : { ...rest, disk: left };
}

/** What frees the resources that checks reserved, in this order; empty when none is reserved. */
export function freeingOperations(offer: Offer, role: string): readonly OfferOperation[] {
  const left = unallocateResources(offer.resources ?? []).filter(isLeft(role));
  const volumes = left.filter(isVolume);
  const resources = left.map(destroyed);
  const destroy: OfferOperation = { type: "DESTROY", destroy: { volumes } };
  const unreserve: OfferOperation = { type: "UNRESERVE", unreserve: { resources } };
  return left.length === 0 ? [] : [...(volumes.length > 0 ? [destroy] : []), unreserve];
}

/** Frees what is offered of it; these agents are then offered again. How many there were. */
export async function freeLeftovers(framework: Framework, role: string): Promise<number> {
  const offers = [...framework.outstanding.values()];
  const left = offers.map((offer) => ({ offer, operations: freeingOperations(offer, role) }));
  const found = left.filter(({ operations }) => operations.length > 0);
  for (const { offer, operations } of found) await framework.accept([offer], operations, 0);
  return found.length;
}
