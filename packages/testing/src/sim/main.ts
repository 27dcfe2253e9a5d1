/**
 * Owns the command line of the simulator: which runs are wanted, and what is printed of them.
 * Not: the runs (campaign.ts), nor how this is built and started (tools/sim.mjs).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Hunt, hunt, runCorpus, runSeeds, type Tally } from "./campaign.js";
import { mutants } from "./mutants.js";
import { type RunOutcome, realRules, run } from "./run.js";
import { scriptNames } from "./scripts.js";

/** What the program needs of its surroundings. */
export interface SimIo {
  readonly say: (line: string) => void;
  /** Seeds that failed once. */
  readonly corpus: readonly number[];
  /** Keeps a seed that failed, with a line about it. */
  readonly keep: (seed: number, text: string) => void;
  /** For a first seed that nobody named. */
  readonly drawSeed: () => number;
}

export const usage = `npm run sim                       60 s of fresh seeds
npm run sim -- --seconds S        so many seconds of fresh seeds
npm run sim -- --from N --runs R  R seeds from N on
npm run sim -- --seed N           one seed; --trace prints all that happens, --mutant NAME breaks a rule,
                                  --script NAME plays another story
npm run sim -- --corpus           the seeds that failed once
npm run sim -- --mutants          every broken rule must be noticed
npm run sim -- --ci               fresh seeds, corpus and mutants: what CI runs`;

interface Arguments {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
}

const valued = new Set(["--seed", "--seconds", "--from", "--runs", "--mutant", "--script"]);
const plain = new Set(["--trace", "--corpus", "--mutants", "--ci", "--help"]);

function parse(argv: readonly string[]): Arguments | string {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    if (plain.has(word)) flags.add(word);
    else if (valued.has(word)) {
      index += 1;
      const value = argv[index];
      if (value === undefined) return `${word} needs a value`;
      if (word !== "--mutant" && word !== "--script" && !/^\d+$/.test(value))
        return `${word} needs a number`;
      values.set(word, value);
    } else return `unknown: ${word}`;
  }
  return { flags, values };
}

const numberOf = ({ values }: Arguments, name: string): number | null => {
  const value = values.get(name);
  return value === undefined ? null : Number(value);
};

/** Runs what `argv` asks for; the exit code. */
export function main(argv: readonly string[], io: SimIo): number {
  const asked = parse(argv);
  if (typeof asked === "string" || asked.flags.has("--help")) {
    io.say(typeof asked === "string" ? `${asked}\n${usage}` : usage);
    return typeof asked === "string" ? 2 : 0;
  }
  const seed = numberOf(asked, "--seed");
  if (seed !== null) return runOne(seed, asked, io);
  const { flags } = asked;
  const isCi = flags.has("--ci");
  let ok = true;
  if (isCi || flags.has("--corpus")) ok = runKept(io) && ok;
  if (isCi || flags.has("--mutants") || asked.values.has("--mutant"))
    ok = runHunts(asked, io) && ok;
  const isFresh =
    isCi || !(flags.has("--corpus") || flags.has("--mutants") || asked.values.has("--mutant"));
  if (isFresh) ok = runFresh(asked, io) && ok;
  return ok ? 0 : 1;
}

function runKept(io: SimIo): boolean {
  const tally = runCorpus(io.corpus);
  for (const failure of tally.failures) sayFailure(failure, io.say);
  return tell("corpus", tally, io);
}

/** Seconds of fresh seeds where nobody says how many. */
const secondsDefault = 60;

