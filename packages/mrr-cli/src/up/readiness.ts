/**
 * Owns waiting until the scheduler of `mrr up` carries out creates, and telling meanwhile what it waits for.
 * Not: what is said then (texts.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { ApiClient } from "../api/client.js";
import { type Io, pause, printable } from "../io.js";

/** Pauses and times of the wait. */
export const readinessLimits = {
  /** Registering and leading take milliseconds: at first it is looked often. */
  lookMsFirst: 30,
  /** A wait that lasts is one for something else, such as a store that is away. */
  lookMsLater: 250,
  /** Until then it is no wait that needs a word. */
  quietMs: 4_000,
  /** Reasons may change quickly: a word at most so often. */
  sayMsMin: 5_000,
} as const;

/**
 * Waits for a 200 of /readyz, however long that takes: what is missing (a store, say) may come back. True when it came,
 * false when `isEnding` says so first.
 */
export async function waitUntilReady(
  io: Pick<Io, "clock" | "stderr">,
  client: Pick<ApiClient, "send">,
  isEnding: () => boolean,
): Promise<boolean> {
  const { clock } = io;
  const startMs = clock.monotonicMs();
  const say = reasonTeller(io, startMs);
  for (;;) {
    const answer = await client.send({ method: "GET", path: "/readyz" }).catch(() => null);
    if (isEnding()) return false;
    if (answer?.status === 200) return true;
    if (answer !== null) say(reasonOf(answer));
    const waitedMs = clock.monotonicMs() - startMs;
    const { lookMsFirst, lookMsLater, quietMs } = readinessLimits;
    await pause(clock, waitedMs < quietMs ? lookMsFirst : lookMsLater);
  }
}

/** Says a reason when it is another one, in words: numbers in it may change all the time. */
function reasonTeller(
  { clock, stderr }: { readonly clock: Clock; readonly stderr: Io["stderr"] },
  startMs: number,
): (reason: string) => void {
  const { quietMs, sayMsMin } = readinessLimits;
  let said = "";
  let nextMs = startMs + quietMs;
  return (reason) => {
    const words = reason.replaceAll(/\d+/g, "");
    if (words === said || clock.monotonicMs() < nextMs) return;
    said = words;
    nextMs = clock.monotonicMs() + sayMsMin;
    stderr.write(`Waiting for the scheduler: ${printable(reason)}\n`);
  };
}

function reasonOf({ json, text }: { readonly json: unknown; readonly text: string }): string {
  const { reason } = (typeof json === "object" && json !== null ? json : {}) as {
    reason?: unknown;
  };
  return typeof reason === "string" ? reason : text.slice(0, 200);
}
