/**
 * Owns the named instants at which a test can have this program end as if by kill -9.
 * Not: the instants themselves (loop.ts, effects.ts, committer.ts call in). Made by main.ts from the environment.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ControlHappening, type Effect, MrrError } from "@mr-redis/core";

/** Ends the program when this is the chosen instant; else does nothing. */
export type CrashPoint = (name: string) => void;

/** No instant is chosen. */
export const noCrash: CrashPoint = () => {};

/**
 * Every event of the decision core. Held complete by the compiler: a new event is a new pair of instants,
 * `received:<event>` (before it is decided) and `decided:<event>` (before its first effect).
 */
const events = {
  "create-requested": true,
  "delete-requested": true,
  "failover-requested": true,
  "rotation-requested": true,
  "upgrade-set": true,
  subscribed: true,
  disconnected: true,
  "offers-received": true,
  "offer-rescinded": true,
  "accept-failed": true,
  "task-updated": true,
  "reports-received": true,
  "agent-removed": true,
  "commit-finished": true,
  woken: true,
} as const satisfies Record<ControlHappening["type"], true>;

/**
 * Every effect: `before:<effect>` (it is not begun) and `after:<effect>` (its outcome is known to this program and to
 * nobody else in it).
 */
const effects = {
  "commit-document": true,
  reply: true,
  "accept-offers": true,
  "decline-offers": true,
  "revive-offers": true,
  "suppress-offers": true,
  acknowledge: true,
  "kill-task": true,
  "reconcile-tasks": true,
  "send-goals": true,
  "view-changed": true,
  stop: true,
} as const satisfies Record<Effect["type"], true>;

/**
 * The names of all instants. `campaign`: around the winning of the leadership; `after:load`: everything was read, nothing
 * decided. `framework`: around the storing of the framework's id.
 */
export const crashPointNames: readonly string[] = [
  ...Object.keys(events).flatMap((event) => [`received:${event}`, `decided:${event}`]),
  ...Object.keys(effects).flatMap((effect) => [`before:${effect}`, `after:${effect}`]),
  "before:campaign",
  "after:campaign",
  "after:load",
  "before:framework",
  "after:framework",
];

/** Highest occurrence that can be asked for. */
const occurrenceMax = 100_000;

/** What a crash point needs of its program. */
export interface CrashHost {
  /** Ends the program as kill -9 does. */
  die(): void;
  /** Calls back at each SIGUSR2. */
  onSignal(arm: () => void): void;
  /** Reads the file and removes it, which tells the test that the instant is chosen. */
  takeFile(path: string): string;
}

/**
 * Reads `MRR_CRASH_AT=<name>` or `<name>#<n>` (the n-th time, from 1). Throws `config-invalid` when it is set without
 * `MRR_TEST=1`, or names no instant: a production program must never end like this by a stray variable.
 * `MRR_CRASH_AT=@<file>`: the same text is taken from the file at each SIGUSR2, and counted from then on.
 */
export function parseCrashPoint(
  environment: Readonly<Record<string, string | undefined>>,
  host: CrashHost,
): CrashPoint {
  const wanted = environment.MRR_CRASH_AT ?? "";
  if (wanted === "") return noCrash;
  if (environment.MRR_TEST !== "1") {
    throw new MrrError("config-invalid", "MRR_CRASH_AT is for tests only: it needs MRR_TEST=1");
  }
  if (!wanted.startsWith("@")) return chosenPoint(wanted, host);
  let armed = noCrash;
  host.onSignal(() => {
    armed = chosenPoint(host.takeFile(wanted.slice(1)).trim(), host);
  });
  return (reached) => armed(reached);
}

function chosenPoint(wanted: string, host: CrashHost): CrashPoint {
  const [name = "", occurrence = "1"] = wanted.split("#");
  const at = /^\d{1,6}$/.test(occurrence) ? Number(occurrence) : 0;
  if (!crashPointNames.includes(name) || at < 1 || at > occurrenceMax) {
    throw new MrrError(
      "config-invalid",
      `MRR_CRASH_AT: there is no ${wanted}; there are ${crashPointNames.join(", ")}`,
    );
  }
  let left = at;
  return (reached) => {
    if (reached !== name) return;
    left -= 1;
    if (left === 0) host.die();
  };
}
