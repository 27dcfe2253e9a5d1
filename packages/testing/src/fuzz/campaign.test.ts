/**
 * Tests of the fuzzer: planted defects are found, made small and told; the same seed gives the same inputs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { expect, test } from "vitest";
import { createRandom } from "../random.js";
import { Campaign, type Finding } from "./campaign.js";
import { main } from "./main.js";
import { mutate } from "./mutate.js";
import {
  BrokenPromise,
  type FuzzTarget,
  inputBytesMax,
  judge,
  runMsMax,
  textOf,
} from "./target.js";

const target = (run: (text: string) => unknown, seeds = ['{"a":"b","c":[1,2]}']): FuzzTarget => ({
  name: "testing/planted",
  kind: "json",
  seeds,
  run: (input) => run(textOf(input)),
});

/** Runs up to `runs` inputs; the first finding. */
function hunt(planted: FuzzTarget, runs = 5_000, seed = 1): Finding | null {
  const campaign = new Campaign(planted, seed, () => {});
  while (campaign.runs < runs) {
    const finding = campaign.next();
    if (finding !== null) return finding;
  }
  return null;
}

test("an exception is found, and its input made small", () => {
  const finding = hunt(
    target((text) => {
      if (text.includes("]]")) throw new TypeError("planted");
      return { ok: true };
    }),
  );
  expect([finding?.what, Buffer.from(finding?.input ?? []).toString()]).toEqual([
    "throws TypeError: planted",
    "]]",
  ]);
});

test("a parser that refuses in words, or with an MrrError, is right", () => {
  const problems = [{ path: "a", rule: "must be b" }];
  expect(
    hunt(
      target(() => ({ ok: false, problems })),
      200,
    ),
  ).toBeNull();
  const refuse = () => {
    throw new MrrError("invalid-request", "no");
  };
  expect(hunt(target(refuse), 200)).toBeNull();
});

test("what an answer must not be", () => {
  const judged = (value: unknown) =>
    judge(
      target(() => value),
      new Uint8Array(),
    );
  const many = Array.from({ length: 4_000 }, () => ({ path: "a", rule: "must be another one" }));
  expect([
    judged({ ok: false, problems: [] }),
    judged({ ok: false, problems: [{ path: "a", rule: "" }] }),
    judged({ ok: false, problems: [{ rule: "b" }] }),
    judged({ ok: false, problems: many }),
  ]).toEqual([
    { wrong: "refused without a problem" },
    { wrong: "a problem without a rule" },
    { wrong: "a problem without path or rule" },
    { wrong: "problems of 80000 characters" },
  ]);
  const broken = target(() => {
    throw new BrokenPromise("another value");
  });
  expect(judge(broken, new Uint8Array())).toEqual({ wrong: "another value" });
});

test("an input that takes long, every time, is found", () => {
  const spin = (): null => {
    const endMs = performance.now() + runMsMax + 50;
    while (performance.now() < endMs);
    return null;
  };
  const campaign = new Campaign(target(spin), 1, () => {});
  expect(campaign.next()?.what).toBe("takes more than 500 ms");
}, 60_000);

test("inputs of a seed are always the same ones, within the limit, and differ", () => {
  const inputs = (seed: number): string[] => {
    const seen: string[] = [];
    const campaign = new Campaign(
      target(() => null),
      seed,
      (_, input) => {
        expect(input.length).toBeLessThanOrEqual(inputBytesMax);
        seen.push(textOf(input));
      },
    );
    for (let run = 0; run < 300; run += 1) campaign.next();
    return seen;
  };
  expect(inputs(7)).toEqual(inputs(7));
  expect(inputs(7)).not.toEqual(inputs(8));
  // Some are damaged in ways that come to the same.
  expect(new Set(inputs(7)).size).toBeGreaterThan(200);
});

test("a run tells what failed, keeps it, and runs what was kept", () => {
  const good: FuzzTarget = { ...target(() => null), name: "testing/good" };
  const bad = target((text) => {
    if (text === "kept") throw new Error("planted");
    return null;
  });
  const said: string[] = [];
  const kept: Finding[] = [];
  const result = main(
    [good, bad],
    { seed: 1, seconds: 600, runs: 50, only: "" },
    {
      say: (line) => said.push(line),
      announce: () => {},
      corpus: (name) => (name === "testing/planted" ? [Buffer.from("kept")] : []),
      keep: (finding) => kept.push(finding),
    },
  );
  expect(result).toEqual({ targets: 2, failed: ["testing/planted"] });
  expect(kept.map(({ what }) => what)).toEqual(["throws Error: planted"]);
  expect(said[0]).toBe("testing/planted: throws Error: planted");
  expect(said.at(-1)).toMatch(/^fuzz: seed 1, 2 parsers, \d+ inputs in .* 1 parsers failed$/);
});

test("no key of a list makes a list that never ends", () => {
  const random = createRandom(1);
  const list = Buffer.from(JSON.stringify(Array(20).fill(0)));
  const holes = "null,".repeat(4_000);
  for (let run = 0; run < 2_000; run += 1) {
    const damaged = Buffer.from(mutate("json", list, list, random)).toString();
    if (damaged.includes(holes)) expect(`run ${run}`).toBe("no list of holes");
  }
});
