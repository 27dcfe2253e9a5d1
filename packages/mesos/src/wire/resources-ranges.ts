/**
 * Owns the arithmetic of Mesos ranges (ports): sorted, disjoint, inclusive intervals of whole numbers.
 * Not: resources as a whole (resources.ts). Called by resources.ts, the placement glue and the embedded master.
 * Nothing here counts through a range: an operator may offer [1024-65535].
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ValueRange } from "./types.js";

/** Sorted and merged; touching ranges become one. Ranges with `begin > end` are empty and vanish. */
export function normalizeRanges(ranges: readonly ValueRange[]): readonly ValueRange[] {
  const sorted = ranges.filter((range) => range.begin <= range.end);
  sorted.sort((a, b) => a.begin - b.begin);
  const merged: ValueRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range.begin <= last.end + 1) {
      merged[merged.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
    } else {
      merged.push({ begin: range.begin, end: range.end });
    }
  }
  return merged;
}

/** Everything that is in `a` or in `b`. */
export const addRanges = (
  a: readonly ValueRange[],
  b: readonly ValueRange[],
): readonly ValueRange[] => normalizeRanges([...a, ...b]);

/** What is in `a` and not in `b`; a range of `a` can split. `b` need not be contained in `a`. */
export function subtractRanges(
  a: readonly ValueRange[],
  b: readonly ValueRange[],
): readonly ValueRange[] {
  const cuts = normalizeRanges(b);
  const rest: ValueRange[] = [];
  for (const range of normalizeRanges(a)) {
    let begin = range.begin;
    for (const cut of cuts) {
      if (cut.end < begin) continue;
      if (cut.begin > range.end) break;
      if (cut.begin > begin) rest.push({ begin, end: cut.begin - 1 });
      begin = cut.end + 1;
    }
    if (begin <= range.end) rest.push({ begin, end: range.end });
  }
  return rest;
}

/** What is in both. */
export const intersectRanges = (
  a: readonly ValueRange[],
  b: readonly ValueRange[],
): readonly ValueRange[] => subtractRanges(a, subtractRanges(a, b));

/** True when everything in `b` is in `a`. */
export const containsRanges = (a: readonly ValueRange[], b: readonly ValueRange[]): boolean =>
  subtractRanges(b, a).length === 0;

/** True when the ranges name the same numbers. */
export function equalRanges(a: readonly ValueRange[], b: readonly ValueRange[]): boolean {
  const left = normalizeRanges(a);
  const right = normalizeRanges(b);
  return (
    left.length === right.length &&
    left.every((range, index) => {
      const other = right[index];
      return other !== undefined && range.begin === other.begin && range.end === other.end;
    })
  );
}

/** How many numbers the ranges hold. */
export const countRanges = (ranges: readonly ValueRange[]): number =>
  normalizeRanges(ranges).reduce((sum, range) => sum + range.end - range.begin + 1, 0);

/** True when the ranges of one resource overlap each other, which makes it invalid (touching is allowed). */
export function overlapsItself(ranges: readonly ValueRange[]): boolean {
  const sorted = [...ranges].sort((a, b) => a.begin - b.begin);
  return sorted.some((range, index) => {
    const next = sorted[index + 1];
    return next !== undefined && next.begin <= range.end;
  });
}

/**
 * `count` numbers out of the ranges: the lowest, or drawn with `random` (uniform in [0, 1)), which avoids the
 * immediate reuse of a port in TIME_WAIT. Undefined when fewer are there. Ascending unless drawn.
 */
export function takeFromRanges(
  ranges: readonly ValueRange[],
  count: number,
  random?: () => number,
): readonly number[] | undefined {
  const taken: number[] = [];
  let left = normalizeRanges(ranges);
  let leftCount = countRanges(left);
  if (leftCount < count) return undefined;
  while (taken.length < count) {
    const index =
      random === undefined ? 0 : Math.min(leftCount - 1, Math.floor(random() * leftCount));
    const value = valueAt(left, index);
    taken.push(value);
    left = subtractRanges(left, [{ begin: value, end: value }]);
    leftCount -= 1;
  }
  return taken;
}

/** The number at `index` (0-based) when the normalized ranges are counted through. */
function valueAt(ranges: readonly ValueRange[], index: number): number {
  let rest = index;
  for (const range of ranges) {
    const size = range.end - range.begin + 1;
    if (rest < size) return range.begin + rest;
    rest -= size;
  }
  throw new RangeError(`index ${index} is outside the ranges`);
}

/** The numbers as ranges: `[31001, 31002, 31005]` becomes `[31001-31002], [31005-31005]`. */
export const rangesOf = (values: readonly number[]): readonly ValueRange[] =>
  normalizeRanges(values.map((value) => ({ begin: value, end: value })));
