/**
 * Owns the table of all checks, in the order of their ids. Called by main.ts and run tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Check } from "./check.js";
import { sessionChecks } from "./checks/session.js";
import { transportChecks } from "./checks/transport.js";

/** The 60 checks. */
export const checklist: readonly Check[] = [...transportChecks, ...sessionChecks].sort((a, b) =>
  a.id < b.id ? -1 : 1,
);
