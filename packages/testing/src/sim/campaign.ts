/**
 * Owns many runs: seeds in a row, for a time or a number; the corpus of seeds that failed once; the hunt for mutants.
 * Not: one run (run.ts), nor how it is asked for (main.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Mutant, mutants } from "./mutants.js";
import { type RunOutcome, realRules, run } from "./run.js";
import type { SafetyRule } from "./violation.js";

/** What many runs came to. */
export interface Tally {
  runs: number;
  failovers: number;
  reigns: number;
  steps: number;
  virtualMs: number;
  /** Longest time until everything was well again. */
  healMsMax: number;
  wallMs: number;
  /** Time of one core. */
  coreMs: number;
  readonly failures: RunOutcome[];
}

/** Most failing seeds of one campaign: each is a trace to read. */
export const failuresMax = 20;

const emptyTally = (): Tally => ({
  runs: 0,
  failovers: 0,
  reigns: 0,
  steps: 0,
  virtualMs: 0,
  healMsMax: 0,
  wallMs: 0,
  coreMs: 0,
  failures: [],
});

function add(tally: Tally, outcome: RunOutcome): void {
  tally.runs += 1;
  tally.failovers += outcome.failovers;
  tally.reigns += outcome.reigns;
  tally.steps += outcome.steps;
  tally.virtualMs += outcome.virtualMs;
  tally.healMsMax = Math.max(tally.healMsMax, outcome.healMs);
  if (outcome.violation !== null) tally.failures.push(outcome);
}

/** Runs seeds from `first` on until `isOver`, or until too many have failed. */
export function runSeeds(
  first: number,
  isOver: (runs: number, elapsedMs: number) => boolean,
  failed: (outcome: RunOutcome) => void,
): Tally {
  const tally = emptyTally();
  const sinceMs = performance.now();
  const before = process.cpuUsage();
  for (let seed = first; !isOver(tally.runs, performance.now() - sinceMs); seed += 1) {
    const outcome = run(seed);
    add(tally, outcome);
    if (outcome.violation !== null) failed(outcome);
    if (tally.failures.length >= failuresMax) break;
  }
  tally.wallMs = performance.now() - sinceMs;
  const { user, system } = process.cpuUsage(before);
  tally.coreMs = (user + system) / 1_000;
  return tally;
}

/** Runs exactly these. */
export function runCorpus(seeds: readonly number[]): Tally {
  const tally = emptyTally();
  const sinceMs = performance.now();
  const before = process.cpuUsage();
  for (const seed of seeds) add(tally, run(seed));
  tally.wallMs = performance.now() - sinceMs;
  const { user, system } = process.cpuUsage(before);
  tally.coreMs = (user + system) / 1_000;
  return tally;
}

/** How a mutant was found, or that it was not. */
export interface Hunt {
  readonly mutant: Mutant;
  /** The first run that breaks a rule of safety with it; null: none of {@link Mutant.seedsMax}. */
  readonly found: RunOutcome | null;
  readonly runs: number;
}

/**
 * Runs a broken rule until it is noticed: a rule of safety breaks with it, and does not break without it. A run that
 * only does not come to rest is no notice.
 */
export function hunt(mutant: Mutant, first = 1, runsMax = mutant.seedsMax): Hunt {
  const rules = mutant.rules(realRules);
  // What becomes of passwords would tell of lost goals before the data do.
  const change = {
    rotateEveryMs: null,
    ...mutant.options,
    scripts: [mutant.script, mutant.script],
  };
  for (let index = 0; index < runsMax; index += 1) {
    const outcome = run(first + index, rules, null, change);
    if (outcome.violation === null || !isNotice(mutant, outcome.violation.rule)) continue;
    if (run(first + index, realRules, null, change).violation !== null) continue;
    return { mutant, found: outcome, runs: index + 1 };
  }
  return { mutant, found: null, runs: runsMax };
}

const isNotice = ({ breaks }: Mutant, rule: SafetyRule): boolean =>
  breaks === undefined ? rule !== "liveness" && rule !== "crash" : breaks.includes(rule);

/** Hunts all of them. */
export const huntAll = (first = 1): Hunt[] => mutants.map((mutant) => hunt(mutant, first));
