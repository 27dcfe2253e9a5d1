/**
 * Owns the damage that is done to inputs, by seed: of bytes, of words, and of JSON as a tree.
 * Not: which inputs are damaged (campaign.ts). Called by campaign.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Random } from "../random.js";
import { type FuzzTarget, inputBytesMax } from "./target.js";

type Damage = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

const splice = (bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);

const anywhere = (bytes: Buffer, random: Random): number => random.integer(0, bytes.length);

function part(bytes: Buffer, random: Random, lengthMax = 64): Buffer {
  const start = anywhere(bytes, random);
  return bytes.subarray(start, start + random.integer(1, lengthMax));
}

/** Words that mean something to one parser or another. */
const words: readonly string[] = [
  ..."{}[]\"':,;=/\\.-+*%#@!$&?|<>~`^() \t\r\n\0",
  ...["\r\n", "\n\n", "\u{feff}", "\u2028", "\u00e9", "\u{1f600}", "\ud800", "\u0130", "\u202e"],
  ...["null", "true", "false", "undefined", "NaN", "Infinity", "-0", "0x10", "1e999", "1e-999"],
  ...["9007199254740993", "4294967296", "-2147483649", "65536", "00", "0.1", "1.", "1e3"],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "length", "then"],
  ...["../", "..%2f", "%00", "%", "%zz", "~1", "//", "file:///", "\\..\\", "a::b", "-", "."],
  ...["http://", "https://u:p@h:1/", "zk://", "[::1]:1", "127.0.0.1:5050", "localhost", "@"],
  ...["event: ", "data: ", "id: ", "retry: ", ":\n", "*1\r\n", "$-1\r\n", "+OK\r\n"],
  ...["cpus:1;", "ports:[1-2]", "[1-1,", "10ms", "1.5mins", "{}", "[]", '""', '{"":', "[[", "]]"],
];

const numbers: readonly number[] = [
  0,
  -1,
  1,
  1.5,
  -0.5,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e308,
];

const damages: readonly Damage[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = random.integer(0, Math.max(0, copy.length - 1));
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7));
    return copy;
  },
  (bytes, random) => splice(bytes, anywhere(bytes, random), 1, Buffer.of(random.integer(0, 255))),
  (bytes, random) => splice(bytes, anywhere(bytes, random), random.integer(1, 32), Buffer.of()),
  (bytes, random) => bytes.subarray(0, anywhere(bytes, random)),
  (bytes, random) => splice(bytes, anywhere(bytes, random), 0, Buffer.from(random.pick(words))),
  (bytes, random) =>
    splice(bytes, anywhere(bytes, random), random.integer(1, 8), Buffer.from(random.pick(words))),
  (bytes, random) => splice(bytes, anywhere(bytes, random), 0, part(bytes, random)),
  (bytes, random, other) => splice(bytes, anywhere(bytes, random), 0, part(other, random)),
  (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, anywhere(bytes, random)),
      other.subarray(anywhere(other, random)),
    ]),
  // A part many times: what takes long, takes long now.
  (bytes, random) => {
    const piece = random.chance(0.5) ? part(bytes, random, 8) : Buffer.from(random.pick(words));
    const room = Math.max(1, Math.floor((inputBytesMax - bytes.length) / (piece.length || 1)));
    const times = random.chance(0.3) ? room : random.integer(2, Math.min(200, Math.max(2, room)));
    return splice(bytes, anywhere(bytes, random), 0, Buffer.concat(Array(times).fill(piece)));
  },
  // A number becomes another one.
  (bytes, random) => {
    const text = bytes.toString("latin1");
    const found = [...text.matchAll(/-?\d+(?:\.\d+)?/g)];
    if (found.length === 0) return bytes;
    const { 0: number, index } = random.pick(found);
    return splice(bytes, index, number.length, Buffer.from(String(random.pick(numbers))));
  },
];

type Tree = Record<string, unknown> | unknown[];

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;

/**
 * Sets a key of any name, where that can be: an assignment to `__proto__` would not make one. A list gets no index so high
 * that its text would be cut: a key like `1065536` would make a list of a hundred megabytes of it.
 */
