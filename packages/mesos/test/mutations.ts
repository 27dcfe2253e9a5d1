/**
 * Owns the damage done to recorded bytes, by seed, so that a failing input can be made again.
 * Called by the tests of hostile input.
 * SPDX-License-Identifier: Apache-2.0
 */

/** A source of numbers in [0, 1) that a seed decides (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Mutation = (bytes: Buffer, random: () => number, other: Uint8Array) => Buffer;

const below = (random: () => number, limit: number): number => Math.floor(random() * limit);

/** A part of at most 32 bytes. */
function part(bytes: Uint8Array, random: () => number): Uint8Array {
  const start = below(random, bytes.length + 1);
  return bytes.subarray(start, start + 1 + below(random, 32));
}

const splice = (bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);

/** Bytes that mean something to one of the encodings. */
const telling = Buffer.from([0x00, 0x01, 0x7f, 0x80, 0xff, ...Buffer.from('"{}[]:,\\0-eE.nt')]);

const mutations: readonly Mutation[] = [
  // One bit.
  (bytes, random) => {
    const at = below(random, bytes.length);
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
    return copy;
  },
  // One byte.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    copy[below(random, bytes.length)] = telling[below(random, telling.length)] ?? 0;
    return copy;
  },
  // A part lost.
  (bytes, random) =>
    splice(bytes, below(random, bytes.length), 1 + below(random, 16), Buffer.alloc(0)),
  // A part twice.
  (bytes, random) => splice(bytes, below(random, bytes.length), 0, part(bytes, random)),
  // A part of another recording in its place.
  (bytes, random, other) =>
    splice(bytes, below(random, bytes.length), below(random, 32), part(other, random)),
  // Noise.
  (bytes, random) => {
    const noise = Uint8Array.from({ length: 1 + below(random, 12) }, () => below(random, 256));
    return splice(bytes, below(random, bytes.length), below(random, 4), noise);
  },
  // The end lost.
  (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
];

/** One of the inputs with one to four kinds of damage. */
export function damaged(inputs: readonly Uint8Array[], random: () => number): Uint8Array {
  const pick = () => inputs[below(random, inputs.length)] ?? new Uint8Array(1);
  let bytes: Buffer = Buffer.from(pick());
  const rounds = 1 + below(random, 4);
  for (let round = 0; round < rounds && bytes.length > 0; round += 1) {
    const mutate = mutations[below(random, mutations.length)];
    if (mutate !== undefined) bytes = mutate(bytes, random, pick());
  }
  return new Uint8Array(bytes);
}
