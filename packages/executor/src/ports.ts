/**
 * Owns what the executor's shell needs from outside: the way to the scheduler, and a place for log lines.
 * Not: any implementation (main.ts composes them). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SentTaskState } from "@mr-redis/core";

/** One status update of a task; ids, uuid and time are added on the way. */
export interface TaskUpdate {
  readonly taskId: string;
  readonly state: SentTaskState;
  readonly message: string | null;
  /** JSON of ProcessExit for the end of a process, else null. */
  readonly data: string | null;
  /** Labels of the status by key; null: none. */
  readonly labels: Readonly<Record<string, string>> | null;
}

/** The way to the scheduler through the agent. Neither call waits or throws. */
export interface ExecutorLink {
  /** Delivered until acknowledged, in order for each task. */
  sendUpdate(update: TaskUpdate): void;
  /** Delivered once at most: may be lost, late or doubled. */
  sendMessage(text: string): void;
}

/** One JSON line for each call: a constant message, values as fields. Never a secret. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
