/**
 * Owns durations as Mesos writes them: `5secs`, `1.5mins`. Called by agent/ and container/.
 * Source of the rule: Apache Mesos, stout duration.hpp: the largest unit in which the number is at least one.
 * SPDX-License-Identifier: Apache-2.0
 */
const units = [
  ["weeks", 604_800_000],
  ["days", 86_400_000],
  ["hrs", 3_600_000],
  ["mins", 60_000],
  ["secs", 1_000],
  ["ms", 1],
] as const;

/** `1500` becomes `1.5secs`; `0` becomes `0ns`. Whole microseconds are kept, smaller parts are not. */
export function durationText(durationMs: number): string {
  if (durationMs === 0) return "0ns";
  for (const [unit, unitMs] of units) {
    if (durationMs >= unitMs) return `${trimmed(durationMs / unitMs)}${unit}`;
  }
  return `${trimmed(durationMs * 1000)}us`;
}

const trimmed = (value: number): string => String(Number(value.toFixed(9)));
