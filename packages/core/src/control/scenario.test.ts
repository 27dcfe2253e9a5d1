/**
 * Owns random stories for the decision core: whatever happens in whatever order, the nevers hold, and when everything
 * works again each instance becomes as it was asked for.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Scenario, type Step, stories } from "./scenario.test-support.js";

/** How long stories are told: `MRR_STORIES_MS` for more. A failure prints its seed; `MRR_STORIES_SEED` repeats it. */
const environment = (globalThis as { process?: { env: Record<string, string | undefined> } })
  .process?.env;
const storiesMs = Number(environment?.MRR_STORIES_MS ?? 4_000);
const seed = environment?.MRR_STORIES_SEED;

function tell(story: readonly Step[]): void {
  const scenario = new Scenario();
  for (const step of story) scenario.step(step);
  scenario.heal();
  expect(scenario.problems()).toEqual([]);
  expect(scenario.restless()).toEqual([]);
}

test(
  "whatever happens, it holds and heals",
  () => {
    fc.assert(fc.property(stories, tell), {
      numRuns: 1_000_000,
      interruptAfterTimeLimit: storiesMs,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    });
  },
  storiesMs + 120_000,
);
