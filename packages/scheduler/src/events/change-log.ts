/**
 * Owns the order in which instances last changed: each name is in it once, at its last change, so that a reader needs to
 * remember one number only, and many changes of one instance are one event to who comes late.
 * Not: readers (hub.ts), nor what is told of an instance (source). Called by hub.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, type InstanceEndpoints } from "@mr-redis/core";

/** How an instance is now; null: there is none of this name, or it is DELETED. */
export type EndpointsSource = (name: string) => InstanceEndpoints | null;

/**
 * One name in the log. unread: nobody was told of this change yet, so nobody has looked. told: readers may know `now`.
 * removed: readers may know it from before. stale: it has a later entry, or there was nothing to tell of.
 */
interface Entry {
  readonly name: string;
  readonly sequence: number;
  state: "unread" | "told" | "removed" | "stale";
  /** Readers may know the name from before. */
  readonly isKnown: boolean;
  now: InstanceEndpoints | null;
  /** The event as it goes over the wire; made when the first reader comes by. */
  text: string | null;
}

/** What a reader is told in one go. */
export interface Told {
  /** Empty: there is nothing new. */
  readonly text: string;
  /** Where it goes on; that of the last change when there is no more. */
  readonly sequence: number;
}

/** What a log is made of. */
export interface ChangeLogOptions {
  readonly source: EndpointsSource;
  /** The event of an entry, as it goes over the wire. */
  readonly encode: (sequence: number, name: string, instance: InstanceEndpoints | null) => string;
  /** Most names that are remembered as removed. */
  readonly removedMax: number;
}

/** Stale entries are swept when there are more of them than of others, and at least so many: each is swept once. */
const staleMin = 64;

/** See the head of this file. */
export class ChangeLog {
  readonly #options: ChangeLogOptions;
  readonly #byName = new Map<string, Entry>();
  /** The one that was removed first is first. */
  readonly #removed = new Set<Entry>();
  /** In the order of their sequences. */
  #entries: Entry[] = [];
  #last = 0;
  #floor = 0;

  constructor(options: ChangeLogOptions) {
    this.#options = options;
  }

  /** Sequence of the last change. */
  get last(): number {
    return this.#last;
  }

  /** Who was told less than this may have missed the removal of an instance. */
  get floor(): number {
    return this.#floor;
  }

  /** Entries in memory. @internal */
  get size(): number {
    return this.#entries.length;
  }

  /** A name that may be of interest; it is looked at when the first reader comes by. */
  add(name: string): void {
    if (!this.#byName.has(name)) this.#append(name, "unread");
  }

  /** Looks at the instance; true when readers have something new to be told. Costs the same whatever else there is. */
  look(name: string): boolean {
    const entry = this.#byName.get(name);
    if (entry?.state === "unread" && !entry.isKnown) return false;
    const now = this.#options.source(name);
    if (now === null) {
      if (entry === undefined || entry.state === "removed") return false;
      this.#removed.add(this.#append(name, "removed"));
      this.#trim();
      return true;
    }
    if (entry?.state === "unread") return false;
    if (entry?.state === "told" && entry.now !== null && isSame(entry.now, now)) return false;
    this.#append(name, "unread");
    return true;
  }

  /** The events behind `sequence` up to the first that makes them `charsMax` long; without removals up to `removedSince`. */
  read(sequence: number, removedSince: number, charsMax: number): Told {
    let text = "";
    for (let index = this.#indexBehind(sequence); index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      assert(entry !== undefined, "an index within the log");
      text += this.#textOf(entry, removedSince);
      if (text.length >= charsMax) return { text, sequence: entry.sequence };
    }
    return { text, sequence: this.#last };
  }

  /** The instance, for somebody who will ask for what changed behind the present last sequence. */
  show(name: string): InstanceEndpoints | null {
    const entry = this.#byName.get(name);
    if (entry === undefined) return null;
    this.#look(entry);
    return entry.now;
  }

  #textOf(entry: Entry, removedSince: number): string {
    this.#look(entry);
    if (entry.state === "stale") return "";
    if (entry.state === "removed" && entry.sequence <= removedSince) return "";
    entry.text ??= this.#options.encode(entry.sequence, entry.name, entry.now);
    return entry.text;
  }

  /** What is told of an entry for the first time is how it is at that moment. */
  #look(entry: Entry): void {
    if (entry.state !== "unread") return;
    entry.now = this.#options.source(entry.name);
    if (entry.now !== null) entry.state = "told";
    else if (entry.isKnown) {
      entry.state = "removed";
      this.#removed.add(entry);
    } else {
      entry.state = "stale";
      this.#byName.delete(entry.name);
    }
  }

  #append(name: string, state: "unread" | "removed"): Entry {
    const before = this.#byName.get(name);
    const isKnown = before !== undefined && (before.isKnown || before.state !== "unread");
    if (before !== undefined) {
      before.state = "stale";
      before.now = null;
      before.text = null;
      this.#removed.delete(before);
    }
    this.#last += 1;
    const entry: Entry = { name, sequence: this.#last, state, isKnown, now: null, text: null };
    this.#byName.set(name, entry);
    this.#entries.push(entry);
    const staleCount = this.#entries.length - this.#byName.size;
    if (staleCount > Math.max(staleMin, this.#byName.size)) {
      this.#entries = this.#entries.filter((each) => each.state !== "stale");
    }
    return entry;
  }

  #trim(): void {
    for (const entry of this.#removed) {
      if (this.#removed.size <= this.#options.removedMax) return;
      this.#removed.delete(entry);
      this.#byName.delete(entry.name);
      entry.state = "stale";
      entry.text = null;
      this.#floor = entry.sequence;
    }
  }

  /** Index of the first entry behind `sequence`, by halving. */
  #indexBehind(sequence: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

type Address = NonNullable<InstanceEndpoints["master"]>;

const isSameAddress = (one: Address | null, other: Address | null): boolean =>
  one === other ||
  (one !== null &&
    other !== null &&
    one.processId === other.processId &&
    one.address === other.address &&
    one.port === other.port);

/** True when nobody who knows `one` needs to hear of `other`. */
export function isSame(one: InstanceEndpoints, other: InstanceEndpoints): boolean {
  return (
    one.name === other.name &&
    one.incarnation === other.incarnation &&
    one.type === other.type &&
    one.status === other.status &&
    one.epoch === other.epoch &&
    one.writer === other.writer &&
    isSameAddress(one.master, other.master) &&
    one.replicas.length === other.replicas.length &&
    one.replicas.every((replica, index) => isSameAddress(replica, other.replicas[index] ?? null)) &&
    one.proxy?.write === other.proxy?.write &&
    one.proxy?.read === other.proxy?.read
  );
}
