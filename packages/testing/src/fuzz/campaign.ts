/**
 * Owns the runs of one target: what is damaged next, what is worth to be damaged again, and how a failing input is made
 * smaller. The n-th input of a seed is always the same one, whatever the machine.
 * Not: the damage (mutate.ts), what is right (target.ts), how long (main.ts). Called by main.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createRandom, type Random } from "../random.js";
import { mutate } from "./mutate.js";
import { type FuzzTarget, judge, runMsMax } from "./target.js";

/** An input that a parser did not stand. */
export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  readonly what: string;
}

/** Told of an input before it is run, for the case that it never ends. */
export type Announce = (target: string, input: Uint8Array) => void;

/** Most inputs of one target that are kept for being damaged again. */
const poolMax = 1_000;

/** Inputs that are tried to make a failing one smaller. */
const shrinkTriesMax = 400;

/** A slow input is slow every time; a machine that does something else is so once. */
const slowTriesMax = 5;

const tooSlow = `takes more than ${runMsMax} ms`;

/** One target with its inputs. */
export class Campaign {
  readonly target: FuzzTarget;
  /** Inputs so far. */
  runs = 0;
  /** Kinds of outcomes seen. */
  readonly kinds = new Set<string>();
  readonly #random: Random;
  readonly #pool: Uint8Array[];
  readonly #announce: Announce;

  constructor(target: FuzzTarget, seed: number, announce: Announce) {
    this.target = target;
    this.#random = createRandom(seed).fork(target.name);
    this.#pool = target.seeds.map((each) => Uint8Array.from(Buffer.from(each)));
    this.#announce = announce;
    if (this.#pool.length === 0) this.#pool.push(new Uint8Array());
  }

  /** Runs the next input. */
  next(): Finding | null {
    const random = this.#random;
    const input = mutate(
      this.target.kind,
      random.pick(this.#pool),
      random.pick(this.#pool),
      random,
    );
    return this.take(input);
  }

  /** Runs this input; one whose outcome is of a new kind is damaged again later. */
  take(input: Uint8Array): Finding | null {
    this.runs += 1;
    const outcome = this.#judge(input);
    if ("wrong" in outcome) return this.#shrink(input, outcome.wrong);
    if (!this.kinds.has(outcome.kind)) {
      if (this.kinds.size < poolMax) this.kinds.add(outcome.kind);
      if (this.#pool.length < poolMax) this.#pool.push(input);
    }
    return null;
  }

  #judge(input: Uint8Array): ReturnType<typeof judge> {
    this.#announce(this.target.name, input);
    const startMs = performance.now();
    const outcome = judge(this.target, input);
    if (performance.now() - startMs <= runMsMax) return outcome;
    let bestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < slowTriesMax && bestMs > runMsMax; tries += 1) {
      const againMs = performance.now();
      judge(this.target, input);
      bestMs = Math.min(bestMs, performance.now() - againMs);
    }
    return bestMs > runMsMax ? { wrong: tooSlow } : outcome;
  }

  /** The same defect from less. */
  #shrink(input: Uint8Array, what: string): Finding {
    let best = input;
    // Of a slow one each try would take its time.
    let tries = what === tooSlow ? shrinkTriesMax : 0;
    for (let length = Math.ceil(best.length / 2); length >= 1; length = Math.floor(length / 2)) {
      for (let at = 0; at < best.length && tries < shrinkTriesMax; ) {
        tries += 1;
        const less = Buffer.concat([best.subarray(0, at), best.subarray(at + length)]);
        const outcome = this.#judge(less);
        if ("wrong" in outcome && outcome.wrong === what) best = Uint8Array.from(less);
        else at += length;
      }
    }
    return { target: this.target.name, input: best, what };
  }
}
