/**
 * Owns the old command lines: turns what Go's flag package accepted into what commander understands.
 * Not: the meaning of any option (commands/). Pure. Called by program.ts before commander sees the words.
 * Source of the rules: the ancestor's CLI (codegangsta/cli on Go's flag package), run and recorded.
 * SPDX-License-Identifier: Apache-2.0
 */

/** One option as the command line knows it. */
export interface OptionShape {
  /** Without dashes. */
  readonly long: string;
  /** One letter, without the dash; null when there is none. */
  readonly short: string | null;
  /** value: takes one; switch: true or false, alone it means true; plain: takes nothing (help, version). */
  readonly kind: "value" | "switch" | "plain";
}

/** One command with its aliases. */
export interface CommandShape {
  readonly names: readonly string[];
  readonly options: readonly OptionShape[];
}

/** All commands, and the options that hold before and after any of them. */
export interface ArgvShape {
  readonly options: readonly OptionShape[];
  readonly commands: readonly CommandShape[];
}

/** What Go's strconv.ParseBool accepts. */
const truths: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((word) => [word, false] as const),
]);

/** The boolean that a word means on a command line; null when it means none. */
export const parseTruth = (word: string): boolean | null => truths.get(word) ?? null;

/**
 * Rewrites the words after the program's name. One or two dashes are the same (`-name foo`, `--n foo`), a value
 * follows or stands behind `=`, a switch takes `=true` or a word of its own (`-w true`). Every known option comes
 * out as `--long=value` or `--long`, so that commander has nothing left to guess: by itself it reads `-name` as
 * `-n ame`. A word with one dash that is no option comes out with two, and is then refused by its name.
 * Unlike the ancestor, which stopped at the first positional word, all words are read; `--` still ends options.
 */
export function rewriteArgv(words: readonly string[], shape: ArgvShape): string[] {
  const out: string[] = [];
  let options = shape.options;
  let hasCommand = false;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (word === "--") return [...out, ...words.slice(index)];
    if (!word.startsWith("-") || word === "-") {
      out.push(word);
      if (hasCommand) continue;
      hasCommand = true;
      const command = shape.commands.find((candidate) => candidate.names.includes(word));
      options = [...(command?.options ?? []), ...shape.options];
      continue;
    }
    const next = words[index + 1];
    const read = readOption(word, next, options);
    out.push(read.text);
    if (read.usedNext) index += 1;
  }
  return out;
}

interface ReadOption {
  readonly text: string;
  readonly usedNext: boolean;
}

function readOption(
  word: string,
  next: string | undefined,
  options: readonly OptionShape[],
): ReadOption {
  const { key, value } = splitOption(word);
  const option = findOption(key, options);
  if (option === null)
    return { text: attachedNumber(word, options) ?? unknown(word), usedNext: false };
  const long = `--${option.long}`;
  if (option.kind === "plain") return { text: long, usedNext: false };
  if (value !== null) return { text: `${long}=${value}`, usedNext: false };
  if (option.kind === "switch") {
    const isTruth = next !== undefined && parseTruth(next) !== null;
    return { text: `${long}=${isTruth ? next : "true"}`, usedNext: isTruth };
  }
  // `-n -w`: the value was forgotten. Empty is refused by every option with a text of its own.
  if (next === undefined || isKnownOption(next, options)) {
    return { text: `${long}=`, usedNext: false };
  }
  return { text: `${long}=${next}`, usedNext: true };
}

function splitOption(word: string): { key: string; value: string | null } {
  const body = word.replace(/^--?/, "");
  const at = body.indexOf("=");
  return at < 0
    ? { key: body, value: null }
    : { key: body.slice(0, at), value: body.slice(at + 1) };
}

const findOption = (key: string, options: readonly OptionShape[]): OptionShape | null =>
  options.find((option) => option.long === key || option.short === key) ?? null;

const isKnownOption = (word: string, options: readonly OptionShape[]): boolean =>
  word.startsWith("-") && findOption(splitOption(word).key, options) !== null;

/** `-m200`: no old form, but written often and with one meaning only. */
function attachedNumber(word: string, options: readonly OptionShape[]): string | null {
  const match = /^-([A-Za-z])(\d+)$/.exec(word);
  if (match === null) return null;
  const option = options.find(({ short, kind }) => short === match[1] && kind === "value");
  return option === undefined ? null : `--${option.long}=${match[2]}`;
}

const unknown = (word: string): string => (word.startsWith("--") ? word : `-${word}`);