function runFresh(asked: Arguments, io: SimIo): boolean {
  const first = numberOf(asked, "--from") ?? io.drawSeed();
  const runsMax = numberOf(asked, "--runs") ?? Number.POSITIVE_INFINITY;
  const isTimed = asked.values.has("--seconds") || runsMax === Number.POSITIVE_INFINITY;
  const limitMs = isTimed
    ? (numberOf(asked, "--seconds") ?? secondsDefault) * 1_000
    : Number.POSITIVE_INFINITY;
  io.say(`seeds from ${first} on`);
  const isOver = (runs: number, elapsedMs: number) => runs >= runsMax || elapsedMs >= limitMs;
  const tally = runSeeds(first, isOver, (outcome) => {
    sayFailure(outcome, io.say);
    const { seed, violation } = outcome;
    if (violation !== null) io.keep(seed, `${violation.rule}: ${firstLine(violation.text)}`);
  });
  return tell("fresh", tally, io);
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";

function tell(name: string, tally: Tally, { say }: SimIo): boolean {
  const minutes = tally.coreMs / 60_000;
  const rate = minutes === 0 ? 0 : Math.round(tally.failovers / minutes);
  say(
    [
      `${name}: ${tally.runs} runs, ${tally.failures.length} failed`,
      `${tally.failovers} failovers (${rate} a minute of one core)`,
      `${tally.reigns} reigns of schedulers`,
      `${tally.steps} looks at who writes`,
      `${Math.round(tally.virtualMs / 1_000)} s of virtual time in ${(tally.wallMs / 1_000).toFixed(1)} s`,
      `healed within ${(tally.healMsMax / 1_000).toFixed(1)} s`,
    ].join(", "),
  );
  return tally.failures.length === 0;
}

function sayFailure({ seed, violation }: RunOutcome, say: (line: string) => void): void {
  if (violation === null) return;
  say(`seed ${seed} at ${violation.atMs.toFixed(1)} ms: ${violation.rule}: ${violation.text}`);
  say(`  again: npm run sim -- --seed ${seed} --trace`);
}

function runOne(seed: number, asked: Arguments, io: SimIo): number {
  const name = asked.values.get("--mutant");
  const mutant = mutants.find((each) => each.name === name);
  if (name !== undefined && mutant === undefined) {
    io.say(`unknown mutant ${name}; there are ${mutants.map((each) => each.name).join(", ")}`);
    return 2;
  }
  const trace = asked.flags.has("--trace")
    ? (atMs: number, text: string) => io.say(`${atMs.toFixed(3).padStart(12)} ${text}`)
    : null;
  const script = asked.values.get("--script");
  const wanted = scriptNames.find((each) => each === script);
  if (script !== undefined && wanted === undefined) {
    io.say(`unknown script ${script}; there are ${scriptNames.join(", ")}`);
    return 2;
  }
  const change = {
    ...(wanted === undefined ? {} : { scripts: [wanted] }),
    ...(mutant === undefined ? {} : { rotateEveryMs: null }),
  };
  const outcome = run(seed, mutant?.rules(realRules) ?? realRules, trace, change);
  io.say(`seed ${seed}: ${JSON.stringify(outcome.options)}`);
  const { failovers, reigns, steps, virtualMs, healMs } = outcome;
  io.say(JSON.stringify({ failovers, reigns, steps, virtualMs, healMs }));
  sayFailure(outcome, io.say);
  return outcome.violation === null ? 0 : 1;
}

function runHunts(asked: Arguments, io: SimIo): boolean {
  const name = asked.values.get("--mutant");
  const wanted = mutants.filter((each) => name === undefined || each.name === name);
  const hunts = wanted.map((mutant) => {
    const result = hunt(
      mutant,
      numberOf(asked, "--from") ?? 1,
      numberOf(asked, "--runs") ?? mutant.seedsMax,
    );
    sayHunt(result, io.say);
    return result;
  });
  const missed = hunts.filter(({ found }) => found === null).length;
  io.say(
    `mutants: ${hunts.length} broken rules, ${hunts.length - missed} noticed, ${missed} missed`,
  );
  return missed === 0 && hunts.length > 0;
}

function sayHunt({ mutant, found, runs }: Hunt, say: (line: string) => void): void {
  const what =
    found?.violation == null
      ? `NOT NOTICED within ${runs} seeds`
      : `seed ${found.seed}, run ${runs} of ${mutant.seedsMax}: ${found.violation.rule}: ${firstLine(found.violation.text)}`;
  say(`  ${mutant.name.padEnd(26)} ${what}`);
}
