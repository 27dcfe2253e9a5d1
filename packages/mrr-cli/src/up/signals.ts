/**
 * Owns when `mrr up` is asked to end: signals, a second Ctrl-C, the end of its parent.
 * Not: how it ends (run.ts). SPDX-License-Identifier: Apache-2.0
 */
import type { Io } from "../io.js";
import { watchNpm } from "./parent.js";

/**
 * One Ctrl-C reaches this process several times when npm and start.mjs pass on what the terminal has sent already;
 * a person's second one comes later than this.
 */
const samePressMs = 600;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The wish to end. */
export interface StopRequest {
  /** Resolves at the first wish. */
  readonly asked: Promise<void>;
  /** Resolves at a second one: do not wait any longer. */
  readonly forced: Promise<void>;
  /** Takes the listeners away. */
  close(): void;
}

/** Listens for signals and for the end of npm; with `exitWithParent` also for the end of standard input. */
export function listenForStop(
  { clock, env }: Pick<Io, "clock" | "env">,
  exitWithParent: boolean,
): StopRequest {
  let askedAtMs: number | null = null;
  let setAsked = (): void => {};
  let setForced = (): void => {};
  const asked = new Promise<void>((resolve) => {
    setAsked = resolve;
  });
  const forced = new Promise<void>((resolve) => {
    setForced = resolve;
  });
  const onSignal = (): void => {
    const nowMs = clock.monotonicMs();
    if (askedAtMs === null) {
      askedAtMs = nowMs;
      setAsked();
    } else if (nowMs - askedAtMs > samePressMs) setForced();
  };
  for (const signal of signals) process.on(signal, onSignal);
  const onParentEnd = (): void => setAsked();
  const unwatch = watchNpm(env, clock, onParentEnd);
  const { stdin } = process;
  if (exitWithParent) {
    for (const event of ["end", "close", "error"]) stdin.on(event, onParentEnd);
    stdin.resume();
  }
  return {
    asked,
    forced,
    close: () => {
      unwatch();
      for (const signal of signals) process.off(signal, onSignal);
      if (exitWithParent) {
        for (const event of ["end", "close", "error"]) stdin.off(event, onParentEnd);
        stdin.destroy();
      }
    },
  };
}
