/**
 * Tests of the bar: 1 + 50, and 70 singles created by concurrent calls, are RUNNING within 3 s each.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually, type RunningUp, startUp } from "@mr-redis/testing";
import { expect, test } from "vitest";
import { create, show, type V1Instance, waitStatus } from "./look.js";

/** The bar for each of the two; the ancestor needed 14.3 s and 17 s. */
const readyMsMax = 3_000;

/** Tries for each figure: what else the machine does can only add to it, so the best one counts. */
const triesMax = 3;

/** Measures until the bar is met, each time with a new `mrr up`, at most {@link triesMax} times. */
async function bestOf(what: string, measure: (up: RunningUp) => Promise<number>): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < triesMax && bestMs >= readyMsMax; tries += 1) {
    const up = await startUp();
    try {
      const tookMs = await measure(up);
      // Printed on purpose: these are the figures that the project is measured by.
      process.stdout.write(`${what}: RUNNING after ${Math.round(tookMs)} ms\n`);
      bestMs = Math.min(bestMs, tookMs);
    } finally {
      expect(await up.stop()).toEqual([]);
    }
  }
  return bestMs;
}

async function measureSet(up: RunningUp): Promise<number> {
  const startMs = performance.now();
  await create(up, { name: "hello50", slaves: 50 });
  const instance = await waitStatus(up, "hello50", "RUNNING", 20_000);
  const tookMs = performance.now() - startMs;
  expect(instance.processes.filter((process) => process.ready)).toHaveLength(51);
  expect(up.redisServers()).toHaveLength(51);
  return tookMs;
}

async function measureSingles(up: RunningUp): Promise<number> {
  const names = Array.from({ length: 70 }, (_, index) => `single${index}`);
  const startMs = performance.now();
  await Promise.all(names.map((name) => create(up, { name })));
  await eventually(
    async () => {
      const list = (await up.api("GET", "/v1/STATUS")).json as V1Instance[];
      expect(list.filter((shown) => shown.Status === "RUNNING")).toHaveLength(70);
    },
    { deadlineMs: 20_000 },
  );
  const tookMs = performance.now() - startMs;
  expect(up.redisServers()).toHaveLength(70);
  expect(new Set(up.redisServers().map((server) => server.port)).size).toBe(70);
  for (const name of names) expect((await show(up, name)).status).toBe("RUNNING");
  return tookMs;
}

test("1 + 50 of 100 MB", { timeout: 120_000 }, async () => {
  expect(await bestOf("1 + 50", measureSet)).toBeLessThan(readyMsMax);
});

test("70 singles by concurrent calls", { timeout: 120_000 }, async () => {
  expect(await bestOf("70 singles", measureSingles)).toBeLessThan(readyMsMax);
});
