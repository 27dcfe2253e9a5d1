/**
 * Owns how a text repeats what somebody sent: on one line, short, without a password.
 * Not: the texts. Called by the parsers of requests and of the configuration.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Most characters that are repeated. */
export const quotedCharactersMax = 64;

/** The text cut, with `?` for everything that is not printable ASCII. */
export const printable = (text: string): string =>
  text.slice(0, quotedCharactersMax).replace(/[^\x20-\x7e]/g, "?");

/**
 * The value without what is nested deeper than is ever shown: JSON.stringify would end in a stack overflow where
 * JSON.parse, which made the value, did not.
 */
function shallow(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return null;
  if (Array.isArray(value)) return value.map((each) => shallow(each, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, shallow(each, depth - 1)]),
  );
}

/** The value as JSON, cut; without what stands before an `@` in an address, which may be a password. */
export function quoted(value: unknown): string {
  const json = JSON.stringify(shallow(value, quotedCharactersMax)) ?? "undefined";
  const text = json.replace(/\/\/[^/@]*@/g, "//***@");
  return text.length > quotedCharactersMax ? `${printable(text)}...` : printable(text);
}
