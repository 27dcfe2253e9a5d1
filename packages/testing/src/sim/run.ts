/**
 * Owns one run of the simulator: from a seed to a verdict, the same for the same seed.
 * Not: how many runs and which (campaign.ts). SPDX-License-Identifier: Apache-2.0
 */
import { fencingRules, superviseRules } from "@mr-redis/core";
import { createRandom } from "../random.js";
import { heal } from "./liveness.js";
import { drawOptions, type SimOptions } from "./options.js";
import { playScript } from "./scripts.js";
import { drawWeights, Story } from "./story.js";
import { type SafetyRule, Violation } from "./violation.js";
import { type SimRules, type Trace, World } from "./world.js";

/** The rules as they are. */
export const realRules: SimRules = {
  fencing: fencingRules,
  supervise: superviseRules,
  openDoors: false,
};

/** What came of one run. */
export interface RunOutcome {
  readonly seed: number;
  readonly violation: {
    readonly rule: SafetyRule;
    readonly text: string;
    readonly atMs: number;
  } | null;
  readonly failovers: number;
  readonly reigns: number;
  readonly steps: number;
  readonly virtualMs: number;
  readonly healMs: number;
  readonly options: SimOptions;
}

/** Time for the instances to come up before anything goes wrong. */
const settleMs = 4_000;

/** Runs one seed; `change` makes another story of it, for looking around. */
export function run(
  seed: number,
  rules: SimRules = realRules,
  trace: Trace = null,
  change: Partial<SimOptions> = {},
): RunOutcome {
  const random = createRandom(seed);
  const options = { ...drawOptions(random.fork("options")), ...change };
  const world = new World(options, random.fork("world"), rules, trace);
  let violation: RunOutcome["violation"] = null;
  let healMs = 0;
  try {
    play(world, seed);
    healMs = heal(world);
  } catch (error) {
    const isViolation = error instanceof Violation;
    const text =
      error instanceof Error ? (isViolation ? error.message : (error.stack ?? "")) : String(error);
    const rule = isViolation ? error.rule : "crash";
    violation = { rule, text, atMs: world.clock.monotonicMs() };
  }
  return {
    seed,
    violation,
    failovers: world.checks.promotions,
    reigns: world.reigns,
    steps: world.checks.steps,
    virtualMs: world.clock.monotonicMs(),
    healMs,
    options,
  };
}

function play(world: World, seed: number): void {
  const { clock, options } = world;
  const random = createRandom(seed).fork("story");
  const wanted = options.instances.map((spec, index) => ({ name: `i${index}`, spec }));
  while (wanted.length > 0) {
    clock.advanceBy(100);
    const next = wanted[0];
    if (next !== undefined && world.request("create", next.name, next.spec)) wanted.shift();
  }
  clock.advanceBy(settleMs * random.next());
  const story = new Story(world, random, drawWeights(random));
  if (options.scripts.length === 0) playFaults(story, random.integer(5, 40));
  for (const name of options.scripts) {
    playScript(story, name);
    if (random.chance(0.3)) playFaults(story, random.integer(1, 5));
    if (random.chance(0.7)) world.network.healAll();
    clock.advanceBy(random.next() * random.pick([20, 1_000, 5_000]));
  }
}

function playFaults(story: Story, count: number): void {
  const pauseMs = story.random.pick([100, 400, 1_000, 3_000]);
  for (let index = 0; index < count; index += 1) {
    story.step();
    story.world.clock.advanceBy(-Math.log(1 - story.random.next()) * pauseMs);
  }
}
