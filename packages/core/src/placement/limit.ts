/**
 * Owns the rules that do not look at resources: how many processes of one instance an agent may hold, and
 * whether a part of an instance is of use. Not: resources (fit.ts). Called by match.ts and explain.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { countByAgent } from "./fit.js";
import type { KnownAgent, Wanted } from "./types.js";

/** True when a part of the instance would be of no use: it was never up, and nothing of it runs. */
export const isAllOrNothing = (wanted: Wanted): boolean =>
  wanted.document.processes.length === 0 && !wanted.document.wasRunning;

/** Most processes of one instance on one agent in this call, and where the limit comes from. */
export interface PlacementLimit {
  readonly kind: "none" | "distribution" | "spread";
  /** Infinity for "none". */
  readonly count: number;
}

/**
 * The limit for `wanted`. `silent`: known agents that are not offered now; the spread limit lets no offered agent
 * rise above the emptiest of them by more than one.
 */
export function placementLimit(
  wanted: Wanted,
  silent: readonly KnownAgent[],
  avoided: ReadonlySet<string>,
): PlacementLimit {
  const { distribution } = wanted.document.spec;
  if (distribution !== null) return { kind: "distribution", count: distribution };
  if (wanted.waitForSpread !== true) return { kind: "none", count: Number.POSITIVE_INFINITY };
  const held = countByAgent(wanted.document.processes);
  const lowest = silent
    .filter((agent) => !avoided.has(agent.agentId))
    .reduce((least, agent) => Math.min(least, held.get(agent.agentId) ?? 0), Infinity);
  return lowest === Infinity
    ? { kind: "none", count: Infinity }
    : { kind: "spread", count: lowest + 1 };
}
