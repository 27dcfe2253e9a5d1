/**
 * Owns the tests of what is news: failovers that were stored, goals that came into force.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Control, FailoverRecord, InstanceDocument } from "@mr-redis/core";
import { expect, it } from "vitest";
import { documentOf } from "../../test/fake-control-port.js";
import { FailoverWatch } from "./failover-watch.js";
import { GoalWatch, goalsWatchedMax } from "./goal-watch.js";

const record = (epoch: number, writerlessMs: number | null): FailoverRecord => ({
  ...{ epoch, kind: "death", oldMaster: "a::1", newMaster: `a::${epoch}`, startedAtMs: epoch },
  ...{ because: { code: "x", text: "x" }, seen: [], steps: [], candidates: [] },
  ...{ bytesGivenUp: 0, writerlessMs },
});

it("tells each stored failover once, and once more when its master is seen to write", () => {
  const before = documentOf("a", { failovers: [record(1, 5)] });
  const cells = new Map<string, { name: string; stored: InstanceDocument | null }>();
  const store = (stored: InstanceDocument | null) => cells.set("a", { name: "a", stored });
  store(before);
  const watch = new FailoverWatch({ cells } as unknown as Control);
  const news = () => watch.look("a").map(({ record: { epoch }, ...is }) => ({ epoch, ...is }));
  expect(news()).toEqual([]);
  store({ ...before, failovers: [record(1, 5), record(2, null)] });
  expect(news()).toEqual([{ epoch: 2, isNew: true, isSeenToWrite: false }]);
  expect(news()).toEqual([]);
  store({ ...before, failovers: [record(1, 5), record(2, 70)] });
  expect(news()).toEqual([{ epoch: 2, isNew: false, isSeenToWrite: true }]);
  store({ ...before, status: "DEGRADED", failovers: [record(2, 70), record(3, 9)] });
  expect(news()).toEqual([{ epoch: 3, isNew: true, isSeenToWrite: true }]);
  // Another instance of that name begins with nothing.
  store(documentOf("a", { incarnation: "other" }));
  expect(news()).toEqual([]);
  store(documentOf("a", { incarnation: "other", failovers: [record(2, null)] }));
  expect(news()).toEqual([{ epoch: 2, isNew: true, isSeenToWrite: false }]);
  store(null);
  expect(news()).toEqual([]);
});

it("measures goals from their first sending, and forgets those of processes that end", () => {
  const observed: number[] = [];
  const watch = new GoalWatch((ms) => observed.push(ms));
  const stamp = (counter: number) => ({ term: 1, counter });
  const goal = (processId: string, counter: number) => ({ processId, stamp: stamp(counter) });
  const report = (processId: string, counter: number, phase: "serving" | "exited" = "serving") => ({
    ...goal(processId, counter),
    phase,
  });
  watch.sent([goal("a", 1), goal("b", 2)], 100);
  watch.sent([goal("a", 1)], 150);
  watch.reported([report("a", 0), report("b", 2), report("c", 9)], 160);
  watch.reported([report("a", 1)], 170);
  watch.reported([report("a", 1)], 180);
  expect(observed).toEqual([60, 70]);
  watch.sent([goal("a", 3)], 200);
  watch.reported([report("a", 2, "exited")], 210);
  expect([observed.length, watch.size]).toEqual([2, 0]);
  for (let index = 0; index < goalsWatchedMax + 10; index += 1) {
    watch.sent([goal(`p${index}`, index)], index);
  }
  expect(watch.size).toBe(goalsWatchedMax);
});
