/**
 * Tests of what an audit's answer means. None is asked for here: no test may need the internet.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { judge } from "../../../tools/audit.mjs";

const fault = (name: string, severity: string) => ({
  name,
  severity,
  range: "<1.2.3",
  via: [{ title: "It is broken" }, "other"],
});

const answer = (...faults: readonly ReturnType<typeof fault>[]): string =>
  JSON.stringify({ vulnerabilities: Object.fromEntries(faults.map((each) => [each.name, each])) });

test("nothing known is good", () => {
  expect(judge(answer(), true)).toEqual({ isAudited: true, isFailed: false, lines: [] });
});

test("a grave fault fails where it is shipped; others, and those of tools, are told", () => {
  const text = answer(fault("a", "high"), fault("b", "low"));
  const lines = ["high: a <1.2.3: It is broken", "low: b <1.2.3: It is broken"];
  expect(judge(text, true)).toEqual({ isAudited: true, isFailed: true, lines });
  expect(judge(text, false)).toEqual({ isAudited: true, isFailed: false, lines });
  expect(judge(answer(fault("b", "moderate")), true).isFailed).toBe(false);
});

test("no answer, or a registry without audits, is no pass and no failure", () => {
  const refused = JSON.stringify({ message: "405 Method Not Allowed", error: { summary: "" } });
  expect([judge("", true), judge("not JSON", true), judge(refused, true)]).toEqual([
    { isAudited: false, isFailed: false, lines: ["NOT AUDITED: no answer"] },
    { isAudited: false, isFailed: false, lines: ["NOT AUDITED: not JSON"] },
    { isAudited: false, isFailed: false, lines: ["NOT AUDITED: 405 Method Not Allowed"] },
  ]);
});
