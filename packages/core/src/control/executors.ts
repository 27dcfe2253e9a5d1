/**
 * Owns what is known of the executors as such: when each was last heard, which instances it serves, which of its
 * masters its answers name. One timer for all of them.
 * Not: what follows from silence (failover/contact.ts). Used by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { ProcessRecord } from "../instance/types.js";
import type { InstanceCell } from "./cell.js";

interface Executor {
  /** Monotonic: last word of it in this session, or the begin of the session. */
  sinceMs: number;
  /** Instances with a process there, and how many. */
  readonly cells: Map<InstanceCell, number>;
  /** Masters that live on a lease. */
  readonly leased: Set<string>;
  /** Newest batch of reports. */
  batch: { readonly runId: string; readonly number: number } | null;
  /** The batch that was last answered with leases, and when it came. */
  answered: { readonly runId: string; readonly number: number; readonly atMs: number } | null;
}

/** Names an executor: its id is the same on every agent. */
export const executorKey = ({
  agentId,
  executorId,
}: {
  readonly agentId: string;
  readonly executorId: string;
}): string => `${agentId} ${executorId}`;

/** All executors that serve an instance, or were heard. */
export class ExecutorBook {
  /** Those that are heard, longest ago first. */
  readonly #awake = new Map<string, Executor>();
  readonly #silent = new Map<string, Executor>();
  readonly #silenceMs: number;

  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** A session begins: silence counts from now on. */
  subscribed(nowMs: number): void {
    for (const [key, executor] of this.#silent) this.#awake.set(key, executor);
    this.#silent.clear();
    for (const executor of this.#awake.values()) executor.sinceMs = nowMs;
  }

  /** A batch came. True when it is older than one that came before, or the same again. */
  heard(
    key: string,
    batch: { readonly runId: string; readonly number: number },
    nowMs: number,
    touch: (cell: InstanceCell) => void,
  ): boolean {
    const executor = this.#of(key, nowMs);
    const last = executor.batch;
    if (last !== null && last.runId === batch.runId && batch.number <= last.number) return true;
    executor.batch = { runId: batch.runId, number: batch.number };
    executor.sinceMs = nowMs;
    if (this.#silent.delete(key)) for (const cell of executor.cells.keys()) touch(cell);
    this.#awake.delete(key);
    this.#awake.set(key, executor);
    return false;
  }

  /** The newest batch of this executor. */
  batchOf(key: string): { readonly runId: string; readonly number: number } | null {
    return this.#get(key)?.batch ?? null;
  }

  /**
   * Mesos removed the agent: its executors are to be answered anew, should it come back. The numbers of their batches stay,
   * since they name the run: a late copy of an old one must not pass for a new one.
   */
  agentRemoved(agentId: string): void {
    for (const executors of [this.#awake, this.#silent]) {
      for (const [key, executor] of executors) {
        if (!key.startsWith(`${agentId} `)) continue;
        executor.answered = null;
      }
    }
  }

  /** The processes of an instance have changed. */
  index(cell: InstanceCell, processes: readonly ProcessRecord[], nowMs: number): void {
    if (cell.indexed === processes) return;
    for (const process of processes) {
      const { cells } = this.#of(executorKey(process), nowMs);
      cells.set(cell, (cells.get(cell) ?? 0) + 1);
    }
    const kept = new Set(processes.map(({ id }) => id));
    for (const process of cell.indexed) {
      const key = executorKey(process);
      const executor = this.#get(key);
      assert(executor !== undefined, "an executor with a process is known");
      if (!kept.has(process.id)) executor.leased.delete(process.id);
      const count = (executor.cells.get(cell) ?? 0) - 1;
      if (count > 0) executor.cells.set(cell, count);
      else executor.cells.delete(cell);
    }
    cell.indexed = processes;
  }

  sinceMs(key: string, otherwiseMs: number): number {
    return this.#get(key)?.sinceMs ?? otherwiseMs;
  }

  /** Asked for each process with each of its reports: the usual answer costs nothing. */
  isSilent(process: ProcessRecord): boolean {
    return this.#silent.size > 0 && this.#silent.has(executorKey(process));
  }

  /** Finds those that have become silent; `touch` is called for each instance that they serve. */
  wake(nowMs: number, touch: (cell: InstanceCell) => void): void {
    for (const [key, executor] of this.#awake) {
      if (executor.sinceMs + this.#silenceMs > nowMs) return;
      this.#awake.delete(key);
      // Whoever serves nothing is forgotten.
      if (executor.cells.size > 0) this.#silent.set(key, executor);
      for (const cell of executor.cells.keys()) touch(cell);
    }
  }

  /** When {@link wake} has something to do, or null. */
  next(): number | null {
    for (const { sinceMs } of this.#awake.values()) return sinceMs + this.#silenceMs;
    return null;
  }

  /** Instances with a process there. */
  cellsOf(key: string): Iterable<InstanceCell> {
    return this.#get(key)?.cells.keys() ?? [];
  }

  setLeased(process: ProcessRecord, leased: boolean): void {
    const executor = this.#get(executorKey(process));
    if (leased) executor?.leased.add(process.id);
    else executor?.leased.delete(process.id);
  }

  /** True when the newest batch of this executor was not answered with leases yet. */
  isUnanswered(key: string): boolean {
    const executor = this.#get(key);
    if (executor === undefined || executor.batch === null) return false;
    const { batch, answered } = executor;
    return answered?.runId !== batch.runId || answered.number !== batch.number;
  }

  /** True when its leases are to be renewed: the last answer with leases is older than `renewMs`. */
  isRenewalDue(key: string, nowMs: number, renewMs: number): boolean {
    const executor = this.#get(key);
    if (executor === undefined || executor.leased.size === 0) return false;
    const { answered } = executor;
    return this.isUnanswered(key) && (answered === null || nowMs >= answered.atMs + renewMs);
  }

  /** The masters that an answer sent now names. */
  answer(key: string): readonly string[] {
    const executor = this.#get(key);
    if (executor === undefined || executor.leased.size === 0 || executor.batch === null) return [];
    executor.answered = { ...executor.batch, atMs: executor.sinceMs };
    return [...executor.leased];
  }

  #get(key: string): Executor | undefined {
    return this.#awake.get(key) ?? this.#silent.get(key);
  }

  #of(key: string, nowMs: number): Executor {
    const present = this.#get(key);
    if (present !== undefined) return present;
    const executor: Executor = {
      sinceMs: nowMs,
      cells: new Map(),
      leased: new Set(),
      batch: null,
      answered: null,
    };
    this.#awake.set(key, executor);
    return executor;
  }
}
