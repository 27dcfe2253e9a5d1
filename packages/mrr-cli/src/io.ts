/**
 * Owns the port through which commands see the world: streams, environment, user, clock.
 * Not: any decision. The machine's is made in main.ts; tests make their own.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";

/** Where text goes. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
}

/** What a command may use of the world besides HTTP and files. */
export interface Io {
  /** Results and the ancestor's success lines. */
  readonly stdout: Output;
  /** Errors, notes and progress reasons. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly homeDirectory: string;
  /** Numeric id of the user; null where the system has none. */
  readonly userId: number | null;
  readonly clock: Clock;
}

/** Resolves after `delayMs`. */
export const pause = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });

/** One line for a terminal: control characters of foreign origin (log lines, names) become blanks. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
