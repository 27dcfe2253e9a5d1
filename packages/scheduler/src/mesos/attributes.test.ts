/**
 * Tests attributes.ts: what of an offer constraints can look at.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Attribute, Offer } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import { attributesMax, traitsOf } from "./attributes.js";
import { agentOfferOf } from "./offer.js";

const offerOf = (change: Partial<Offer>): Offer => ({
  id: { value: "o" },
  framework_id: { value: "f" },
  agent_id: { value: "a" },
  hostname: "host",
  ...change,
});

test("texts, numbers, ranges, repeated names, and the fault domain", () => {
  const offer = offerOf({
    attributes: [
      { name: "rack", type: "TEXT", text: { value: "r1" } },
      { name: "rack", type: "TEXT", text: { value: "r2" } },
      { name: "gen", type: "SCALAR", scalar: { value: 2.5004 } },
      { name: "bay", type: "RANGES", ranges: { range: [{ begin: 1, end: 3 }] } },
      { name: "kinds", type: "SET", set: { item: ["x"] } },
      { name: "broken", type: "TEXT" },
    ],
    domain: { fault_domain: { region: { name: "eu" }, zone: { name: "z1" } } },
  });
  const traits = {
    hostname: "host",
    attributes: [
      { name: "rack", type: "text", value: "r1" },
      { name: "rack", type: "text", value: "r2" },
      { name: "gen", type: "scalar", milli: 2_500 },
      { name: "bay", type: "ranges", ranges: [{ begin: 1, end: 3 }] },
    ],
    faultDomain: { region: "eu", zone: "z1" },
  };
  expect(traitsOf(offer)).toEqual(traits);
  expect(agentOfferOf(offer, null)).toMatchObject(traits);
});

test("an agent without any, and one with far too many", () => {
  for (const change of [{}, { attributes: [], domain: {} }]) {
    expect(traitsOf(offerOf(change))).toEqual({ hostname: "host" });
  }
  const many = Array.from(
    { length: attributesMax + 1 },
    (_, index): Attribute => ({ name: `a${index}`, type: "TEXT", text: { value: "x" } }),
  );
  expect(traitsOf(offerOf({ attributes: many })).attributes).toHaveLength(attributesMax);
});
