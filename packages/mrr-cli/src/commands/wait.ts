/**
 * Owns waiting for a status with dots, reasons and a limit. Not: what happens then (create, delete).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Timer } from "@mr-redis/core";
import type { ApiClient } from "../api/client.js";
import { type InstanceAnswer, readInstance } from "../api/instances.js";
import { isRetryable, problemOf } from "../failure.js";
import { type Io, pause, printable } from "../io.js";
import { waitText } from "../text/instance.js";

/** Default of `--timeout`: far more than a create takes, short enough for a script that hangs. */
export const waitSecondsDefault = 300;

/** The ancestor printed a dot for ten polls of 100 ms. */
const dotMs = 1_000;

/** Seconds that the scheduler may hold one call; after the first one the reason is said. A usual create is faster. */
const holdSeconds = 3;

/** Pause after a failed call: first, and at most. A scheduler is back within a second or two. */
const retryMs = { first: 100, max: 2_000 } as const;

/** The ancestor's interval; holds if a scheduler does not hold the call. */
const pollMsMin = 100;

/** What is waited for. */
export interface WaitOptions {
  readonly name: string;
  readonly until: "RUNNING" | "DELETED";
  readonly limitMs: number;
  /** No dots: the output is JSON. */
  readonly isQuiet: boolean;
}

/** How the wait ended. `last` is null when the instance could not be read even once. */
export type WaitOutcome =
  | { readonly type: "reached"; readonly last: InstanceAnswer }
  | { readonly type: "gone" }
  | { readonly type: "limit"; readonly last: InstanceAnswer | null };

const finalStatus: Readonly<Record<WaitOptions["until"], readonly string[]>> = {
  RUNNING: ["RUNNING", "FAILED", "DELETING", "DELETED"],
  DELETED: ["DELETED"],
};

/**
 * Waits until the status is final for what is wanted, the instance is gone, or the limit has passed. Failures that
 * the error table calls retryable are waited out (a scheduler that restarts); others are thrown.
 */
export async function waitForStatus(
  io: Io,
  client: ApiClient,
  options: WaitOptions,
): Promise<WaitOutcome> {
  const progress = startProgress(io, options.isQuiet);
  try {
    return await poll(io, client, options, progress);
  } finally {
    progress.end();
  }
}

async function poll(
  io: Io,
  client: ApiClient,
  options: WaitOptions,
  progress: Progress,
): Promise<WaitOutcome> {
  const startMs = io.clock.monotonicMs();
  let last: InstanceAnswer | null = null;
  let backOffMs: number = retryMs.first;
  for (;;) {
    const beforeMs = io.clock.monotonicMs();
    const leftMs = startMs + options.limitMs - beforeMs;
    if (leftMs <= 0) return { type: "limit", last };
    try {
      const seconds = Math.max(1, Math.min(holdSeconds, Math.ceil(leftMs / 1_000)));
      last = await readInstance(client, options.name, { seconds, until: options.until });
      if (finalStatus[options.until].includes(last.instance.status)) {
        return { type: "reached", last };
      }
      progress.say(waitText(last.instance));
      backOffMs = retryMs.first;
      const tookMs = io.clock.monotonicMs() - beforeMs;
      if (tookMs < pollMsMin) await pause(io.clock, pollMsMin - tookMs);
    } catch (error) {
      if (problemOf(error).code === "instance-not-found") return { type: "gone" };
      if (!isRetryable(error)) throw error;
      progress.say(printable(problemOf(error).detail));
      await pause(io.clock, Math.min(backOffMs, leftMs));
      backOffMs = Math.min(backOffMs * 2, retryMs.max);
    }
  }
}

interface Progress {
  /** Says once what is waited for, when the wait is longer than {@link holdSeconds}; again when it changes. */
  say(text: string | null): void;
  end(): void;
}

function startProgress(io: Io, isQuiet: boolean): Progress {
  const { clock, stdout, stderr } = io;
  const startMs = clock.monotonicMs();
  let said: string | null = null;
  let timer: Timer | null = null;
  const dot = (): void => {
    stdout.write(".");
    timer = clock.after(dotMs, dot);
  };
  if (!isQuiet) timer = clock.after(dotMs, dot);
  // On a terminal the dots stand on the line where a reason would go on.
  const lineStart = !isQuiet && stdout.isTerminal && stderr.isTerminal ? "\n" : "";
  return {
    say: (text) => {
      const isEarly = clock.monotonicMs() - startMs < holdSeconds * 1_000 * 0.9;
      if (isEarly || text === null || text === said) return;
      said = text;
      stderr.write(`${lineStart}Waiting: ${text}\n`);
    },
    end: () => timer?.cancel(),
  };
}
