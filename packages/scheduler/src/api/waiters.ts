/**
 * Owns requests that wait for a state (`?wait`): bounded in number, each with a deadline, gone with their client.
 * Not: what the state means (control loop). Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  type InstanceDocument,
  type InstanceStatus,
  type InstanceView,
  MrrError,
} from "@mr-redis/core";
import type { ControlPort } from "./port.js";

/** The states that a client can wait for. */
export type WaitUntil = "RUNNING" | "DELETED";

/** One wait. */
export interface Wait {
  readonly name: string;
  readonly until: WaitUntil;
  readonly waitMs: number;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** Statuses that end a wait for RUNNING: reached, or not to be reached without something else happening first. */
const endsRunning: readonly InstanceStatus[] = ["RUNNING", "FAILED", "DELETING", "DELETED"];

/** All waits of one server. */
export class Waiters {
  readonly #port: Pick<ControlPort, "view" | "watch">;
  readonly #clock: Clock;
  readonly #countMax: number;
  readonly #ends = new Set<() => void>();
  #closed = false;

  constructor(port: Pick<ControlPort, "view" | "watch">, clock: Clock, countMax: number) {
    this.#port = port;
    this.#clock = clock;
    this.#countMax = countMax;
  }

  /** Number of requests that wait right now. */
  get count(): number {
    return this.#ends.size;
  }

  /** True when one more could wait. */
  get hasRoom(): boolean {
    return this.#ends.size < this.#countMax;
  }

  /**
   * The instance as soon as it is in the wanted state, or as it is when the time is up, the client is gone or the
   * server closes. A wait for RUNNING ends at FAILED, DELETING and DELETED too; every wait ends when the record is
   * gone (null) or the name belongs to a newer instance. Throws `overloaded` when there is no room.
   */
  async wait(wait: Wait): Promise<InstanceView | null> {
    const { name } = wait;
    const first = this.#port.view(name);
    if (first === null || wait.waitMs <= 0 || isOver(first.document, first, wait.until)) {
      return first;
    }
    if (this.#closed || wait.signal.aborted) return first;
    if (!this.hasRoom) {
      throw new MrrError("overloaded", `${this.#countMax} requests wait already.`);
    }
    return new Promise((resolve, reject) => {
      const end = () => {
        if (!this.#ends.delete(end)) return;
        timer.cancel();
        unwatch();
        wait.signal.removeEventListener("abort", end);
        // Throws as a read does when this scheduler has ceased to lead meanwhile.
        try {
          resolve(this.#port.view(name));
        } catch (error) {
          reject(error);
        }
      };
      let unwatch = (): void => {};
      this.#ends.add(end);
      const timer = this.#clock.after(wait.waitMs, end);
      wait.signal.addEventListener("abort", end);
      unwatch = this.#port.watch(name, (document) => {
        if (document === null || isOver(document, first, wait.until)) end();
      });
      // A listener called at once, from within watch, has ended before there was something to close.
      if (!this.#ends.has(end)) unwatch();
    });
  }

  /** Ends every wait with the present state; later ones do not wait. */
  close(): void {
    this.#closed = true;
    for (const end of [...this.#ends]) end();
  }
}

function isOver(document: InstanceDocument, first: InstanceView, until: WaitUntil): boolean {
  if (document.incarnation !== first.document.incarnation) return true;
  const { status } = document;
  return until === "DELETED" ? status === "DELETED" : endsRunning.includes(status);
}
