/**
 * Owns the reading of an agent's attributes and fault domain from its offer, as placement sees them.
 * Not: what constraints make of them (core). Source of the rules: Mesos v1 `Attribute` and `DomainInfo`; an attribute
 * is a text, a number or ranges, never a set.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AgentAttribute, AgentTraits } from "@mr-redis/core";
import { type Attribute, type Offer, thousandthsOf } from "@mr-redis/mesos";

/** Most attributes of an agent that are looked at: people give a handful, and each is kept for each agent. */
export const attributesMax = 256;

/** What constraints look at. */
export function traitsOf(offer: Offer): AgentTraits {
  const attributes = (offer.attributes ?? []).slice(0, attributesMax).flatMap(attributeOf);
  const domain = offer.domain?.fault_domain;
  return {
    hostname: offer.hostname,
    ...(attributes.length === 0 ? {} : { attributes }),
    ...(domain === undefined
      ? {}
      : { faultDomain: { region: domain.region.name, zone: domain.zone.name } }),
  };
}

function attributeOf({ name, type, text, scalar, ranges }: Attribute): readonly AgentAttribute[] {
  if (type === "TEXT" && text !== undefined) return [{ name, type: "text", value: text.value }];
  if (type === "SCALAR" && scalar !== undefined) {
    return [{ name, type: "scalar", milli: thousandthsOf(scalar.value) }];
  }
  if (type !== "RANGES") return [];
  const all = (ranges?.range ?? []).map(({ begin, end }) => ({ begin, end }));
  return [{ name, type: "ranges", ranges: all }];
}
