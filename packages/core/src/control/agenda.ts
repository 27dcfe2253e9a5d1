/**
 * Owns deadlines by key: one per key, earliest first, cheap for tens of thousands of keys.
 * Not: the clock, nor what happens at a deadline (control.ts).
 * SPDX-License-Identifier: Apache-2.0
 */

interface Entry {
  readonly key: string;
  readonly atMs: number;
}

/**
 * A binary heap with lazy removal: `set` is O(log n), `next` and `due` only touch what is due or stale.
 * Ties are broken by key, so that the same history gives the same order.
 */
export class Agenda {
  readonly #at = new Map<string, number>();
  #heap: Entry[] = [];

  /** The deadline of `key` becomes `atMs`. */
  set(key: string, atMs: number): void {
    if (this.#at.get(key) === atMs) return;
    this.#at.set(key, atMs);
    this.#push({ key, atMs });
  }

  /** {@link set}, or with null {@link clear}. */
  put(key: string, atMs: number | null): void {
    if (atMs === null) this.clear(key);
    else this.set(key, atMs);
  }

  /** As {@link set}, but an earlier deadline stays. */
  setEarliest(key: string, atMs: number): void {
    const present = this.#at.get(key);
    if (present === undefined || atMs < present) this.set(key, atMs);
  }

  clear(key: string): void {
    this.#at.delete(key);
  }

  /** The earliest deadline, or null. */
  next(): number | null {
    this.#dropStale();
    return this.#heap[0]?.atMs ?? null;
  }

  /** Removes and returns the keys whose deadline is at or before `nowMs`, earliest first. */
  due(nowMs: number): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#dropStale();
      const top = this.#heap[0];
      if (top === undefined || top.atMs > nowMs) return keys;
      this.#pop();
      this.#at.delete(top.key);
      keys.push(top.key);
    }
  }

  #dropStale(): void {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || this.#at.get(top.key) === top.atMs) return;
      this.#pop();
    }
  }

  #before(a: Entry, b: Entry): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.key < b.key);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!this.#before(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && this.#before(right, heap[child] as Entry)) child += 1;
      const below = heap[child] as Entry;
      if (!this.#before(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}
