/**
 * Owns the public surface of the scheduler package: a scheduler that runs in-process (tests), and its parts.
 * SPDX-License-Identifier: Apache-2.0
 */
export type { Log } from "./log.js";
export { createLog } from "./log.js";
export { type RunningScheduler, type SchedulerOptions, startScheduler } from "./scheduler.js";
