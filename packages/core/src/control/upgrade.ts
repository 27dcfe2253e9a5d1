/**
 * Owns the upgrade of executors within the decision core: it gives instances their turns and does their next steps.
 * Not: which step that is (upgrade/plan.ts), nor whose turn it is (upgrade/turns.ts). Called by control.ts and review.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { requestFailover } from "../failover/request.js";
import type { Because, InstanceDocument } from "../instance/types.js";
import { countBehind, type UpgradeStep, upgradeStep } from "../upgrade/plan.js";
import { UpgradeTurns, upgradeLimits } from "../upgrade/turns.js";
import type { UpgradeState, UpgradeView } from "../upgrade/types.js";
import { executorVersionOf } from "../upgrade/version.js";
import { type InstanceCell, isSettled } from "./cell.js";
import { isReady } from "./goals.js";
import type { ReviewHost } from "./review-host.js";
import { controlLimits } from "./settings.js";
import { isActive } from "./transitions.js";

/** What the upgrade needs from its owner. */
export interface UpgradeHost extends ReviewHost {
  readonly cells: ReadonlyMap<string, InstanceCell>;
  touch(cell: InstanceCell): void;
}

const upgradeKey = "#upgrade";

const upgradeText = "its executor is upgraded";

/** See the head of this file. */
export class Upgrade {
  readonly #host: UpgradeHost;
  readonly #version: string;
  readonly #turns = new UpgradeTurns();
  #state: UpgradeState;
  #isRoundDue: boolean;
  /** The instance that has its turn found no place for one more replica. */
  #isCrowded = false;
  /** The reign whose master was asked to hand over in this turn. */
  #handedOver: number | null = null;

  constructor(host: UpgradeHost, executorId: string, state: UpgradeState) {
    this.#host = host;
    this.#version = executorVersionOf(executorId);
    this.#state = state;
    this.#isRoundDue = state === "running";
  }

  readonly #isOld = (executorId: string): boolean =>
    executorVersionOf(executorId) !== this.#version;

  /** The wish has changed, and is stored. */
  set(state: UpgradeState): void {
    this.#state = state;
    this.#isRoundDue = state === "running";
    const { current } = this.#turns;
    this.#turns.stop();
    const cell = current === null ? undefined : this.#host.cells.get(current);
    if (cell === undefined) return;
    cell.spare = 0;
    this.#host.touch(cell);
  }

