/**
 * Owns finding the known word that an unknown one was probably meant to be.
 * Not: what is said about it. Called by parse.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Longest word compared: no known key is near this long, and the cost is the product of both lengths. */
const wordCharactersMax = 64;

/** Edits (insert, remove, replace, swap neighbours) that turn `from` into `to`. */
export function editDistance(from: string, to: string): number {
  let older: number[] = [];
  let old = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (old[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (old[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, (older[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    older = old;
    old = row;
  }
  return old[to.length] ?? 0;
}

/** The word of `known` that is nearest to `word` without regard to case; null when none is within a third of it. */
export function nearest(word: string, known: readonly string[]): string | null {
  const wanted = word.slice(0, wordCharactersMax).toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.floor(wanted.length / 3) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
