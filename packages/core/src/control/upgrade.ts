/**
 * Owns the upgrade of executors within the decision core: it gives instances their turns and does their next steps.
 * Not: which step that is (upgrade/plan.ts), nor whose turn it is (upgrade/turns.ts). Called by control.ts and review.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because, InstanceDocument } from "../instance/types.js";
import { isBehind, type UpgradeStep, upgradeStep } from "../upgrade/plan.js";
import { UpgradeTurns, upgradeLimits } from "../upgrade/turns.js";
import type { UpgradeState, UpgradeView } from "../upgrade/types.js";
import { executorVersionOf } from "../upgrade/version.js";
import { type InstanceCell, isSettled } from "./cell.js";
import type { Effect } from "./effects.js";
import { isReady } from "./goals.js";
import { handOverMsMax, hasHandedOver } from "./hand-over.js";
import { controlLimits } from "./settings.js";
import { isActive } from "./transitions.js";

/** What the upgrade needs from its owner. */
export interface UpgradeHost {
  readonly monotonicMs: number;
  readonly subscribed: boolean;
  readonly settleUntilMs: number;
  readonly cells: ReadonlyMap<string, InstanceCell>;
  emit(effect: Effect): void;
  touch(cell: InstanceCell): void;
  wakeAt(name: string, monotonicMs: number): void;
}

/** See the head of this file. */
export class Upgrade {
  readonly #host: UpgradeHost;
  readonly #version: string;
  readonly #turns = new UpgradeTurns();
  #state: UpgradeState;
  #isRoundDue: boolean;
  /** The instance that has its turn found no place for one more replica. */
  #isCrowded = false;

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
    cell.handOver = null;
    this.#host.touch(cell);
  }

  /** True when the turn is to be given on. */
  get isBetween(): boolean {
    return this.#state === "running" && this.#host.subscribed && this.#turns.isBetween;
  }

  /** Gives the turn on; returns when it wants to be asked again although nothing happens, or null. */
  pump(): number | null {
    if (this.#state !== "running" || !this.#host.subscribed) return null;
    const nowMs = this.#host.monotonicMs;
    const { againAtMs } = this.#turns;
    if (this.#isRoundDue || (againAtMs !== null && nowMs >= againAtMs)) this.#beginRound();
    for (;;) {
      const before = this.#turns.current;
      const name = this.#turns.next(nowMs);
      if (name === null) return this.#turns.againAtMs;
      const cell = this.#host.cells.get(name);
      const isActiveCell = cell !== undefined && isActive(cell.document);
      if (isActiveCell && name === before) return null;
      if (isActiveCell && this.#concerns(cell.document)) {
        this.#isCrowded = false;
        this.#host.touch(cell);
        return null;
      }
      if (cell !== undefined) cell.spare = 0;
      this.#turns.finished();
    }
  }

  /** Does the next step of the instance, if it has its turn; called with each review of an active one. */
  review(cell: InstanceCell): void {
    const host = this.#host;
    if (!host.subscribed || !isSettled(cell) || this.#state === "paused") return;
    if (this.#state === "off") this.#trim(cell);
    else if (cell.name !== this.#turns.current) cell.handOver = null;
    else if (cell.handOver !== null) this.#handOver(cell);
    else this.#do(cell, this.#stepOf(cell, this.#isOld));
  }

  /** How far it is, for the API. */
  view(): UpgradeView {
    let instances = 0;
    let behind = 0;
    let processesBehind = 0;
    for (const { document } of this.#host.cells.values()) {
      if (!isActive(document)) continue;
      instances += 1;
      const count = document.processes.filter(({ executorId }) => this.#isOld(executorId)).length;
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
    return isBehind(document, this.#isOld) || hasSpare(document);
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
        cell.spare = 0;
        cell.handOver = { masterId: step.processId, sinceMs: this.#host.monotonicMs };
        this.#turns.progressed(this.#host.monotonicMs);
        // The goal that closes the master to writes.
        this.#host.touch(cell);
        break;
    }
  }

  #waitFor(cell: InstanceCell, because: Because): void {
    const { stalledAtMs } = this.#turns;
    if (this.#host.monotonicMs < stalledAtMs) this.#host.wakeAt(cell.name, stalledAtMs);
    else this.#giveWay(cell, because);
  }

  /** The master is closed to writes; it ends once a replica has everything. */
  #handOver(cell: InstanceCell): void {
    const { handOver } = cell;
    if (handOver === null) return;
    const master = cell.document.processes.find(({ id }) => id === handOver.masterId);
    if (master === undefined || cell.document.masterId !== master.id) {
      cell.handOver = null;
      this.#host.touch(cell);
      return;
    }
    const lateAtMs = handOver.sinceMs + handOverMsMax;
    if (hasHandedOver(cell) || cell.killedAtMs.has(master.id)) {
      const text = "a synced replica on the present executor takes over from it";
      this.#end(cell, master.id, { code: "upgrade", text });
    } else if (this.#host.monotonicMs >= lateAtMs) {
      const text = "no replica reached the master in time; it accepts writes again";
      this.#giveWay(cell, { code: "hand-over-late", text });
      this.#host.touch(cell);
    } else this.#host.wakeAt(cell.name, lateAtMs);
  }

  #giveWay(cell: InstanceCell, because: Because): void {
    cell.spare = 0;
    cell.handOver = null;
    this.#turns.gaveWay(because);
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

  /** What an upgrade that is no more has left behind: one replica too many. */
  #trim(cell: InstanceCell): void {
    cell.spare = 0;
    if (!hasSpare(cell.document) || this.#host.monotonicMs < this.#host.settleUntilMs) return;
    const step = this.#stepOf(cell, () => false);
    if (step.type === "end-replica") this.#end(cell, step.processId, step.because);
  }
}

/** True while an instance has more replicas than were asked for. */
const hasSpare = ({ processes, masterId, spec }: InstanceDocument): boolean =>
  processes.length - (processes.some(({ id }) => id === masterId) ? 1 : 0) > spec.slaves;
