/**
 * Owns the life of one redis-server under the supervisor: start, running, report, kill, exit.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { freePort, isAlive, listen, signalProcess } from "@mr-redis/testing";
import { afterEach, expect, test } from "vitest";
import { createHarness, type Harness, orderOf } from "./harness.js";

let harness: Harness;
afterEach(() => harness.close());

test("a launch becomes RUNNING after a PONG, is reported, and ends as KILLED when asked", async () => {
  harness = createHarness();
  const order = orderOf("inst::a", await freePort());
  const startMs = performance.now();
  harness.launch(order);
  const running = await harness.updated("inst::a", "TASK_RUNNING");
  const report = await harness.reported("inst::a", (each) => each.synced);
  console.log("RUNNING after ms", running.atMs - startMs);
  expect(report).toMatchObject({
    phase: "serving",
    role: "master",
    stamp: { term: 1, counter: 1 },
    epoch: 1,
    dataEpoch: 1,
    diverged: false,
    following: null,
    writeQuorum: 0,
  });
  harness.supervisor.handle({ type: "kill-received", taskId: "inst::a", graceMs: null });
  const killed = await harness.updated("inst::a", "TASK_KILLED");
  expect(isAlive(report.pid)).toBe(false);
  expect(killed.message).toBe("killed as asked");
  expect(harness.updates.map((each) => each.state)).toEqual(["TASK_RUNNING", "TASK_KILLED"]);
  expect(readdirSync(harness.sandbox)).toEqual(["logs"]);
});
