/**
 * Owns waiting: for something to become true, or for time to pass, always with a limit and an end at Ctrl-C.
 * Not: what is waited for. Called by the session, the station and checks.
 * SPDX-License-Identifier: Apache-2.0
 */
import { CheckEnd } from "./verdict.js";

/** Between two looks at what is waited for. */
const lookMs = 10;

/** A pause; `signal` ends it at once with an error. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new CheckEnd("fail", "stopped"));
    };
    if (signal.aborted) {
      reject(new CheckEnd("fail", "stopped"));
      return;
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Looks until there is a value, and answers it; after `withinMs` the check ends as too late, with `what` in the text. */
export async function waitFor<T>(
  look: () => T | undefined | Promise<T | undefined>,
  options: {
    readonly withinMs: number;
    readonly what: string | (() => string);
    readonly signal: AbortSignal;
    readonly everyMs?: number;
  },
): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() - startMs >= options.withinMs) {
      const what = typeof options.what === "string" ? options.what : options.what();
      throw new CheckEnd("late", `${what}: not within ${secondsText(options.withinMs)}`);
    }
    await pause(options.everyMs ?? lookMs, options.signal);
  }
}

/** `1.25 s`. */
export const secondsText = (ms: number): string => `${Number((ms / 1_000).toPrecision(3))} s`;
