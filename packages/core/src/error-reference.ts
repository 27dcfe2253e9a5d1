/**
 * Owns the page docs/reference/errors.md as made from the table. Not: the table (error.ts).
 * Called by the test that holds the page equal.
 * SPDX-License-Identifier: Apache-2.0
 */
import { errorTable } from "./error.js";

/** The page docs/reference/errors.md. */
export function renderErrorReference(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { retryable, httpStatus, exitCode, help }]) =>
      `| \`${code}\` | ${httpStatus} | ${exitCode} | ${retryable ? "yes" : "no"} | ${help} |`,
  );
  const lines = [
    "# Errors",
    "",
    "<!-- Generated from packages/core/src/error.ts; a test holds it equal. -->",
    "",
    "Every error carries one of these codes: in the `code` of an answer of `/v2` (RFC 9457 problem details), in the",
    "log, and on stderr of the command line. The HTTP status is that of `/v2`; the exit code is that of a program",
    "that ends because of the error. Retry: whether the same call can succeed later without anything being changed.",
    "",
    "| code | HTTP status | exit code | retry | what to do |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ];
  return lines.join("\n");
}
