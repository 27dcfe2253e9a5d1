/**
 * Tests upgrade-wish.ts: what is stored, in which order, and what a store that does not answer makes of it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type FrameworkDocument, isMrrError, type UpgradeState } from "@mr-redis/core";
import { systemClock } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import type { FrameworkRecord, RecordChange } from "./framework-record.js";
import { UpgradeDesk, upgradeStateIn, wishAfter } from "./upgrade-wish.js";

const framework: FrameworkDocument = {
  version: 2,
  frameworkId: "f",
  frameworkName: "n",
  user: "",
  createdAtMs: 1,
  removedAtMs: null,
};

const codeOf = async (call: () => unknown): Promise<string> => {
  try {
    await call();
    return "";
  } catch (error) {
    return isMrrError(error) ? `${error.code}: ${error.message}` : String(error);
  }
};

test("start begins anew; pause and resume need one for this version", async () => {
  const started = wishAfter("start", null, "v2", 5);
  expect(started).toEqual({ version: "v2", paused: false, atMs: 5 });
  const paused = wishAfter("pause", started, "v2", 9);
  expect(paused).toEqual({ version: "v2", paused: true, atMs: 5 });
  expect(wishAfter("resume", paused, "v2", 9)).toEqual(started);
  expect(wishAfter("start", paused, "v2", 9)).toEqual({ version: "v2", paused: false, atMs: 9 });
  for (const action of ["pause", "resume"] as const) {
    for (const present of [null, { ...started, version: "v1" }]) {
      expect(await codeOf(() => wishAfter(action, present, "v2", 9))).toBe(
        `invalid-request: there is no upgrade to ${action}: start one first`,
      );
    }
  }
});

test("a wish for another version is none", () => {
  const upgrade = { version: "v2", paused: false, atMs: 1 };
  const document: FrameworkDocument = { ...framework, version: 3, upgrade };
  expect([null, framework, document].map((each) => upgradeStateIn(each, "v2"))).toEqual([
    "off",
    "off",
    "running",
  ]);
  expect(upgradeStateIn(document, "v3")).toBe("off");
});

/** A desk over a record in memory; `answers`: whether the store takes what is saved. */
function deskOf(start: FrameworkDocument | null, options: { readonly answers?: boolean } = {}) {
  const record = {
    stored: start,
    save: async (change: RecordChange, mayGoOn: () => boolean) => {
      await Promise.resolve();
      if (options.answers === false) {
        while (mayGoOn()) await new Promise((resolve) => setImmediate(resolve));
      } else record.stored = change(record.stored);
      return null;
    },
  };
  const states: UpgradeState[] = [];
  const desk = new UpgradeDesk({
    clock: systemClock,
    record: record as unknown as FrameworkRecord,
    version: "v2",
    limitMs: 20,
    mayAct: () => true,
    waitingBecause: () => null,
    stored: (_document, state) => void states.push(state),
    ended: () => undefined,
  });
  return { desk, record, states };
}

test("one after the other, each acted on once it is stored", async () => {
  const { desk, record, states } = deskOf(framework);
  const results = await Promise.allSettled([
    desk.change("pause"),
    desk.change("start"),
    desk.change("pause"),
    desk.change("resume"),
  ]);
  expect(results.map((result) => (result.status === "fulfilled" ? result.value : "-"))).toEqual([
    "-",
    "running",
    "paused",
    "running",
  ]);
  expect(states).toEqual(["running", "paused", "running"]);
  expect(record.stored).toMatchObject({ version: 3, frameworkId: "f", upgrade: { version: "v2" } });
});

test("nothing is done that is not stored, nor before the framework is", async () => {
  const silent = deskOf(framework, { answers: false });
  expect(await codeOf(() => silent.desk.change("start"))).toMatch(/^store-unavailable: /);
  const early = deskOf(null);
  expect(await codeOf(() => early.desk.change("start"))).toMatch(/^not-ready: /);
  expect([silent.states, early.states]).toEqual([[], []]);
});
