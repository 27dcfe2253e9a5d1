/**
 * Owns the kinds of values that a configuration key can have: how each is read, checked and described.
 * Not: which keys there are (table.ts). Called by table.ts and parse.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

/** A value that was read, perhaps with a word of warning, or the rule that it breaks ("must be ..."). */
export type Reading<T> =
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  | { readonly ok: false; readonly rule: string };

/** One key of the configuration file. */
export interface ConfigKey<T> {
  /** As written in the file; its case is ignored there. */
  readonly key: string;
  /** True for a key that the ancestor (mesos/mr-redis) has as well. */
  readonly ancestor: boolean;
  readonly defaultValue: T;
  /** The default as it is written in a file. */
  readonly defaultText: string;
  /** What is allowed, as it follows "must be". */
  readonly allowed: string;
  /** Unit of the value in the file; null for words. */
  readonly unit: string | null;
  /** One line of Markdown for the reference. */
  readonly help: string;
  /** Reads a value of the file that is neither null nor absent. Never throws. */
  readonly read: (value: unknown) => Reading<T>;
  /** True where the value is never repeated: in no message and no print-out. */
  readonly isSecret?: boolean;
}

/** The part of a {@link ConfigKey} that a kind of value gives. */
export type Kind<T> = Omit<ConfigKey<T>, "key" | "ancestor" | "help">;

/** Most characters of one text: the longest paths of Linux have 4,096, sensible ones far fewer. */
export const configCharactersMax = 1_024;

/** Most entries of a list. */
export const configEntriesMax = 64;

const good = <T>(value: T): Reading<T> => ({ ok: true, value });
const bad = (allowed: string): { ok: false; rule: string } => ({
  ok: false,
  rule: `must be ${allowed}`,
});

/** The trimmed text of a value; the ancestor's files have texts everywhere, ours may have numbers and booleans. */
function textOf(value: unknown): string | null {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value.length > configCharactersMax) return null;
  const text = value.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  return /[\u0000-\u001f\u007f]/.test(text) ? null : text;
}

/** A whole number. An empty text keeps the default. */
export function integer(
  defaultValue: number,
  min: number,
  max: number,
  unit: string | null,
): Kind<number> {
  const allowed = `an integer from ${min} to ${max}`;
  return {
    defaultValue,
    defaultText: String(defaultValue),
    allowed,
    unit,
    read(value) {
      const text = textOf(value);
      if (text === "") return good(defaultValue);
      if (text === null || !/^\d{1,15}$/.test(text)) return bad(allowed);
      const number = Number(text);
      return number >= min && number <= max ? good(number) : bad(allowed);
    },
  };
}

/** A number with at most three decimals, kept in thousandths as Mesos counts them. An empty text keeps the default. */
export function thousandths(
  defaultMilli: number,
  minMilli: number,
  maxMilli: number,
  unit: string,
): Kind<number> {
  const allowed = `a number from ${minMilli / 1000} to ${maxMilli / 1000} with at most 3 decimals`;
  return {
    defaultValue: defaultMilli,
    defaultText: String(defaultMilli / 1000),
    allowed,
    unit,
    read(value) {
      const text = textOf(value);
      if (text === "") return good(defaultMilli);
      const found = text === null ? null : /^(\d{1,12})(?:\.(\d{1,3}))?$/.exec(text);
      if (found === null) return bad(allowed);
      const milli = Number(found[1]) * 1000 + Number((found[2] ?? "").padEnd(3, "0"));
      return milli >= minMilli && milli <= maxMilli ? good(milli) : bad(allowed);
    },
  };
}

/** One of a few words, whatever their case. An empty text keeps the default. */
export function choice<Word extends string>(
  defaultValue: Word,
  words: readonly Word[],
  /** Words that were or will be known, with the reason why they are refused. */
  refusals: Readonly<Record<string, string>> = {},
): Kind<Word> {
  const allowed = words.join(" or ");
  return {
    defaultValue,
    defaultText: defaultValue,
    allowed,
    unit: null,
    read(value) {
      const text = textOf(value)?.toLowerCase();
      if (text === "") return good(defaultValue);
      const word = words.find((each) => each === text);
      if (word !== undefined) return good(word);
      const reason = text !== undefined && Object.hasOwn(refusals, text) ? refusals[text] : null;
      return bad(reason == null ? allowed : `${allowed}: ${reason}`);
    },
  };
}

/** `true` or `false`, as JSON has them or, as in the ancestor's files, as texts. An empty text keeps the default. */
export function yesOrNo(defaultValue: boolean): Kind<boolean> {
  const words = choice(defaultValue ? "true" : "false", ["true", "false"]);
  return {
    ...words,
    defaultValue,
    read(value) {
      const reading = words.read(value);
      return reading.ok ? good(reading.value === "true") : reading;
    },
  };
}

/** Text that matches `pattern`; `allowed` says the same in words. */
export function text(defaultValue: string, pattern: RegExp, allowed: string): Kind<string> {
  return {
    defaultValue,
    defaultText: defaultValue,
    allowed,
    unit: null,
    read(value) {
      const found = typeof value === "string" ? textOf(value) : null;
      return found !== null && pattern.test(found) ? good(found) : bad(allowed);
    },
  };
}

/** Text that is never repeated to anybody. Kept letter by letter: blanks at its ends belong to it. */
export function secret(): Kind<string> {
  const allowed = `a text of at most ${configCharactersMax} characters without control characters`;
  return {
    defaultValue: "",
    defaultText: "",
    allowed,
    unit: null,
    isSecret: true,
    read: (value) => (isSecretText(value) ? good(value) : bad(allowed)),
  };
}

/** True for what can be a password. */
export const isSecretText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= configCharactersMax && !/\p{Cc}/u.test(value);

/** A kind whose good values may deserve a warning, or another value. */
export function warned<T>(
  kind: Kind<T>,
  warn: (value: T) => { readonly value: T; readonly warning: string } | null,
): Kind<T> {
  return {
    ...kind,
    read(value) {
      const reading = kind.read(value);
      if (!reading.ok) return reading;
      return { ...reading, ...warn(reading.value) };
    },
  };
}

/** A list, in the file as a JSON list or as one text with commas; each entry through `read`, null means refused. */
export function list(
  read: (entry: string) => string | null,
  allowed: string,
): Kind<readonly string[]> {
  return {
    defaultValue: Object.freeze([]),
    defaultText: "",
    allowed,
    unit: null,
    read(value) {
      const entries = entriesOf(value);
      if (entries === null) return bad(allowed);
      const values = entries.map(read);
      const known = values.filter((each) => each !== null);
      if (known.length < values.length) return bad(allowed);
      return good(Object.freeze([...new Set(known)]));
    },
  };
}

/** The trimmed entries of a list or a text with commas; an empty text has none. */
function entriesOf(value: unknown): string[] | null {
  if (Array.isArray(value)) {
    if (value.length > configEntriesMax) return null;
    const entries = value.map((entry) => (typeof entry === "string" ? textOf(entry) : null));
    return entries.some((entry) => entry === null)
      ? null
      : entries.filter((entry) => entry !== null);
  }
  const text = typeof value === "string" ? textOf(value) : null;
  if (text === null) return null;
  const entries = text === "" ? [] : text.split(",").map((entry) => entry.trim());
  return entries.length > configEntriesMax ? null : entries;
}

/** Host names, IPv4 and IPv6 addresses, as far as a look at the characters can tell. */
export const hostPattern =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/;
