/**
 * Tests of running checks: outcomes, attempts, limits, the end at a signal.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { Check } from "./check.js";
import type { Means } from "./context.js";
import { type Result, runChecks } from "./run.js";
import { startStation } from "./station.js";
import { CheckEnd, fail, notApplicable } from "./verdict.js";

async function runAll(
  checks: readonly Check[],
  signal = new AbortController().signal,
): Promise<readonly Result[]> {
  const options = { bind: "127.0.0.1", advertise: "127.0.0.1", port: 0, token: "t" };
  const station = await startStation({ ...options, executorFile: "", nodeFile: null });
  const means: Means = {
    url: new URL("http://127.0.0.1:1/"),
    access: { authorization: undefined, ca: undefined, answerMsMax: 1_000 },
    station,
    tasks: { stationUrl: station.url, node: "node", serveNode: false },
    info: { user: "u", name: "n" },
    role: "r",
    slack: 1,
    quick: false,
    agentRestartCommand: null,
  };
  const progress = { started: () => undefined, ended: () => undefined };
  const results = await runChecks(checks, means, [], signal, progress);
  await station.close();
  return results;
}

const check = (id: string, run: Check["run"], more: Partial<Check> = {}): Check => ({
  id,
  title: id,
  tags: [],
  run,
  ...more,
});

const late = async (): Promise<void> => {
  throw new CheckEnd("late", "an offer: not within 1 s");
};

test("outcomes, with their reasons and attempts", async () => {
  let count = 0;
  const results = await runAll([
    check("pass", async (context) => context.saw("it")),
    check("fail", async () => fail("it is wrong")),
    check("broken", () => Promise.reject(new Error("ECONNRESET"))),
    check("needs", async () => notApplicable("needs two agents")),
    check("late", late),
    check("late-once", async () => {
      count += 1;
      if (count === 1) await late();
    }),
    check("quiet", async () => undefined, { tags: ["quiet"] }),
  ]);
  expect(
    results.map(({ id, outcome, reason, attempts }) => [id, outcome, reason, attempts]),
  ).toEqual([
    ["pass", "pass", null, 1],
    ["fail", "fail", "it is wrong", 1],
    ["broken", "fail", "ECONNRESET", 1],
    ["needs", "not-applicable", "needs two agents", 1],
    ["late", "fail", "an offer: not within 1 s", 3],
    ["late-once", "pass", null, 2],
    ["quiet", "pass", null, 1],
  ]);
  expect(results[0]?.evidence).toEqual(["it"]);
});

test("a check that does not end is ended at its limit", async () => {
  const [result] = await runAll([
    check("endless", (context) => context.pause(3_600_000), { limitMs: 50 }),
  ]);
  expect(result).toMatchObject({ outcome: "fail", reason: "not done within 0.05 s" });
});

test("a signal ends the run; what had not ended is not reported", async () => {
  const controller = new AbortController();
  const results = await runAll(
    [
      check("first", async () => undefined),
      check("second", async (context) => {
        controller.abort();
        await context.pause(3_600_000);
      }),
      check("third", async () => undefined),
    ],
    controller.signal,
  );
  expect(results.map(({ id }) => id)).toEqual(["first"]);
});
