/**
 * Owns the end of paths that people write with or without a slash. Called by whoever joins something to such a path.
 * SPDX-License-Identifier: Apache-2.0
 */

/**
 * Without the slashes at its end, in time proportional to its length: the pattern `/+$` takes the square of it where many
 * slashes stand elsewhere.
 */
export function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === "/") end -= 1;
  return path.slice(0, end);
}
