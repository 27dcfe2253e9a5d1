/**
 * Tests of the virtual clock. SPDX-License-Identifier: Apache-2.0
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.js";

test("timers run in order of due time, then of setting, and see their due time", () => {
  const clock = new VirtualClock({ wallStartMs: 1_000 });
  const seen: [string, number, number][] = [];
  const note = (name: string) => () => seen.push([name, clock.monotonicMs(), clock.nowMs()]);
  clock.after(20, note("late"));
  clock.after(10, note("first"));
  clock.after(10, note("second"));
  clock.after(30, note("beyond"));
  clock.advanceTo(25);
  expect(seen).toEqual([
    ["first", 10, 1_010],
    ["second", 10, 1_010],
    ["late", 20, 1_020],
  ]);
  expect([clock.monotonicMs(), clock.pendingCount, clock.nextDueMs]).toEqual([25, 1, 30]);
});

test("timers that are set meanwhile run in the same advance, cancelled ones never", () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const cancelled = clock.after(5, () => seen.push("cancelled"));
  clock.after(3, () => {
    seen.push("outer");
    cancelled.cancel();
    clock.after(3, () => seen.push("inner"));
  });
  clock.advanceBy(10);
  cancelled.cancel();
  expect(seen).toEqual(["outer", "inner"]);
});

test("time does not go back, and a delay is not negative", () => {
  const clock = new VirtualClock();
  clock.advanceTo(5);
  expect(() => clock.advanceTo(4)).toThrow("does not go back");
  expect(() => clock.after(-1, () => {})).toThrow("not negative");
});

test("a wall clock step leaves timers and the monotonic clock alone", () => {
  const clock = new VirtualClock({ wallStartMs: 0 });
  let ranAtMs = -1;
  clock.after(10, () => {
    ranAtMs = clock.monotonicMs();
  });
  clock.stepWallBy(-1_000_000);
  clock.advanceTo(10);
  expect([ranAtMs, clock.nowMs()]).toEqual([10, -999_990]);
});

test("runTo lets promises settle between timers", async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.after(1, () => {
    void Promise.resolve().then(() => {
      seen.push("promise");
      clock.after(1, () => seen.push("timer of the promise"));
    });
  });
  clock.after(3, () => seen.push("last"));
  await clock.runTo(5);
  expect(seen).toEqual(["promise", "timer of the promise", "last"]);
});

test("any set of timers runs sorted, each once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 80 }), (delays) => {
      const clock = new VirtualClock();
      const ran: { delayMs: number; index: number }[] = [];
      delays.forEach((delayMs, index) => {
        clock.after(delayMs, () => ran.push({ delayMs, index }));
      });
      clock.advanceTo(50);
      const wanted = delays
        .map((delayMs, index) => ({ delayMs, index }))
        .sort((left, right) => left.delayMs - right.delayMs || left.index - right.index);
      expect(ran).toEqual(wanted);
    }),
  );
});
