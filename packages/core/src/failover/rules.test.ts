/**
 * Owns the tests of the rules of fencing one by one. Not: their play together (failover.test.ts, the simulator).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProcessReport } from "../goal/types.js";
import { isPromotionSafe } from "./promotion.js";
import { quorumOf } from "./quorum.js";
import { type Candidate, type FenceFacts, type Runtime, fencingRules as rules } from "./rules.js";

const candidate = (change: Partial<Candidate> = {}): Candidate => ({
  processId: "a::1",
  diverged: false,
  dataEpoch: 3,
  offset: 100,
  ...change,
});

const facts = (change: Partial<FenceFacts> = {}): FenceFacts => ({
  quorumMin: 1,
  remaining: 0,
  waited: true,
  leaseOver: false,
  ...change,
});

const report = (change: Partial<ProcessReport> = {}): ProcessReport => ({
  processId: "a::1",
  startId: "s",
  pid: 1,
  phase: "serving",
  exit: null,
  stamp: { term: 2, counter: 7 },
  epoch: 3,
  role: "parked",
  writeQuorum: 0,
  closed: null,
  lagSecondsMax: 3,
  goodReplicas: -1,
  following: "127.0.0.1:1",
  linkUp: false,
  loading: false,
  synced: false,
  dataEpoch: 3,
  diverged: false,
  offset: 100,
  replicationId: "0",
  stats: null,
  ...change,
});

describe("stamps and reports", () => {
  it("the term comes first (V3)", () => {
    const older = rules.stampOf(1, 1_000);
    expect(rules.reportCounts(older, rules.stampOf(2, 1))).toBe(false);
    expect(rules.reportCounts(rules.stampOf(2, 1), older)).toBe(true);
  });

  it("what was reported before the last goal does not count (V2)", () => {
    const sent = rules.stampOf(2, 7);
    expect(rules.reportCounts(rules.stampOf(2, 6), sent)).toBe(false);
    expect(rules.reportCounts(sent, sent)).toBe(true);
    expect(rules.reportCounts(rules.stampOf(0, 0), undefined)).toBe(true);
  });
});

describe("the fence", () => {
  it.each<[boolean, Partial<FenceFacts>]>([
    [true, {}],
    [false, { waited: false }],
    [false, { remaining: 1 }],
    [true, { quorumMin: 2, remaining: 1 }],
    [false, { quorumMin: 2, remaining: 2 }],
    [false, { quorumMin: 0 }],
    [true, { quorumMin: 0, leaseOver: true }],
    [false, { quorumMin: 0, leaseOver: true, remaining: 1 }],
    [false, { quorumMin: 0, leaseOver: true, waited: false }],
  ])("is %s with %o (V4, V8, V12)", (isFenced, change) => {
    expect(rules.isFenced(facts(change))).toBe(isFenced);
  });

  it("waits for what Redis needs, and for the margin (V12)", () => {
    expect(rules.waitMs(3_000, 300)).toBe(5_500);
  });

  it("begins the wait anew at every leaving of R (V4)", () => {
    for (const leaving of ["parked", "died", "expelled"] as const) {
      expect(rules.restartsWait(leaving)).toBe(true);
    }
  });

  it("counts a lease from the last word of the master, and at least from the election (V7)", () => {
    const times = { leaseMs: 1_000, marginMs: 10, outliveMs: 0 };
    expect(rules.leaseEndMs({ heardAtMs: 500, electedAtMs: 0, ...times })).toBe(1_510);
    expect(rules.leaseEndMs({ heardAtMs: 500, electedAtMs: 900, ...times })).toBe(1_910);
  });

  it("counts a lease of a container until its guard must have ended it (V11)", () => {
    const times = { heardAtMs: 500, electedAtMs: 0, leaseMs: 1_000, marginMs: 10 };
    expect(rules.outliveMs("process")).toBe(0);
    expect(rules.outliveMs("container")).toBe(12_000);
    const outliveMs = rules.outliveMs("container");
    expect(rules.leaseEndMs({ ...times, outliveMs })).toBe(13_510);
  });

  it("believes of a container only its executors that it has ended (V11)", () => {
    const confirms = (runtime: Runtime, isByExecutor: boolean): boolean =>
      rules.confirmsEnd({ runtime, isByExecutor });
    expect([confirms("process", true), confirms("process", false)]).toEqual([true, true]);
    expect([confirms("container", true), confirms("container", false)]).toEqual([true, false]);
  });

  it("a quorum and its complement can never both be there", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (k) => {
        const w = quorumOf(k);
        // The replicas without those that are parked are too few, whenever more than half is parked.
        expect(k - 1 - (k - w)).toBeLessThan(w === 0 ? 1 : w);
      }),
    );
  });
});

describe("candidates", () => {
  it("only a confirmed park has a final offset (V9)", () => {
    const park = rules.stampOf(2, 7);
    expect(rules.candidateOf(report(), park)).toEqual(candidate());
    expect(rules.candidateOf(undefined, park)).toBeNull();
    expect(rules.candidateOf(report({ stamp: { term: 2, counter: 6 } }), park)).toBeNull();
    expect(rules.candidateOf(report({ role: "replica" }), park)).toBeNull();
    expect(rules.candidateOf(report({ loading: true }), park)).toBeNull();
    expect(rules.candidateOf(report({ phase: "exited" }), park)).toBeNull();
  });

  it("are ordered by reign first; the order is total (V10)", () => {
    const one = fc.record({
      processId: fc.constantFrom("a::1", "a::2", "a::3", "a::4"),
      diverged: fc.boolean(),
      dataEpoch: fc.integer({ min: 0, max: 3 }),
      offset: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(one, { selector: (each) => each.processId }), (all) => {
        const best = [...all].sort(rules.compareCandidates)[0];
        for (const other of all) {
          expect(best?.dataEpoch).toBeGreaterThanOrEqual(other.dataEpoch);
        }
        expect([...all].reverse().sort(rules.compareCandidates)[0]).toEqual(best);
      }),
    );
  });

  it("none is taken against one that may be newer, nor a deposed master against its successors", () => {
    const absent = { dataEpochMax: 3, isOfReign: true };
    expect(rules.mayChoose(candidate(), [absent])).toBe(true);
    expect(rules.mayChoose(candidate({ dataEpoch: 2 }), [absent])).toBe(false);
    expect(rules.mayChoose(candidate({ diverged: true }), [absent])).toBe(false);
    expect(rules.mayChoose(candidate({ diverged: true }), [{ ...absent, isOfReign: false }])).toBe(
      true,
    );
  });
});

it("a promotion is safe by proof only", () => {
  expect(isPromotionSafe({ type: "death", isGone: true }, true, rules)).toBe(true);
  expect(isPromotionSafe({ type: "death", isGone: true }, false, rules)).toBe(false);
  expect(isPromotionSafe({ type: "death", isGone: false }, true, rules)).toBe(false);
  expect(isPromotionSafe({ type: "fenced", facts: facts() }, true, rules)).toBe(true);
  expect(isPromotionSafe({ type: "fenced", facts: facts({ waited: false }) }, true, rules)).toBe(
    false,
  );
  const paused = { type: "paused", fenceOffset: 10 } as const;
  expect(isPromotionSafe({ ...paused, candidateOffset: 10 }, false, rules)).toBe(true);
  expect(isPromotionSafe({ ...paused, candidateOffset: 9 }, false, rules)).toBe(false);
});
