/**
 * Owns what an operator's word makes of the stored wish for an upgrade of executors, and the storing of it: first the
 * record, then the act. Not: the upgrade itself (core), nor HTTP (api/). Called by reign.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  changedFramework,
  type FrameworkDocument,
  MrrError,
  type UpgradeState,
  type UpgradeWish,
  upgradeStateOf,
} from "@mr-redis/core";
import type { UpgradeAction } from "./api/port.js";
import type { FrameworkRecord } from "./framework-record.js";
import type { ReignEnd } from "./reign-end.js";

/** The wish after `action`; throws `invalid-request` where there is nothing to pause or to resume. */
export function wishAfter(
  action: UpgradeAction,
  present: UpgradeWish | null,
  version: string,
  atMs: number,
): UpgradeWish {
  if (action === "start") return { version, paused: false, atMs };
  if (present === null || present.version !== version) {
    throw new MrrError("invalid-request", `there is no upgrade to ${action}: start one first`);
  }
  return { ...present, paused: action === "pause" };
}

/** What a stored document says of the upgrade to executors of `version`. */
export const upgradeStateIn = (document: FrameworkDocument | null, version: string): UpgradeState =>
  upgradeStateOf(document?.upgrade ?? null, version);

/** What the desk needs from its reign. */
export interface UpgradeDeskOptions {
  readonly clock: Clock;
  readonly record: FrameworkRecord;
  /** Of the executors that launches are for. */
  readonly version: string;
  /** Longest time for the store. */
  readonly limitMs: number;
  readonly mayAct: () => boolean;
  /** Why nothing can be changed now, or null. */
  readonly waitingBecause: () => string | null;
  /** The store holds it now. */
  readonly stored: (document: FrameworkDocument, state: UpgradeState) => void;
  readonly ended: (end: ReignEnd) => void;
}

/** Takes the wishes of operators, one after the other. */
export class UpgradeDesk {
  readonly #options: UpgradeDeskOptions;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: UpgradeDeskOptions) {
    this.#options = options;
  }

  /** Resolves to the state that is wished once that is stored; rejects with an MrrError else. */
  change(action: UpgradeAction): Promise<UpgradeState> {
    const change = this.#changing.then(() => this.#change(action));
    this.#changing = change.catch(() => {});
    return change;
  }

  async #change(action: UpgradeAction): Promise<UpgradeState> {
    const { clock, record, version, limitMs, mayAct, waitingBecause } = this.#options;
    const because = waitingBecause();
    const { stored } = record;
    if (because !== null || stored === null || !mayAct()) {
      throw new MrrError("not-ready", because ?? "the framework is not registered yet");
    }
    const upgrade = wishAfter(action, stored.upgrade ?? null, version, clock.nowMs());
    const untilMs = clock.monotonicMs() + limitMs;
    const change = (present: FrameworkDocument | null) =>
      changedFramework(present ?? stored, { upgrade });
    const end = await record.save(change, () => mayAct() && clock.monotonicMs() < untilMs);
    if (end !== null) this.#options.ended(end);
    const document = record.stored;
    if (document?.upgrade !== upgrade || !mayAct()) {
      throw new MrrError("store-unavailable", "the wish may not be stored; repeat it");
    }
    const state = upgradeStateIn(document, version);
    this.#options.stored(document, state);
    return state;
  }
}
