/**
 * Owns the finding of a run: which rule was broken, when, and how. Thrown by checks.ts, caught by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** What is checked; docs/internals/simulator.md says what each means. */
export type SafetyRule =
  | "two-writers"
  | "past-reign-writes"
  | "acknowledged-write-lost"
  | "empty-master"
  | "newer-data-overwritten"
  | "reign"
  | "act-before-persist"
  | "no-reason"
  | "answer"
  | "instance-lost"
  | "proxy-ports"
  | "password"
  | "liveness"
  | "crash";

/** See the head of this file. */
export class Violation extends Error {
  readonly rule: SafetyRule;

  constructor(rule: SafetyRule, text: string) {
    super(text);
    this.rule = rule;
  }
}
