/**
 * Owns a one-way channel that keeps order and never delivers within the call that sends: master to agent, agent
 * to master, events to a stream. Not: what is sent. Called by the shells.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";

/** Most messages that wait in one channel; far above a burst of 50,000 tasks, so only a defect reaches it. */
export const channelLengthMax = 1_000_000;

/** Delivered items are dropped from the front in pieces of this size, so that a busy channel copies little. */
const compactLength = 1_000;

/**
 * Longest time of deliveries in one turn of the event loop. In a burst callers are answered in between: each sends its
 * next call only after the answer, and with turns of tens of milliseconds hardly any call would get through.
 */
export const turnMsMax = 3;

/** How long a message is held: uniform in [min, max) milliseconds; order is kept whatever is drawn. */
export interface Jitter {
  readonly minMs: number;
  readonly maxMs: number;
}

/** What a channel needs of the outside. */
export interface ChannelPorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly jitter: Jitter;
}

/** One direction of a border. */
export interface Channel<T> {
  send(item: T): void;
  /** What is sent from now on is delivered this much later at the earliest; the order stays. */
  hold(delayMs: number): void;
  /** Nothing is delivered any more; what waits is dropped. */
  close(): void;
}

/** A channel that gives every item to `deliver`, in order, after the jitter and never within `send`. */
export function createChannel<T>(ports: ChannelPorts, deliver: (item: T) => void): Channel<T> {
  const queue: { readonly item: T; readonly dueMs: number }[] = [];
  let head = 0;
  let timer: Timer | null = null;
  let lastDueMs = 0;
  let isClosed = false;
  let isRunning = false;

  const arm = (delayMs: number) => {
    timer = ports.clock.after(Math.max(0, delayMs), run);
  };
  const run = () => {
    timer = null;
    isRunning = true;
    const nowMs = ports.clock.monotonicMs();
    for (let next = queue[head]; next !== undefined && !isClosed; next = queue[head]) {
      if (next.dueMs > nowMs) {
        arm(next.dueMs - nowMs);
        break;
      }
      if (ports.clock.monotonicMs() - nowMs > turnMsMax) {
        arm(0);
        break;
      }
      head += 1;
      deliver(next.item);
    }
    isRunning = false;
    if (head >= compactLength || head === queue.length) {
      queue.splice(0, head);
      head = 0;
    }
  };

  return {
    send(item) {
      if (isClosed) return;
      if (queue.length - head >= channelLengthMax) throw new Error("a channel is full");
      const { minMs, maxMs } = ports.jitter;
      const nowMs = ports.clock.monotonicMs();
      lastDueMs = Math.max(lastDueMs, nowMs + minMs + ports.random() * (maxMs - minMs));
      queue.push({ item, dueMs: lastDueMs });
      if (timer === null && !isRunning) arm(lastDueMs - nowMs);
    },
    hold(delayMs) {
      lastDueMs = Math.max(lastDueMs, ports.clock.monotonicMs() + delayMs);
    },
    close() {
      isClosed = true;
      timer?.cancel();
      timer = null;
      queue.length = 0;
      head = 0;
    },
  };
}
