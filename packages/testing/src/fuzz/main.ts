/**
 * Owns a whole run of the fuzzer: the kept inputs first, then fresh ones of all targets in turn, and what is printed.
 * Not: how this is bundled, watched and ended (tools/fuzz.mjs). Called by the worker that tools/fuzz.mjs makes.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Announce, Campaign, type Finding } from "./campaign.js";
import type { FuzzTarget } from "./target.js";

/** What is asked for. */
export interface FuzzWish {
  /** The same seed gives the same inputs. */
  readonly seed: number;
  /** Time for fresh inputs of all targets together. */
  readonly seconds: number;
  /** Most fresh inputs of each target; null: as many as there is time for. */
  readonly runs: number | null;
  /** Targets whose name begins so; "" for all. */
  readonly only: string;
}

/** What a run needs of its surroundings. */
export interface FuzzIo {
  readonly say: (line: string) => void;
  readonly announce: Announce;
  /** Inputs of a target that failed once. */
  readonly corpus: (target: string) => readonly Uint8Array[];
  readonly keep: (finding: Finding) => void;
}

/** How the run ended. */
export interface FuzzResult {
  readonly targets: number;
  readonly failed: readonly string[];
}

/** One turn of a target: long against the change of turns, short against the whole. */
const turnMs = 50;

/** Defects that are told of one target; then it is left alone. */
const findingsMax = 3;

/** Runs everything. A target that fails is told with its input, and kept. */
export function main(targets: readonly FuzzTarget[], wish: FuzzWish, io: FuzzIo): FuzzResult {
  const wanted = targets.filter(({ name }) => name.startsWith(wish.only));
  const findings = new Map<string, Finding[]>();
  const note = (finding: Finding): void => {
    const known = findings.get(finding.target) ?? [];
    findings.set(finding.target, [...known, finding]);
    if (known.some(({ what }) => what === finding.what)) return;
    const text = Buffer.from(finding.input).toString("latin1").slice(0, 300);
    io.say(`${finding.target}: ${finding.what}`);
    io.say(`  input of ${finding.input.length} bytes: ${JSON.stringify(text)}`);
    io.keep(finding);
  };
  const count = (name: string): number => findings.get(name)?.length ?? 0;

  const campaigns = wanted.map((target) => new Campaign(target, wish.seed, io.announce));
  let kept = 0;
  for (const campaign of campaigns) {
    const { name, seeds } = campaign.target;
    const corpus = io.corpus(name);
    kept += corpus.length;
    for (const input of [...seeds.map((seed) => Buffer.from(seed)), ...corpus]) {
      const finding = campaign.take(input);
      if (finding !== null) note(finding);
    }
  }

  const startMs = performance.now();
  const isOver = (): boolean => performance.now() - startMs >= wish.seconds * 1_000;
  let open = campaigns;
  while (open.length > 0 && !isOver()) {
    for (const campaign of open) turn(campaign, wish.runs, isOver, note, count);
    open = open.filter(
      ({ runs, target }) =>
        (wish.runs === null || runs < wish.runs) && count(target.name) < findingsMax,
    );
  }
  const spentSeconds = (performance.now() - startMs) / 1_000;
  for (const { target, runs, kinds } of campaigns) {
    const failures = count(target.name);
    const ending = failures === 0 ? "" : `, ${failures} FAILED`;
    io.say(
      `  ${target.name.padEnd(34)} ${String(runs).padStart(8)} inputs, ${kinds.size} kinds of outcomes${ending}`,
    );
  }
  const runs = campaigns.reduce((sum, each) => sum + each.runs, 0);
  const failed = [...findings.keys()];
  io.say(
    `fuzz: seed ${wish.seed}, ${campaigns.length} parsers, ${runs} inputs in ${spentSeconds.toFixed(1)} s, ` +
      `${kept} kept ones among them, ${failed.length} parsers failed`,
  );
  return { targets: campaigns.length, failed };
}

function turn(
  campaign: Campaign,
  runsMax: number | null,
  isOver: () => boolean,
  note: (finding: Finding) => void,
  count: (name: string) => number,
): void {
  const endMs = performance.now() + turnMs;
  const { name } = campaign.target;
  do {
    if (runsMax !== null && campaign.runs >= runsMax) return;
    const finding = campaign.next();
    if (finding !== null) note(finding);
  } while (performance.now() < endMs && !isOver() && count(name) < findingsMax);
}
