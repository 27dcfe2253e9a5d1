/**
 * Owns the tests of what only processes in containers do: starts that take long, and what ended executors have left.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { LaunchOrder, ProcessReport } from "../goal/types.js";
import { decide, initialSuperviseState } from "./decide.js";
import { type SuperviseEffect, type SuperviseEvent, superviseDefaults } from "./types.js";

const order: LaunchOrder = {
  version: 1,
  instance: "i",
  processId: "i::a",
  address: "127.0.0.1",
  port: 7001,
  memoryMib: 100,
  config: {},
  goal: {
    processId: "i::a",
    stamp: { term: 1, counter: 1 },
    epoch: 1,
    role: "master",
    master: null,
    writeQuorum: 0,
    lagSecondsMax: 3,
    followers: [],
    leaseMs: null,
  },
};
const names = { processId: "i::a", startId: "s1" };

/** Decides on one event after the other. */
function createDesk(): (event: SuperviseEvent) => readonly SuperviseEffect[] {
  let current = initialSuperviseState({ ...superviseDefaults, runId: "run" }, 0);
  return (event) => {
    const { state, effects } = decide(current, event);
    current = state;
    return effects;
  };
}

const reportsOf = (effects: readonly SuperviseEffect[]): readonly ProcessReport[] =>
  effects.flatMap((effect) => (effect.type === "send-reports" ? effect.batch.processes : []));

test("what a start waits for is reported before there is a process, each time that it changes", () => {
  const desk = createDesk();
  desk({ type: "tick", atMs: 0 });
  desk({ type: "launch-received", atMs: 0, order, startId: "s1" });
  const noted = (atMs: number, text: string | null): readonly unknown[] => {
    desk({ type: "process-noted", atMs, ...names, text });
    return reportsOf(desk({ type: "tick", atMs: atMs + 50 })).map(({ phase, pid, note }) => ({
      phase,
      pid,
      note,
    }));
  };
  expect(noted(100, "fetches it (10 %)")).toEqual([
    { phase: "starting", pid: 0, note: "fetches it (10 %)" },
  ]);
  expect(noted(200, "fetches it (10 %)")).toEqual([]);
  expect(noted(300, "fetches it (20 %)")).toEqual([
    { phase: "starting", pid: 0, note: "fetches it (20 %)" },
  ]);
  const full = reportsOf(desk({ type: "tick", atMs: 1_100 }));
  expect(full.map(({ note }) => note)).toEqual(["fetches it (20 %)"]);
  desk({ type: "process-spawned", atMs: 1_200, ...names, pid: 7 });
  desk({ type: "process-noted", atMs: 1_210, ...names, text: "too late" });
  const after = reportsOf(desk({ type: "tick", atMs: 1_300 }));
  expect(after.map(({ pid, note }) => ({ pid, note }))).toEqual([{ pid: 7, note: undefined }]);
});

test("a start that is not wanted any more is given up, and ends as asked", () => {
  const desk = createDesk();
  desk({ type: "launch-received", atMs: 0, order, startId: "s1" });
  const types = (effects: readonly SuperviseEffect[]): string[] =>
    effects.map((effect) => (effect.type === "send-update" ? effect.state : effect.type));
  const kill = { type: "kill-received", atMs: 10, taskId: "i::a", graceMs: null } as const;
  expect(types(desk(kill))).toContain("cancel-spawn");
  const failed = desk({ type: "spawn-failed", atMs: 20, ...names, text: "given up" });
  expect(types(failed)).toEqual(expect.arrayContaining(["TASK_KILLED", "forget-process"]));
});

test("what an ended executor has left is reported as ended, at once and again, and is no task of this one", () => {
  const desk = createDesk();
  desk({ type: "tick", atMs: 0 });
  const end = { code: null, signal: "SIGKILL", text: "left by an executor that has ended" };
  const left = { processId: "i::b", startId: "s0" };
  const effects = desk({ type: "leftover-ended", atMs: 10, ...left, ...end });
  expect(effects.map(({ type }) => type)).toEqual(["send-reports"]);
  expect(reportsOf(effects)).toMatchObject([
    { ...left, phase: "exited", exit: { ...end, log: [] } },
  ]);
  expect(reportsOf(desk({ type: "tick", atMs: 1_100 }))).toHaveLength(1);
  expect(desk({ type: "leftover-ended", atMs: 1_110, ...left, ...end })).toEqual([]);
  expect(reportsOf(desk({ type: "tick", atMs: 20_000 }))).toEqual([]);
});

test("a cause that the log does not know is the reason of an end", () => {
  const desk = createDesk();
  desk({ type: "launch-received", atMs: 0, order, startId: "s1" });
  desk({ type: "process-spawned", atMs: 10, ...names, pid: 7 });
  const exit = { code: null, signal: "SIGKILL", log: [], cause: "out of memory" };
  const effects = desk({ type: "process-exited", atMs: 20, ...names, ...exit });
  const texts = effects.flatMap((each) => (each.type === "send-update" ? [each.message] : []));
  expect(texts).toEqual(["out of memory"]);
});
