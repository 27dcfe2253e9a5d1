/**
 * Owns the messages to executors of one turn: goals, questions and confirmed leases, one message for each executor.
 * Not: what they say (goals.ts, failover/lease.ts), nor their way (packages/scheduler). Used by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, GoalBatch } from "../goal/types.js";
import type { Effect } from "./effects.js";
import { type ExecutorBook, executorKey } from "./executors.js";

/** Where an executor is. */
export interface ExecutorPlace {
  readonly agentId: string;
  readonly executorId: string;
}

interface Box extends ExecutorPlace {
  readonly goals: Goal[];
  reportNow: boolean;
}

/** See the head of this file. */
export class Outbox {
  readonly #term: number;
  readonly #executors: ExecutorBook;
  readonly #boxes = new Map<string, Box>();
  /** Executors that wait for an answer that names their masters. */
  readonly #leaseWanted = new Map<string, ExecutorPlace>();

  constructor(term: number, executors: ExecutorBook) {
    this.#term = term;
    this.#executors = executors;
  }

  sendGoal(place: ExecutorPlace, goal: Goal): void {
    this.#boxOf(place).goals.push(goal);
  }

  askReport(place: ExecutorPlace): void {
    this.#boxOf(place).reportNow = true;
  }

  leaseWanted({ agentId, executorId }: ExecutorPlace): void {
    this.#leaseWanted.set(executorKey({ agentId, executorId }), { agentId, executorId });
  }

  /** Sends what is there. Every message names the masters of its executor that live on a lease. */
  flush(subscribed: boolean, emit: (effect: Effect) => void): void {
    for (const [key, place] of this.#leaseWanted) {
      // An answer that was given is not given again: leases run from the sending of what is answered.
      if (subscribed && this.#executors.isUnanswered(key)) this.#boxOf(place);
    }
    this.#leaseWanted.clear();
    for (const [key, { agentId, executorId, goals, reportNow }] of this.#boxes) {
      const batch: GoalBatch = {
        version: 1,
        type: "goals",
        term: this.#term,
        answers: this.#executors.batchOf(key),
        goals,
        leases: this.#executors.answer(key),
        reportNow,
      };
      const text =
        goals.length > 0
          ? `${goals.length} processes are to change`
          : `${batch.leases.length} masters may go on${reportNow ? ", a report is wanted" : ""}`;
      emit({ type: "send-goals", agentId, executorId, batch, because: { code: "goal", text } });
    }
    this.#boxes.clear();
  }

  #boxOf({ agentId, executorId }: ExecutorPlace): Box {
    const key = executorKey({ agentId, executorId });
    const present = this.#boxes.get(key);
    if (present !== undefined) return present;
    const box: Box = { agentId, executorId, goals: [], reportNow: false };
    this.#boxes.set(key, box);
    return box;
  }
}
