/**
 * Owns the free ports of one agent during a placement: which are left and which comes next.
 * Not: what else an agent has (fit.ts). Called by fit.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { parkAddress } from "../goal/types.js";
import type { PortRange } from "./types.js";

/** Lowest port given to a process: the one that parked processes follow must stay without a listener. */
export const portMin = parkAddress.port + 1;

/** Highest TCP port. */
export const portMax = 65_535;

/** The ports left on one agent; changed in place while a plan is made. */
export interface PortPool {
  /** Disjoint, ascending. */
  readonly ranges: { begin: number; end: number }[];
  /** How many ports are in `ranges`. */
  left: number;
  /** Where the search for the next one starts; it wraps round. */
  start: number;
}

/** The pool of the offered `offered` ranges (any order, may overlap) without `taken`; `start` default: lowest. */
export function createPortPool(
  offered: readonly PortRange[],
  taken: Iterable<number>,
  start = portMin,
): PortPool {
  const sorted = offered
    .map((range) => ({
      begin: Math.max(range.begin, portMin),
      end: Math.min(range.end, portMax),
    }))
    .filter((range) => range.begin <= range.end)
    .sort((a, b) => a.begin - b.begin);
  const ranges: { begin: number; end: number }[] = [];
  for (const range of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && range.begin <= last.end + 1) last.end = Math.max(last.end, range.end);
    else ranges.push(range);
  }
  const left = ranges.reduce((sum, range) => sum + range.end - range.begin + 1, 0);
  const pool: PortPool = { ranges, left, start };
  for (const port of taken) dropPort(pool, port);
  return pool;
}

/** Removes `port` from the pool; false when it is not there. */
export function dropPort(pool: PortPool, port: number): boolean {
  const index = firstRangeEndingAtOrAfter(pool.ranges, port);
  const range = pool.ranges[index];
  if (range === undefined || range.begin > port) return false;
  const rest = [
    { begin: range.begin, end: port - 1 },
    { begin: port + 1, end: range.end },
  ].filter((part) => part.begin <= part.end);
  pool.ranges.splice(index, 1, ...rest);
  pool.left -= 1;
  return true;
}

/** Puts back a port that {@link dropPort} removed. */
export function returnPort(pool: PortPool, port: number): void {
  const index = firstRangeEndingAtOrAfter(pool.ranges, port);
  pool.ranges.splice(index, 0, { begin: port, end: port });
  pool.left += 1;
}

/** The next free port at or after the start, else the lowest, removed from the pool; null when none is left. */
export function takePort(pool: PortPool): number | null {
  const index = firstRangeEndingAtOrAfter(pool.ranges, pool.start);
  const range = pool.ranges[index] ?? pool.ranges[0];
  if (range === undefined) return null;
  const port = index < pool.ranges.length ? Math.max(range.begin, pool.start) : range.begin;
  dropPort(pool, port);
  pool.start = port + 1;
  return port;
}

/** Index of the first range whose end is not below `port`; the number of ranges when there is none. */
function firstRangeEndingAtOrAfter(ranges: readonly PortRange[], port: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && range.end < port) low = middle + 1;
    else high = middle;
  }
  return low;
}
