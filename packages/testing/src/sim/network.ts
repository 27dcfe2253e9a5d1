/**
 * Owns the simulated network: who can send to whom, how long it takes, what is lost, doubled, late or stuck.
 * Not: what is sent. Called by every part of the simulator that is not on one host.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock } from "@mr-redis/core";
import type { Random } from "../random.js";

/** A host; small numbers, given out by the world. */
export type NodeId = number;

/** How bad the network is. Shares are probabilities of one message, times are milliseconds. */
export interface NetworkOptions {
  readonly lossShare: number;
  readonly doubleShare: number;
  readonly lateShare: number;
  /** A late or doubled message comes up to so long after it was sent. */
  readonly lateMsMax: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/** Of the messages that meet a cut, so many wait for its end (TCP repeats them); the others are lost. */
const stuckShare = 0.4;

/** Most nodes of one world. */
export const nodesMax = 16;

/** See the head of this file. */
export class Network {
  readonly #clock: Clock;
  readonly #random: Random;
  #options: NetworkOptions;
  readonly #drawn: NetworkOptions;
  readonly #cuts = new Uint8Array(nodesMax * nodesMax);
  readonly #stuck = new Map<number, (() => void)[]>();
  /** Called when a direction opens or closes. */
  onChange: ((from: NodeId, to: NodeId, open: boolean) => void) | null = null;

  constructor(clock: Clock, random: Random, options: NetworkOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
    this.#drawn = options;
  }

  /** From now on nothing is lost, doubled or late. */
  calm(): void {
    this.#options = { ...this.#options, lossShare: 0, doubleShare: 0, lateShare: 0 };
  }

  /** From now on half of the messages come twice, the second time up to so long after the first. */
  echo(lateMsMax: number): void {
    this.#options = { ...this.#options, doubleShare: 0.5, lateMsMax };
  }

  /** As it was drawn. */
  usual(): void {
    this.#options = this.#drawn;
  }

  isOpen(from: NodeId, to: NodeId): boolean {
    return from === to || this.#cuts[from * nodesMax + to] === 0;
  }

  /** True when TCP works between the two. */
  isConnected(a: NodeId, b: NodeId): boolean {
    return this.isOpen(a, b) && this.isOpen(b, a);
  }

  /** Nothing gets from `from` to `to` any more. */
  cut(from: NodeId, to: NodeId): void {
    if (from === to || !this.isOpen(from, to)) return;
    this.#cuts[from * nodesMax + to] = 1;
    this.onChange?.(from, to, false);
  }

  heal(from: NodeId, to: NodeId): void {
    const index = from * nodesMax + to;
    if (this.#cuts[index] === 0) return;
    this.#cuts[index] = 0;
    const stuck = this.#stuck.get(index) ?? [];
    this.#stuck.delete(index);
    // Kernels send again with growing pauses; the order stays.
    const pauseMs = this.#random.next() * 200;
    for (const deliver of stuck) this.#clock.after(pauseMs, deliver);
    this.onChange?.(from, to, true);
  }

  healAll(): void {
    for (let index = 0; index < this.#cuts.length; index += 1) {
      if (this.#cuts[index] !== 0) this.heal(Math.floor(index / nodesMax), index % nodesMax);
    }
  }

  /** True while any direction is cut. */
  get isCut(): boolean {
    return this.#cuts.includes(1);
  }

  /** One hop's time. */
  delayMs(): number {
    const { delayMsMin, delayMsMax } = this.#options;
    return delayMsMin + this.#random.next() * (delayMsMax - delayMsMin);
  }

  /** A message that may be lost, doubled, late, or turned round with others; `path` is a list of hosts. */
  mail(path: readonly NodeId[], deliver: () => void): void {
    const { lossShare, doubleShare, lateShare, lateMsMax } = this.#options;
    const draw = this.#random.next();
    if (draw < lossShare) return;
    if (draw < lossShare + doubleShare) {
      this.#clock.after(this.#random.next() * lateMsMax, () => this.#hop(path, 0, deliver));
    } else if (draw < lossShare + doubleShare + lateShare) {
      this.#clock.after(this.#random.next() * lateMsMax, () => this.#hop(path, 0, deliver));
      return;
    }
    this.#hop(path, 0, deliver);
  }

  #hop(path: readonly NodeId[], index: number, deliver: () => void): void {
    const from = path[index];
    const to = path[index + 1];
    if (from === undefined || to === undefined) {
      deliver();
      return;
    }
    if (!this.isOpen(from, to)) {
      if (this.#random.chance(stuckShare))
        this.#hold(from, to, () => this.#hop(path, index, deliver));
      return;
    }
    this.#clock.after(this.delayMs(), () => this.#hop(path, index + 1, deliver));
  }

  #hold(from: NodeId, to: NodeId, deliver: () => void): void {
    const index = from * nodesMax + to;
    const stuck = this.#stuck.get(index);
    if (stuck === undefined) this.#stuck.set(index, [deliver]);
    else stuck.push(deliver);
  }

  /** Bytes on an established connection: they wait while the direction is cut, and are not lost. */
  stream(from: NodeId, to: NodeId, deliver: () => void, delayMs = this.delayMs()): void {
    this.#clock.after(delayMs, () => {
      if (this.isOpen(from, to)) deliver();
      else this.#hold(from, to, deliver);
    });
  }
}
