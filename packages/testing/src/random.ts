/**
 * Owns random numbers that a seed repeats exactly (xoshiro128**, seeded by splitmix32).
 * Not: anything secret. Called by tests and by the simulator.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";

/** A stream of numbers that depends on nothing but its seed. */
export interface Random {
  /** In [0, 1), 32 bits. */
  next(): number;
  /** Whole number, both ends included. */
  integer(min: number, max: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One element; the list is not empty. */
  pick<T>(list: readonly T[]): T;
  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[];
  /** A stream of its own, so that one part drawing more does not change another. */
  fork(label: string): Random;
}

function splitmix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

function hashLabel(label: string): number {
  let hash = 0x811c9dc5;
  for (const character of label) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash;
}

const rotateLeft = (value: number, bits: number): number =>
  (value << bits) | (value >>> (32 - bits));

/** A {@link Random} for `seed` (any integer; its low 32 bits count). */
export function createRandom(seed: number): Random {
  assert(Number.isSafeInteger(seed), "a seed is an integer");
  const mix = splitmix32(seed);
  let [a, b, c, d] = [mix(), mix(), mix(), mix()];
  const bits = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
  const next = (): number => bits() / 0x1_0000_0000;
  const integer = (min: number, max: number): number => {
    assert(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max, "min <= max");
    return min + Math.floor(next() * (max - min + 1));
  };
  const pick = <T>(list: readonly T[]): T => {
    assert(list.length > 0, "pick needs an element");
    return list[integer(0, list.length - 1)] as T;
  };
  const shuffle = <T>(list: readonly T[]): T[] => {
    const left = [...list];
    const shuffled: T[] = [];
    while (left.length > 0) shuffled.push(...left.splice(integer(0, left.length - 1), 1));
    return shuffled;
  };
  const fork = (label: string): Random => createRandom((seed ^ hashLabel(label)) >>> 0);
  return { next, integer, chance: (probability) => next() < probability, pick, shuffle, fork };
}
