/**
 * Owns what data a redis-server holds, as a place in a tree of replication histories: a branch (replication id) and
 * an offset on it. Not: who holds what (redis.ts), nor what must not be lost (checks.ts).
 * SPDX-License-Identifier: Apache-2.0
 */

/** One replication id: what was written under it continues `parent` from `forkOffset` on. */
export interface Branch {
  readonly id: number;
  readonly parent: Branch | null;
  readonly forkOffset: number;
  readonly depth: number;
}

/** A place in the tree: everything on the way from the root to it. */
export interface Place {
  readonly branch: Branch;
  readonly offset: number;
}

/** An empty history; ids are given out by the world. */
export const rootBranch = (id: number): Branch => ({ id, parent: null, forkOffset: 0, depth: 0 });

/** The history of one that becomes master at this place. */
export const forkBranch = (id: number, { branch, offset }: Place): Branch => ({
  id,
  parent: branch,
  forkOffset: offset,
  depth: branch.depth + 1,
});

/** As Redis writes it. */
export const replicationIdOf = (branch: Branch): string => String(branch.id).padStart(40, "0");

/** How far both have the same history: offset of the last write that both have. */
export function commonOffset(one: Place, other: Place): number {
  let { branch: a, offset: aOffset } = one;
  let { branch: b, offset: bOffset } = other;
  while (a !== b) {
    if (a.depth >= b.depth && a.parent !== null) {
      aOffset = Math.min(aOffset, a.forkOffset);
      a = a.parent;
    } else if (b.parent !== null) {
      bOffset = Math.min(bOffset, b.forkOffset);
      b = b.parent;
    } else return 0;
  }
  return Math.min(aOffset, bOffset);
}

function rootOf(branch: Branch): Branch {
  let root = branch;
  while (root.parent !== null) root = root.parent;
  return root;
}

/** True when both have begun with the same data: one was once copied from the other's line. */
export const isRelated = (one: Place, other: Place): boolean =>
  one.branch === other.branch || rootOf(one.branch) === rootOf(other.branch);
