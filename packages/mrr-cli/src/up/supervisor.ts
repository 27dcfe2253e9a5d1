/**
 * Owns that a program of ours runs: starts it, starts it again when it dies, within bounds, ends it in time.
 * Not: one run (child.ts), nor the order of several programs (run.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, errorTable, type Timer } from "@mr-redis/core";
import { type Child, type ChildCommand, type ChildExit, exitText, startChild } from "./child.js";

/** Limits of a supervised program, each with its reason. */
export const supervisorLimits = {
  /** From the start to ready: the bar is 1 s, a loaded machine gets much more. */
  readyMsMax: 30_000,
  /** First pause before a restart; doubles. */
  restartMsFirst: 200,
  restartMsMax: 5_000,
  /** Restarts in a row; with the pauses above some 20 s, enough for a port or a lock to come free. */
  restartsMax: 6,
  /** A run that was ready for so long ends the row. */
  stableMs: 30_000,
};

/** The bounds of a supervised program; tests use smaller ones. */
export type SupervisorLimits = Readonly<typeof supervisorLimits>;

/** Why a program is given up. */
export interface GivenUp {
  readonly name: string;
  readonly exit: ChildExit;
  /** Sentence for people. */
  readonly text: string;
}

/** What a supervisor tells. */
export interface SupervisorEvents {
  /** A note for people: it died, it is back. */
  say(text: string): void;
  /** The pid changed, or is gone. */
  childChanged(): void;
}

/** Exit codes after which trying again is useless, as long as the program was never ready. */
const finalExitCodes: ReadonlySet<number> = (() => {
  const entries = Object.values(errorTable);
  const retryable = new Set(
    entries.filter((entry) => entry.retryable).map(({ exitCode }) => exitCode),
  );
  const { exitCode: locked } = errorTable["store-locked"];
  // A defect may be gone at the next try, and a lock may be that of a run that just ends.
  const tryAgain = new Set<number>([...retryable, locked, errorTable.internal.exitCode]);
  return new Set(entries.map(({ exitCode }) => exitCode).filter((code) => !tryAgain.has(code)));
})();

/** What is wrong is known only once the store answers, when the program is ready to say so: a wrong password, say. */
const refusalExitCode = errorTable["config-invalid"].exitCode;

/** One program that is kept running. */
export class Supervisor {
  readonly name: string;
  /** Resolves when it is given up; never otherwise. */
  readonly givenUp: Promise<GivenUp>;
  readonly #command: ChildCommand;
  readonly #clock: Clock;
  readonly #events: SupervisorEvents;
  readonly #limits: SupervisorLimits;
  #child: Child | null = null;
  #restart: Timer | null = null;
  #isStopping = false;
  #wasEverReady = false;
  #restarts = 0;
  #giveUp: (given: GivenUp) => void = () => {};

  constructor(
    command: ChildCommand,
    clock: Clock,
    events: SupervisorEvents,
    limits: SupervisorLimits = supervisorLimits,
  ) {
    this.name = command.name;
    this.#command = command;
    this.#clock = clock;
    this.#events = events;
    this.#limits = limits;
    this.givenUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /** Pid of the present run; null between two runs. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the program; resolves when it is ready for the first time (not if it is given up or stopped before). */
  start(): Promise<void> {
    return new Promise((resolve) => this.#run(resolve));
  }

  #run(onFirstReady: () => void): void {
    // Its end may have been asked for while another program was still being started.
    if (this.#isStopping) return;
    const { name } = this;
    const startMs = this.#clock.monotonicMs();
    const child = startChild(this.#command);
    this.#child = child;
    this.#events.childChanged();
    let readyMs: number | null = null;
    const overdue = this.#clock.after(this.#limits.readyMsMax, () => {
      this.#events.say(
        `${name} is not ready after ${this.#limits.readyMsMax / 1_000} s; it is ended`,
      );
      child.kill();
    });
    void child.ready.then((isReady) => {
      overdue.cancel();
      if (!isReady) return;
      readyMs = this.#clock.monotonicMs();
      if (this.#wasEverReady) {
        this.#events.say(`${name} is back after ${Math.round(readyMs - startMs)} ms`);
      }
      this.#wasEverReady = true;
      onFirstReady();
    });
    void child.exited.then((exit) => {
      this.#child = null;
      this.#events.childChanged();
      if (this.#isStopping) return;
      const ranMs = readyMs === null ? 0 : this.#clock.monotonicMs() - readyMs;
      if (ranMs >= this.#limits.stableMs) this.#restarts = 0;
      this.#restartOrGiveUp(exit, ranMs, onFirstReady);
    });
  }

  #restartOrGiveUp(exit: ChildExit, ranMs: number, onFirstReady: () => void): void {
    const { name } = this;
    const { restartsMax, restartMsFirst, restartMsMax } = this.#limits;
    const how = exitText(exit);
    const isRefusal = exit.code === refusalExitCode && ranMs < this.#limits.stableMs;
    const isFinal = isRefusal || (!this.#wasEverReady && finalExitCodes.has(exit.code ?? -1));
    if (isFinal || this.#restarts >= restartsMax) {
      const text = isFinal
        ? `${name} does not ${exit.wasReady ? "go on" : "start"} (${how})`
        : `${name} ended ${this.#restarts + 1} times in a row, the last time with ${how}`;
      this.#giveUp({ name, exit, text });
      return;
    }
    const delayMs = Math.min(restartMsFirst * 2 ** this.#restarts, restartMsMax);
    this.#restarts += 1;
    const count = `${this.#restarts} of ${restartsMax}`;
    this.#events.say(`${name} ended (${how}); it is started again in ${delayMs} ms (${count})`);
    this.#restart = this.#clock.after(delayMs, () => this.#run(onFirstReady));
  }

  /** Ends the program: SIGTERM, after `limitMs` SIGKILL for its group. Resolves when it is gone; idempotent. */
  async stop(limitMs: number): Promise<void> {
    this.#isStopping = true;
    this.#restart?.cancel();
    const child = this.#child;
    if (child === null) return;
    child.signal("SIGTERM");
    const timer = this.#clock.after(limitMs, () => {
      this.#events.say(`${this.name} does not end within ${limitMs / 1_000} s; it is killed`);
      child.kill();
    });
    await child.exited;
    timer.cancel();
  }

  /** SIGKILL at once, and no restart. */
  kill(): void {
    this.#isStopping = true;
    this.#restart?.cancel();
    this.#child?.kill();
  }
}
