/**
 * Owns the public surface of the executor: for tests of other packages; the program itself is main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
export type { ExecutorLink, Log, TaskUpdate } from "./ports.js";
export { Supervisor, type SupervisorInput, type SupervisorOptions } from "./supervisor.js";
