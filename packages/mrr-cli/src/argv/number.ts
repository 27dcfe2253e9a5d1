/**
 * Owns reading whole numbers and ranges from the command line. Pure.
 * Not: which numbers a command allows. Called by program.ts and up/options.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";

/** A whole decimal number between `min` and `max`, both allowed. `path` names the option in the problem. */
export function parseWhole(
  path: string,
  text: string,
  bounds: { readonly min: number; readonly max: number },
): Parsed<number> {
  const value = Number(text);
  const isWhole = /^[+-]?\d{1,15}$/.test(text);
  if (isWhole && value >= bounds.min && value <= bounds.max) return parsed(value);
  const limits =
    bounds.min === Number.MIN_SAFE_INTEGER
      ? "without a unit"
      : `from ${bounds.min} to ${bounds.max}`;
  return refused(path, `must be a whole number ${limits}, and is "${text}"`);
}

/** Any whole number that fits: for values that are clamped or judged elsewhere. */
export const anyWhole = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER } as const;

/** Inclusive range of ports, written FIRST-LAST. */
export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

/** `6380-6979`, or one port. */
export function parsePortSpan(path: string, text: string): Parsed<PortSpan> {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && first >= 1 && last >= first && last <= 65_535) {
    return parsed({ first, last });
  }
  return refused(path, `must be FIRST-LAST with ports from 1 to 65535, and is "${text}"`);
}
