/**
 * Owns how command lines are read: flags with or without `=`, dashes or (as Mesos writes them) underscores, all problems
 * at once; and the help about flags. Not: which flags there are. Called by flags.ts and remote/.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Problem } from "@mr-redis/core";

/** One flag. */
export interface FlagRule<Draft> {
  readonly name: string;
  /** What stands for its value in the help; null when it has none. */
  readonly value: string | null;
  readonly help: string;
  /** Puts the value into the options, or says what is allowed. */
  readonly read: (text: string, into: Draft) => string | undefined;
}

/** What the arguments ask for. */
export type ReadFlags =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | { readonly type: "flags"; readonly problems: readonly Problem[] };

/** Reads the arguments into `draft`; a flag's value may follow after `=` or as the next argument. */
export function readFlags<Draft>(
  args: readonly string[],
  rules: readonly FlagRule<Draft>[],
  draft: Draft,
): ReadFlags {
  const problems: Problem[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? "";
    if (arg === "--help" || arg === "-h" || arg === "help") return { type: "help" };
    if (arg === "--version") return { type: "version" };
    const [name, inline] = splitFlag(arg);
    const rule = rules.find((one) => one.name === name);
    if (rule === undefined) {
      problems.push({ path: arg, rule: "is not known; see mrr-local --help" });
      continue;
    }
    if (rule.value === null) {
      rule.read("", draft);
      continue;
    }
    const next = args[index + 1];
    const text = inline ?? next;
    if (inline === undefined) index += 1;
    const problem = text === undefined ? `needs a value: ${rule.value}` : rule.read(text, draft);
    if (problem !== undefined) problems.push({ path: `--${rule.name}`, rule: problem });
  }
  return { type: "flags", problems };
}

function splitFlag(arg: string): [string | null, string | undefined] {
  const match = /^--([a-z_-]+)(?:=(.*))?$/s.exec(arg);
  return match === null ? [null, undefined] : [(match[1] ?? "").replaceAll("_", "-"), match[2]];
}

/** The lines of the help about these flags. */
export const flagsHelp = <Draft>(rules: readonly FlagRule<Draft>[]): string =>
  rules
    .map((rule) => {
      const flag = `--${rule.name}${rule.value === null ? "" : ` ${rule.value}`}`;
      return `  ${flag.padEnd(30)} ${rule.help}`;
    })
    .join("\n");

/** Keys of options that are numbers. */
export type NumberKey<Draft> = {
  [Key in keyof Draft]-?: NonNullable<Draft[Key]> extends number ? Key : never;
}[keyof Draft];

/** Puts a whole number into `key`. */
export const readWhole =
  <Draft>(key: NumberKey<Draft>, minimum: number, maximum: number) =>
  (text: string, into: Draft): string | undefined => {
    const value = Number(text);
    const isValid = /^\d+$/.test(text) && value >= minimum && value <= maximum;
    if (isValid) Object.assign(into as object, { [key]: value });
    return isValid ? undefined : `must be a whole number from ${minimum} to ${maximum}`;
  };

/** The units of durations: our own short ones, and those of Mesos' flags. */
const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  secs: 1000,
  m: 60_000,
  mins: 60_000,
  h: 3_600_000,
  hrs: 3_600_000,
  days: 86_400_000,
  weeks: 604_800_000,
};

const durationMsMax = 7 * 24 * 3_600_000;

/** The duration in milliseconds; null when the text is none. */
function durationMsOf(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text);
  const unit = match?.[2] === "" ? "s" : (match?.[2] ?? "");
  const unitMs = Object.hasOwn(unitsMs, unit) ? unitsMs[unit] : undefined;
  return unitMs === undefined ? null : Number(match?.[1]) * unitMs;
}

/** Puts a duration into `key`, in milliseconds. */
export const readDuration =
  <Draft>(key: NumberKey<Draft>, minimumMs: number, maximumMs: number = durationMsMax) =>
  (text: string, into: Draft): string | undefined => {
    const value = durationMsOf(text);
    const isValid = value !== null && value >= minimumMs && value <= maximumMs;
    if (isValid) Object.assign(into as object, { [key]: value });
    return isValid
      ? undefined
      : `must be a duration such as 500ms, 5s or 1m (a bare number is seconds), from ${minimumMs} ms to ${maximumMs / 1_000} s`;
  };

/** True for an IPv4 address of one machine (0.0.0.0 is none: nobody could be told to go there). */
export const isIpAddress = (text: string): boolean =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text) &&
  text.split(".").every((part) => Number(part) <= 255) &&
  text !== "0.0.0.0";
