/**
 * Owns the proof that buckets fill by the second, are not fooled by addresses, and cannot become too many.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, it } from "vitest";
import { bucketsMax, clientOfAddress, RateLimiter } from "./rate.js";

it("gives ten seconds at once, then so many each second", () => {
  let nowMs = 0;
  const rate = new RateLimiter(5, () => nowMs);
  const taken = (count: number): number =>
    Array.from({ length: count }, () => rate.take("a")).filter(Boolean).length;
  const first = taken(100);
  nowMs += 1_000;
  const second = taken(100);
  nowMs += 3_600_000;
  expect([first, second, taken(100)]).toEqual([50, 5, 50]);
});

it("without a limit gives everything and keeps nothing", () => {
  const rate = new RateLimiter(0, () => 0);
  expect(Array.from({ length: 1_000 }, () => rate.take("a")).every(Boolean)).toBe(true);
  expect(rate.bucketCount).toBe(0);
});

it("forgets the client that was silent for longest", () => {
  const rate = new RateLimiter(1, () => 0);
  for (let index = 0; index < bucketsMax + 10; index += 1) {
    rate.take("always");
    rate.take(`once ${index}`);
  }
  expect([rate.bucketCount, rate.take("always")]).toEqual([bucketsMax, false]);
});

it.each([
  ["10.1.2.3", "10.1.2.3"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["2001:db8:0:1:aaaa:bbbb:cccc:dddd", "2001:db8:0:1::/64"],
  ["2001:DB8:0:1::5", "2001:db8:0:1::/64"],
  ["2001:db8::5", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["", ""],
])("%j counts as %j", (address, client) => {
  expect(clientOfAddress(address)).toBe(client);
});
