/**
 * Owns how results are printed, and the exit code that they mean. Pure.
 * Not: running (run.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Check } from "./check.js";
import type { Result } from "./run.js";

/** Lines of the trace that a failure shows. */
const failureTraceMax = 25;

/** Lines of evidence that a passed check shows; all are in the JSON output. */
const evidenceMax = 4;

const words = { pass: "pass", fail: "FAIL", "not-applicable": "n/a " } as const;

const indented = (line: string): string => `           ${line}`;

/** A result in a few lines. */
export function resultText(result: Result): string {
  const { outcome, reason, evidence, trace, attempts } = result;
  const again = attempts > 1 ? `, attempt ${attempts}` : "";
  const head = `${words[outcome]}  ${result.id}  ${result.title} (${(result.tookMs / 1_000).toFixed(1)} s${again})`;
  const shown = outcome === "pass" ? evidence.slice(0, evidenceMax) : evidence;
  const more = evidence.length - shown.length;
  const lines = [
    head,
    ...(reason === null ? [] : [indented(reason)]),
    ...shown.map(indented),
    ...(more > 0 ? [indented(`and ${more} more observations`)] : []),
  ];
  if (outcome !== "fail" || trace.length === 0) return lines.join("\n");
  const last = trace.slice(-failureTraceMax);
  return [
    ...lines,
    indented("what was sent and heard last:"),
    ...last.map((line) => indented(`  ${line}`)),
  ].join("\n");
}

/** How many of each. */
export function counts(results: readonly Result[]): Readonly<Record<Result["outcome"], number>> {
  const of = (outcome: Result["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  return { pass: of("pass"), fail: of("fail"), "not-applicable": of("not-applicable") };
}

/** The last lines of a run. */
export function summaryText(results: readonly Result[], asked: number): string {
  const { pass, fail, "not-applicable": notApplicable } = counts(results);
  const failed = results.filter(({ outcome }) => outcome === "fail").map(({ id }) => id);
  const notRun = asked - results.length;
  return [
    `${pass} passed, ${fail} failed, ${notApplicable} not applicable${notRun > 0 ? `, ${notRun} not run` : ""}`,
    ...(failed.length > 0 ? [`failed: ${failed.join(", ")}`] : []),
  ].join("\n");
}

/** 0: nothing failed; 1: a check failed; 2: not all were run. */
export function exitCode(results: readonly Result[], asked: number): 0 | 1 | 2 {
  if (results.some(({ outcome }) => outcome === "fail")) return 1;
  return results.length < asked ? 2 : 0;
}

/** The checklist itself. */
export const listText = (checks: readonly Check[]): string =>
  checks
    .map(
      ({ id, title, tags }) => `${id}  ${title}${tags.length > 0 ? ` [${tags.join(", ")}]` : ""}`,
    )
    .join("\n");
