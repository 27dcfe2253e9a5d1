/**
 * Owns the tests of channels. SPDX-License-Identifier: Apache-2.0
 */
import { VirtualClock } from "@mr-redis/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createChannel, turnMsMax } from "./link.js";

test("order is kept whatever the jitter draws, nothing is delivered within send, nothing too late", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(10), fc.double({ min: 0, max: 0.999, noNaN: true })), {
        maxLength: 50,
      }),
      (items) => {
        const clock = new VirtualClock();
        const draws = items.map(([, draw]) => draw);
        const got: { readonly item: number; readonly atMs: number }[] = [];
        const sentMs: number[] = [];
        const channel = createChannel<number>(
          { clock, random: () => draws.shift() ?? 0, jitter: { minMs: 1, maxMs: 20 } },
          (item) => got.push({ item, atMs: clock.monotonicMs() }),
        );
        for (const [index, [pauseMs]] of items.entries()) {
          clock.advanceBy(pauseMs);
          const before = got.length;
          sentMs.push(clock.monotonicMs());
          channel.send(index);
          expect(got.length).toBe(before);
        }
        clock.advanceBy(20);
        expect(got.map(({ item }) => item)).toEqual(items.map((_, index) => index));
        for (const { item, atMs } of got) {
          const waitedMs = atMs - (sentMs[item] ?? 0);
          expect(waitedMs).toBeGreaterThanOrEqual(1);
          expect(waitedMs).toBeLessThan(20);
        }
      },
    ),
  );
});

test("a burst leaves room for others: deliveries of one turn have a limit in time", () => {
  let nowMs = 0;
  const turns: (() => void)[] = [];
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(_delayMs: number, turn: () => void) {
      turns.push(turn);
      return { cancel: () => undefined };
    },
  };
  const got: number[] = [];
  const channel = createChannel<number>(
    { clock, random: () => 0, jitter: { minMs: 0, maxMs: 0 } },
    (item) => {
      got.push(item);
      nowMs += turnMsMax;
    },
  );
  for (const item of [1, 2, 3, 4, 5]) channel.send(item);
  const counts: number[] = [];
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
    turn();
    counts.push(got.length);
  }
  expect(got).toEqual([1, 2, 3, 4, 5]);
  expect(counts).toEqual([2, 4, 5]);
});

test("what a delivery sends is delivered too, and a closed channel delivers nothing", () => {
  const clock = new VirtualClock();
  const got: number[] = [];
  const channel = createChannel<number>(
    { clock, random: () => 0.5, jitter: { minMs: 0, maxMs: 0 } },
    (item) => {
      got.push(item);
      if (item < 3) channel.send(item + 1);
    },
  );
  channel.send(1);
  clock.advanceBy(1);
  expect(got).toEqual([1, 2, 3]);
  channel.send(9);
  channel.close();
  channel.send(10);
  clock.advanceBy(100);
  expect(got).toEqual([1, 2, 3]);
  expect(clock.pendingCount).toBe(0);
});
