/**
 * Owns how a failed command ends: the text on stderr and the exit code.
 * Not: finding out what failed. Called by program.ts for everything that a command throws.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ErrorCode, errorTable, isMrrError } from "@mr-redis/core";
import type { Problem } from "./api/types.js";
import { type Output, printable } from "./io.js";

/** A failure that the server described. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);

/** Exit code for a code of a newer scheduler, by the class of its HTTP status. */
function exitCodeOfStatus(status: number): number {
  if (status === 404) return errorTable["instance-not-found"].exitCode;
  if (status === 409) return errorTable["instance-exists"].exitCode;
  if (status === 502 || status === 503) return errorTable["not-ready"].exitCode;
  if (status === 504) return errorTable.timeout.exitCode;
  if (status >= 400 && status < 500) return errorTable["invalid-request"].exitCode;
  return errorTable.internal.exitCode;
}

const exitCodeOf = (problem: Problem): number =>
  isErrorCode(problem.code) ? errorTable[problem.code].exitCode : exitCodeOfStatus(problem.status);

/** Anything thrown, as problem details: what `--output json` shows of it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const code = isMrrError(error) ? error.code : "internal";
  const { httpStatus, help } = errorTable[code];
  const detail = error instanceof Error ? error.message : String(error);
  return { type: "about:blank", title: code, status: httpStatus, detail, code, help };
}

/** True when trying again later can help, by the table; a code that is not in it is not retried. */
export function isRetryable(error: unknown): boolean {
  const { code } = problemOf(error);
  return isErrorCode(code) && errorTable[code].retryable;
}

/** Writes the failure on stderr and returns the exit code. `isJson`: as problem details on one line. */
export function reportFailure(stderr: Output, error: unknown, isJson: boolean): number {
  const problem = problemOf(error);
  const exitCode = exitCodeOf(problem);
  if (isJson) {
    stderr.write(`${JSON.stringify(problem)}\n`);
    return exitCode;
  }
  const lines = [`Error: ${printable(problem.detail)}`];
  if (problem.help !== "") lines.push(`       ${printable(problem.help)}`);
  // A defect of this program itself: where it happened is what a report of it needs.
  const isOwnDefect = !(error instanceof ProblemError) && !isMrrError(error);
  if (isOwnDefect && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  stderr.write(`${lines.join("\n")}\n`);
  return exitCode;
}
