/**
 * Owns the book of ports at proxies: which are taken and by whom, and the search for free ones. Pure.
 * Not: when instances get theirs (control/proxy-ports.ts), nor where they are recorded (the documents).
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { ProxyPorts } from "./types.js";

/** Ports that may be given, both ends included. */
export interface ProxyPortRange {
  readonly first: number;
  readonly last: number;
}

/** Number of ports in a range. */
export const portCountOf = ({ first, last }: ProxyPortRange): number => last - first + 1;

/** The ports of an instance, one or two. */
export const portsOf = ({ write, read }: ProxyPorts): readonly number[] =>
  read === null ? [write] : [write, read];

/** 32 bits of FNV-1a over the UTF-16 units of a name: spread evenly, the same for ever and everywhere. */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * See the head of this file. Ports outside of the range, given when it was another one, are known as well and stay with
 * their owners.
 */
export class ProxyPortBook {
  /** null: none are given. */
  readonly range: ProxyPortRange | null;
  readonly #owners = new Map<number, string>();
  readonly #ports = new Map<string, ProxyPorts>();
  #free: number;

  constructor(range: ProxyPortRange | null) {
    this.range = range;
    this.#free = range === null ? 0 : portCountOf(range);
  }

  /** How many ports of the range are free. */
  get free(): number {
    return this.#free;
  }

  /** The ports that are taken under this name, or null. */
  of(name: string): ProxyPorts | null {
    return this.#ports.get(name) ?? null;
  }

  /** The ports that are taken under this name, where they are of this range and as many as are wanted; else null. */
  suiting(name: string, isReadWanted: boolean): ProxyPorts | null {
    const ports = this.of(name);
    if (ports === null || (ports.read !== null) !== isReadWanted) return null;
    return portsOf(ports).every((port) => this.#isInRange(port)) ? ports : null;
  }

  /** Takes these very ports; returns the name that has one of them already, or null when it was done. Once for a name. */
  take(name: string, ports: ProxyPorts): string | null {
    assert(!this.#ports.has(name), `${name} has proxy ports already`);
    for (const port of portsOf(ports)) {
      const owner = this.#owners.get(port);
      if (owner !== undefined) return owner;
    }
    this.#ports.set(name, ports);
    for (const port of portsOf(ports)) {
      this.#owners.set(port, name);
      if (this.#isInRange(port)) this.#free -= 1;
    }
    return null;
  }

  /**
   * Finds free ports and takes them; null: there are not enough. The search begins at a place that the name gives, so
   * that a name which is created again mostly gets its old ports, and a port that was freed is not at once another's.
   * Costs at most one look at each port of the range, and nothing when there are not enough.
   */
  give(name: string, isReadWanted: boolean): ProxyPorts | null {
    const { range } = this;
    const wanted = isReadWanted ? 2 : 1;
    if (range === null || this.#free < wanted) return null;
    const count = portCountOf(range);
    const start = nameHash(name) % count;
    const found: number[] = [];
    for (let step = 0; step < count && found.length < wanted; step += 1) {
      const port = range.first + ((start + step) % count);
      if (!this.#owners.has(port)) found.push(port);
    }
    const [write, read = null] = found;
    assert(
      write !== undefined && found.length === wanted,
      "as many ports are free as were counted",
    );
    const ports = { write, read };
    this.take(name, ports);
    return ports;
  }

  /** Frees the ports of this name; false when it had none. */
  release(name: string): boolean {
    const ports = this.#ports.get(name);
    if (ports === undefined) return false;
    this.#ports.delete(name);
    for (const port of portsOf(ports)) {
      this.#owners.delete(port);
      if (this.#isInRange(port)) this.#free += 1;
    }
    return true;
  }

  #isInRange(port: number): boolean {
    return this.range !== null && port >= this.range.first && port <= this.range.last;
  }
}
