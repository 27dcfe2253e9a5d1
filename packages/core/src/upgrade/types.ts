/**
 * Owns the words of an upgrade of executors: what an operator wished, and how far it is.
 * Not: its steps (plan.ts). Read by control/, the scheduler and the API.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because } from "../instance/types.js";

/** What an operator wished, as it is stored: for one version only, so that the next one waits for a wish of its own. */
export interface UpgradeWish {
  /** Of the executors that processes are to be brought to. */
  readonly version: string;
  readonly paused: boolean;
  /** When it was started. */
  readonly atMs: number;
}

/** off: no wish for this version. running: instances are moved. paused: none is, until it is resumed. */
export type UpgradeState = "off" | "running" | "paused";

/** How far an upgrade is. */
export interface UpgradeView {
  readonly state: UpgradeState;
  /** Of the executors that new processes get. */
  readonly version: string;
  /** Instances that are meant to run. */
  readonly instances: number;
  /** Those of them that have a process on an executor of another version. */
  readonly behind: number;
  readonly processesBehind: number;
  /** The instance that is being moved; null: none. */
  readonly current: string | null;
  /** Instances that gave way, with the reason; they are tried again. At most `leftShownMax`. */
  readonly left: readonly { readonly name: string; readonly because: Because }[];
}

/** The state of the wish for executors of `version`. */
export function upgradeStateOf(wish: UpgradeWish | null, version: string): UpgradeState {
  if (wish === null || wish.version !== version) return "off";
  return wish.paused ? "paused" : "running";
}
