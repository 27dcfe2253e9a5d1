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

/** The value as JSON, cut; without what stands before an `@` in an address, which may be a password. */
export function quoted(value: unknown): string {
  const text = (JSON.stringify(value) ?? "undefined").replace(/\/\/[^/@]*@/g, "//***@");
  return text.length > quotedCharactersMax ? `${printable(text)}...` : printable(text);
}
