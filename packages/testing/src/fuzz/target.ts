/**
 * Owns what a fuzz target is, and what any answer of a parser must be like: a value, or problems that help and are short.
 * Not: which parsers there are (test/fuzz-targets.ts of each package), nor the inputs (mutate.ts). Called by campaign.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";

/** One parser that reads what others send. */
export interface FuzzTarget {
  /** `package/what`, unique. */
  readonly name: string;
  /** json: damaged as a tree, too. text: damaged as lines and words. bytes: as it comes. */
  readonly kind: "json" | "text" | "bytes";
  /** Good inputs, from which all others are made. */
  readonly seeds: readonly (string | Uint8Array)[];
  /**
   * Gives the input to the parser. What it returns is checked by {@link verdict}; what it throws must be an MrrError.
   * May throw {@link BrokenPromise} for more that must hold, like a value that is not the same after a round.
   */
  run(input: Uint8Array): unknown;
}

/** What a package's test/fuzz-targets.ts exports as `fuzzTargets`; `root` is the repository's. */
export type FuzzTargets = (root: string) => readonly FuzzTarget[];

/** Thrown by a target: the parser took the input and made something wrong of it. */
export class BrokenPromise extends Error {}

/** Longest input: what grows faster than its input shows long before. */
export const inputBytesMax = 48 * 1024;

/** Most characters of a list of problems: it goes into logs and answers. */
export const problemsCharactersMax = 64 * 1024;

/** Longest time for one input, whatever it is, as the best of several tries. */
export const runMsMax = 500;

/** The bytes of an input as a target's text. */
export const textOf = (input: Uint8Array): string => Buffer.from(input).toString("utf8");

/** Parses JSON for targets whose parser is given a value; undefined where it is none. */
export function jsonOf(input: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(input));
  } catch {
    return undefined;
  }
}

interface Refusal {
  readonly ok: false;
  readonly problems?: unknown;
  readonly rule?: unknown;
}

const isRefusal = (value: unknown): value is Refusal =>
  typeof value === "object" && value !== null && "ok" in value && value.ok === false;

/** What an outcome is like, for telling new ones from known ones. Digits and quoted parts do not count. */
const kindOf = (text: string): string =>
  text
    .slice(0, 400)
    .replace(/"[^"]*"|'[^']*'|\d+/g, "#")
    .replace(/[^\x20-\x7e]/g, "?");

function problemKinds({ problems, rule }: Refusal): string[] {
  if (typeof rule === "string" && rule !== "") return [kindOf(rule)];
  if (!Array.isArray(problems) || problems.length === 0) {
    throw new BrokenPromise("refused without a problem");
  }
  let characters = 0;
  const kinds: string[] = [];
  for (const problem of problems as readonly { path?: unknown; rule?: unknown }[]) {
    if (typeof problem?.path !== "string" || typeof problem.rule !== "string") {
      throw new BrokenPromise("a problem without path or rule");
    }
    if (problem.rule === "") throw new BrokenPromise("a problem without a rule");
    characters += problem.path.length + problem.rule.length;
    kinds.push(kindOf(problem.rule));
  }
  if (characters > problemsCharactersMax) {
    throw new BrokenPromise(`problems of ${characters} characters`);
  }
  return kinds;
}

/** The kind of an outcome; throws BrokenPromise when it is none that is allowed. */
export function verdict(value: unknown): string {
  if (!isRefusal(value)) return value === null || value === undefined ? "none" : "value";
  return [...new Set(problemKinds(value))].sort().join("|");
}

/** Runs one input; the kind of its outcome, or what is wrong. */
export function judge(
  target: FuzzTarget,
  input: Uint8Array,
): { readonly kind: string } | { readonly wrong: string } {
  try {
    return { kind: verdict(target.run(input)) };
  } catch (error) {
    if (error instanceof MrrError) return { kind: `${error.code} ${kindOf(error.message)}` };
    if (error instanceof BrokenPromise) return { wrong: error.message };
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { wrong: `throws ${text.slice(0, 300)}` };
  }
}
