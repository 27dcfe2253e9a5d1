/**
 * Owns what `/readyz` says: whether this proxy knows where to lead its clients, and from whom. Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FollowStatus } from "./follow/follower.js";

/** What it is made of. */
export interface ReadinessFacts {
  /** null: no scheduler is followed. */
  readonly follow: FollowStatus | null;
  /** When the state file was written that was read at the start; null: there was none. */
  readonly savedAtMs: number | null;
  readonly instances: number;
  readonly problems: number;
  readonly entries: number;
  readonly plane: string;
  readonly nowMs: number;
}

/** Body and meaning of `/readyz`: ready unless a scheduler is followed and nothing was ever known of it. */
export interface Readiness {
  readonly isReady: boolean;
  readonly facts: ReadinessFacts;
  readonly body: Readonly<Record<string, unknown>>;
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** See {@link Readiness}. `topology` is one of: following, polling, last-known, none, static. */
export function readinessOf(facts: ReadinessFacts): Readiness {
  const { follow, savedAtMs, instances, problems, entries, plane } = facts;
  const isKnown = follow === null || follow.isComplete || savedAtMs !== null;
  const away = isKnown ? "last-known" : "none";
  const topology = follow === null ? "static" : follow.state === "away" ? away : follow.state;
  // A stream that has begun and is not whole yet says nothing of those that it did not name so far.
  const isReady = isKnown;
  const known = follow === null ? null : (follow.heardAtMs ?? savedAtMs);
  const body = {
    ready: isReady,
    topology,
    scheduler: follow?.scheduler ?? null,
    since: iso(follow?.sinceMs ?? null),
    lastKnownAt: iso(known),
    instances,
    instancesWithProblems: problems,
    entries,
    plane,
  };
  return { isReady, facts, body };
}