function put(tree: Tree, key: string, value: unknown): void {
  if (Array.isArray(tree) && (key === "length" || Number(key) >= inputBytesMax)) return;
  Reflect.defineProperty(tree, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Most trees that are looked at of one input. */
const treesMax = 2_000;

function treesOf(root: unknown): Tree[] {
  const trees: Tree[] = isTree(root) ? [root] : [];
  for (let index = 0; index < trees.length && trees.length < treesMax; index += 1) {
    const inner: unknown[] = Object.values(trees[index] ?? []);
    trees.push(...inner.filter(isTree).slice(0, treesMax));
  }
  return trees;
}

function manyKeys(random: Random): unknown {
  const value = random.pick<unknown>([null, 0, "", "a", {}]);
  const word = random.pick(["k", "timeout", random.pick(words)]);
  const count = random.integer(1, 3_000);
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`${word}${index}`, value]),
  );
}

function hostileValue(random: Random, other: unknown): unknown {
  const trees = treesOf(other);
  const makers: readonly (() => unknown)[] = [
    () => null,
    () => random.chance(0.5),
    () => random.pick(numbers),
    () => String(random.pick(numbers)),
    () => random.pick(words),
    () => "",
    () => random.pick(words).repeat(random.integer(1, 5_000)).slice(0, 20_000),
    () => [],
    () => ({}),
    () => (trees.length === 0 ? [null] : random.pick(trees)),
    () => manyKeys(random),
    () => Array(random.integer(1, 3_000)).fill(random.pick<unknown>([null, 0, "", "a", {}, ["a"]])),
  ];
  return random.pick(makers)();
}

/** Trees that are nested deeper are damaged as bytes only: how deep JSON.stringify gets differs from run to run. */
const depthMax = 500;

function isDeep(bytes: Buffer): boolean {
  let depth = 0;
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    if (depth > depthMax) return true;
  }
  return false;
}

/** Damages JSON as a tree; null when it is none. */
function damageTree(bytes: Buffer, random: Random, other: Buffer): Buffer | null {
  if (isDeep(bytes) || isDeep(other)) return null;
  let root: unknown;
  let strange: unknown = null;
  try {
    root = JSON.parse(bytes.toString("utf8"));
    strange = JSON.parse(other.toString("utf8"));
  } catch {
    if (root === undefined) return null;
  }
  const trees = treesOf(root);
  if (trees.length === 0 || random.chance(0.03)) root = hostileValue(random, strange);
  else {
    const tree = random.pick(trees);
    const keys = Object.keys(tree);
    const key = keys.length === 0 ? null : random.pick(keys);
    const kind = random.integer(0, 9);
    if (key === null || kind === 0) put(tree, random.pick(words), hostileValue(random, strange));
    else if (kind <= 2) delete (tree as Record<string, unknown>)[key];
    else if (kind === 3) put(tree, `${key}${random.pick(words)}`, (tree as never)[key]);
    else if (kind === 4) put(tree, key.toUpperCase(), (tree as never)[key]);
    else put(tree, key, hostileValue(random, strange));
  }
  try {
    const text = JSON.stringify(root);
    // Deep ones cannot be made as a tree.
    if (!random.chance(0.04)) return Buffer.from(text);
    const depth = random.integer(1, 20_000);
    const [open, close] = random.pick([
      ["[", "]"],
      ['{"a":', "}"],
    ] as const);
    const nested = open.repeat(depth) + (open === "[" ? "" : "1") + close.repeat(depth);
    const places = [...text.matchAll(/(?<=[:[,])(?:null|true|false|-?\d+|"[^"]*"|\[\]|\{\})/g)];
    const { 0: old, index } = places.length === 0 ? { 0: text, index: 0 } : random.pick(places);
    return Buffer.from(text.slice(0, index) + nested + text.slice(index + old.length));
  } catch {
    // Too deep already.
    return null;
  }
}

/** Another input of the same target; a pure function of `random`, the input and `other`. */
export function mutate(
  kind: FuzzTarget["kind"],
  input: Uint8Array,
  other: Uint8Array,
  random: Random,
): Uint8Array {
  let bytes = Buffer.from(input);
  const strange = Buffer.from(other);
  for (let times = random.pick([1, 1, 1, 2, 3, 5]); times > 0; times -= 1) {
    const tree = kind === "json" && random.chance(0.7) ? damageTree(bytes, random, strange) : null;
    bytes = Buffer.from(tree ?? random.pick(damages)(bytes, random, strange));
  }
  return bytes.subarray(0, inputBytesMax);
}
