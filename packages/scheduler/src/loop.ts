/**
 * Owns the event loop of the scheduler: one queue of events, one decision core, effects handed out in order.
 * Not: decisions (core) nor how effects are carried out (effects.ts). Made by scheduler.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Control, ControlEvent, ControlHappening, Effect, Timer } from "@mr-redis/core";
import type { CrashPoint } from "./crash-points.js";
import type { ReignMeter } from "./metrics/meter.js";

/** Most events handled before the rest of the process gets a turn: keeps the API answering under a flood. */
const eventsPerTurnMax = 256;

/** Shortest sleep of the timer: deadlines closer together than this are handled in one turn. */
const timerMsMin = 1;

/** What the loop is made of. */
export interface LoopOptions {
  readonly control: Control;
  readonly clock: Clock;
  /** Asked before each event and each effect; false: this loop has been closed, or must not act any more. */
  readonly mayAct: () => boolean;
  /** Called for each effect, in order. */
  readonly run: (effect: Effect) => void;
  /** Named instants for tests that end the program (crash-points.ts). */
  readonly crash: CrashPoint;
  /** Counts; default: nobody does. */
  readonly meter?: ReignMeter;
  /** Called when the effects of a turn have all been handed out. */
  readonly turnEnded: () => void;
}

/** Feeds the core. All calls are made from one thread, so events have one order. */
export class Loop {
  readonly #options: LoopOptions;
  #queue: ControlHappening[] = [];
  #draining = false;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #continuing: Timer | null = null;
  #closed = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /**
   * Puts an event at the end of the queue. It is handled once the event loop has read what else has arrived: what
   * comes together is stored, sent and shown together.
   */
  post(happening: ControlHappening): void {
    if (this.#closed) return;
    this.#queue.push(happening);
    if (!this.#draining) this.#continue();
  }

  /** Nothing is handled any more. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#continuing?.cancel();
    this.#queue = [];
  }

  #drain(): void {
    const { control, clock, mayAct, run, turnEnded, crash, meter } = this.#options;
    this.#draining = true;
    let handled = 0;
    try {
      while (!this.#closed && this.#queue.length > 0 && handled < eventsPerTurnMax) {
        const batch = this.#queue.splice(0, eventsPerTurnMax - handled);
        for (const happening of batch) {
          if (this.#closed || !mayAct()) return;
          handled += 1;
          const event: ControlEvent = {
            ...happening,
            atMs: clock.nowMs(),
            monotonicMs: clock.monotonicMs(),
          };
          crash(`received:${event.type}`);
          meter?.event(event);
          const effects = control.handle(event);
          crash(`decided:${event.type}`);
          for (const effect of effects) {
            // An effect may be the end of this loop, and so may time: what stands behind it must not be done any more.
            if (this.#closed || !mayAct()) return;
            meter?.effect(effect);
            run(effect);
          }
        }
      }
    } finally {
      this.#draining = false;
    }
    if (this.#closed || !mayAct()) return;
    turnEnded();
    if (this.#queue.length > 0) this.#continue();
    this.#setTimer();
  }

  #continue(): void {
    this.#continuing ??= this.#options.clock.after(0, () => {
      this.#continuing = null;
      this.#drain();
    });
  }

  #setTimer(): void {
    const { control, clock } = this.#options;
    const wakeAtMs = control.wakeAtMs() ?? Number.POSITIVE_INFINITY;
    if (wakeAtMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAtMs = wakeAtMs;
    if (wakeAtMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(timerMsMin, wakeAtMs - clock.monotonicMs());
    this.#timer = clock.after(Math.min(delayMs, timerMsMax), () => {
      this.#timer = null;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.post({ type: "woken" });
    });
  }
}

/** Longest sleep: beyond 2^31 ms Node's timers fire at once. */
const timerMsMax = 2_000_000_000;