  /** Gives the turn on; called after each event. */
  pump(): void {
    if (this.#state !== "running" || !this.#host.subscribed) return;
    const nowMs = this.#host.monotonicMs;
    const { againAtMs } = this.#turns;
    if (this.#isRoundDue || (againAtMs !== null && nowMs >= againAtMs)) this.#beginRound();
    for (;;) {
      const before = this.#turns.current;
      const name = this.#turns.next(nowMs);
      if (name === null) {
        if (this.#turns.againAtMs !== null) this.#host.wakeAt(upgradeKey, this.#turns.againAtMs);
        return;
      }
      const cell = this.#host.cells.get(name);
      const isActiveCell = cell !== undefined && isActive(cell.document);
      if (isActiveCell && name === before) return;
      if (isActiveCell && this.#concerns(cell.document)) {
        this.#isCrowded = false;
        this.#handedOver = null;
        this.#host.touch(cell);
        return;
      }
      if (cell !== undefined) cell.spare = 0;
      this.#turns.finished();
    }
  }

  /** Does the next step of the instance, if it has its turn; called with each review of an active one. */
  review(cell: InstanceCell): void {
    const host = this.#host;
    if (!host.subscribed || !isSettled(cell) || this.#state === "paused") return;
    if (cell.failover !== null) return;
    if (cell.name === this.#turns.current) this.#do(cell, this.#stepOf(cell, this.#isOld));
  }

  /** How far it is, for the API. */
  view(): UpgradeView {
    let instances = 0;
    let behind = 0;
    let processesBehind = 0;
    for (const { document } of this.#host.cells.values()) {
      if (!isActive(document)) continue;
      instances += 1;
      const count = countBehind(document, this.#isOld);
      processesBehind += count;
      if (count > 0) behind += 1;
    }
    const left = [...this.#turns.left].slice(0, upgradeLimits.leftShownMax);
    return {
      state: this.#state,
      version: this.#version,
      ...{ instances, behind, processesBehind },
      current: this.#turns.current,
      left: left.map(([name, because]) => ({ name, because })),
    };
  }

  #beginRound(): void {
    this.#isRoundDue = false;
    const names: string[] = [];
    const begun: string[] = [];
    for (const { name, document } of this.#host.cells.values()) {
      if (!isActive(document) || !this.#concerns(document)) continue;
      if (hasSpare(document)) begun.push(name);
      else names.push(name);
    }
    this.#turns.begin([...begun.sort(), ...names.sort()]);
  }

  #concerns(document: InstanceDocument): boolean {
    return countBehind(document, this.#isOld) > 0 || hasSpare(document);
  }

  #stepOf(cell: InstanceCell, isOld: (executorId: string) => boolean): UpgradeStep {
    const { document } = cell;
    const ready = new Set<string>();
    for (const process of document.processes) {
      if (isReady(document, process, cell.reports.get(process.id))) ready.add(process.id);
    }
    return upgradeStep({ document, ready, isOld, isCrowded: this.#isCrowded });
  }

  #do(cell: InstanceCell, step: UpgradeStep): void {
    switch (step.type) {
      case "done":
        cell.spare = 0;
        this.#turns.finished();
        this.#wakeNext();
        break;
      case "blocked":
        this.#giveWay(cell, step.because);
        break;
      case "wait":
        this.#waitFor(cell, step.because);
        break;
      case "add-replica":
        this.#add(cell);
        break;
      case "end-replica":
        cell.spare = 0;
        this.#end(cell, step.processId, step.because);
        break;
      case "hand-over":
        // The old master stays as a replica, and is the one too many.
        this.#handOver(cell);
        break;
    }
  }

  #waitFor(cell: InstanceCell, because: Because): void {
    const { stalledAtMs } = this.#turns;
    if (this.#host.monotonicMs < stalledAtMs) this.#host.wakeAt(cell.name, stalledAtMs);
    else this.#giveWay(cell, because);
  }

  /** A planned failover, once for each reign: one that was given up is tried again in the next turn. */
  #handOver(cell: InstanceCell): void {
    const { epoch } = cell.document;
    if (this.#handedOver === epoch) {
      const text = "no replica was level with the master in time; the master goes on";
      this.#giveWay(cell, { code: "hand-over-late", text });
      return;
    }
    this.#handedOver = epoch;
    const reply = requestFailover(
      cell,
      { to: null, force: false, because: upgradeText },
      this.#host,
    );
    if (reply.type === "failover-refused") {
      const { code, text } = reply;
      this.#giveWay(cell, { code, text });
      return;
    }
    this.#turns.progressed(this.#host.monotonicMs);
    this.#host.touch(cell);
  }

  #giveWay(cell: InstanceCell, because: Because): void {
    cell.spare = 0;
    this.#turns.gaveWay(because);
    this.#wakeNext();
  }

  /** The next one has its turn in an event of its own: there may be thousands. */
  #wakeNext(): void {
    this.#host.wakeAt(upgradeKey, this.#host.monotonicMs);
  }

  #add(cell: InstanceCell): void {
    const { monotonicMs } = this.#host;
    if (cell.spare === 0) {
      cell.spare = 1;
      cell.tried = null;
      this.#turns.progressed(monotonicMs);
    }
    const { crowdedAtMs } = this.#turns;
    if (monotonicMs < crowdedAtMs) {
      this.#host.wakeAt(cell.name, crowdedAtMs);
      return;
    }
    this.#isCrowded = true;
    cell.spare = 0;
    this.#do(cell, this.#stepOf(cell, this.#isOld));
  }

  #end(cell: InstanceCell, processId: string, because: Because): void {
    const { monotonicMs } = this.#host;
    const process = cell.document.processes.find(({ id }) => id === processId);
    if (process === undefined) return;
    const lastMs = cell.killedAtMs.get(processId);
    const againMs = (lastMs ?? Number.NEGATIVE_INFINITY) + controlLimits.killRetryMs;
    if (monotonicMs >= againMs) {
      if (lastMs === undefined) this.#turns.progressed(monotonicMs);
      cell.killedAtMs.set(processId, monotonicMs);
      this.#host.emit({ type: "kill-task", agentId: process.agentId, taskId: processId, because });
    }
    this.#host.wakeAt(cell.name, (cell.killedAtMs.get(processId) ?? 0) + controlLimits.killRetryMs);
  }
}

/** True while an instance has more replicas than were asked for. */
const hasSpare = ({ processes, masterId, spec }: InstanceDocument): boolean =>
  processes.filter(({ id, expelled }) => id !== masterId && !expelled).length > spec.slaves;
