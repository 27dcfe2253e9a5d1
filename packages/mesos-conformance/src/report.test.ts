/**
 * Tests of the printed results and of the exit code.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { exitCode, resultText, summaryText } from "./report.js";
import type { Result } from "./run.js";

const result = (id: string, more: Partial<Result> = {}): Result => ({
  id,
  title: "a title",
  tags: [],
  outcome: "pass",
  reason: null,
  evidence: ["saw it"],
  trace: ["0.001 sent X"],
  attempts: 1,
  tookMs: 1_234,
  ...more,
});
const failed = result("C02", { outcome: "fail", reason: "it is 1, expected 2", attempts: 3 });
const skipped = result("C03", { outcome: "not-applicable", reason: "needs X", evidence: [] });

test("a passed check shows its evidence, a failed one also what was sent and heard", () => {
  const evidence = ["a", "b", "c", "d", "e", "f"];
  expect([result("C01", { evidence }), failed, skipped].map(resultText)).toEqual([
    [
      "pass  C01  a title (1.2 s)",
      ...["a", "b", "c", "d", "and 2 more observations"].map((line) => `           ${line}`),
    ].join("\n"),
    [
      "FAIL  C02  a title (1.2 s, attempt 3)",
      "           it is 1, expected 2",
      "           saw it",
      "           what was sent and heard last:",
      "             0.001 sent X",
    ].join("\n"),
    "n/a   C03  a title (1.2 s)\n           needs X",
  ]);
});

test("the summary counts, and names what failed", () => {
  expect(summaryText([result("C01"), failed, skipped], 5)).toBe(
    "1 passed, 1 failed, 1 not applicable, 2 not run\nfailed: C02",
  );
  expect(summaryText([result("C01")], 1)).toBe("1 passed, 0 failed, 0 not applicable");
});

test("the exit code", () => {
  expect(exitCode([result("C01"), skipped], 2)).toBe(0);
  expect(exitCode([result("C01"), failed], 2)).toBe(1);
  expect(exitCode([failed], 2)).toBe(1);
  expect(exitCode([result("C01")], 2)).toBe(2);
});
