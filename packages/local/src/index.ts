/**
 * Owns the public surface of the embedded master and agents: starting them in-process, and their options.
 * The program is main.ts (`mrr-local`).
 * SPDX-License-Identifier: Apache-2.0
 */
export type { Jitter } from "./border/link.js";
export type { Launcher } from "./container/processes.js";
export type { LocalOptions } from "./options.js";
export {
  type LocalPorts,
  type RunningAgent,
  type RunningLocal,
  startLocal,
} from "./shell/local.js";
