/**
 * Owns the tokens in force: whose is the one that a request carries.
 * Not: the file (core's access/tokens.ts, reloaded-files.ts), nor what a role may do (roles.ts). Called by guard.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isToken, MrrError, parseTokenFile, type TokenEntry } from "@mr-redis/core";

/** Who asks. */
export type TokenOwner = Pick<TokenEntry, "name" | "role">;

/** Tokens of one state of the file. */
export class Tokens {
  readonly #entries: readonly { readonly owner: TokenOwner; readonly hash: Buffer }[];

  constructor(entries: readonly TokenEntry[]) {
    this.#entries = entries.map(({ name, role, sha256 }) => ({
      owner: { name, role },
      hash: Buffer.from(sha256, "hex"),
    }));
  }

  get count(): number {
    return this.#entries.length;
  }

  /** The owner of a token, or null. Takes as long for each one: all are compared, by their hashes, to the last byte. */
  ownerOf(token: string): TokenOwner | null {
    if (!isToken(token)) return null;
    const hash = hashOf(token);
    let found: TokenOwner | null = null;
    for (const entry of this.#entries) {
      if (timingSafeEqual(entry.hash, hash)) found = entry.owner;
    }
    return found;
  }
}

/** What a token file holds of a token. Tokens are long and random, so no slow hash is needed. */
export const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Reads a token file; throws `config-invalid`, which names the key, the file and every line that is wrong. */
export function tokensOf(key: string, path: string, text: string): Tokens {
  const entries = parseTokenFile(text);
  if (entries.ok) return new Tokens(entries.value);
  const problems = entries.problems.map((problem) => `${problem.path} ${problem.rule}`);
  throw new MrrError("config-invalid", `${key} ${path}: ${problems.join("; ")}`);
}

/** The token of an `Authorization` header. none: there is no header; bad: it is of another kind. */
export function bearerOf(
  header: string | undefined,
): { readonly type: "none" | "bad" } | { readonly type: "token"; readonly token: string } {
  if (header === undefined) return { type: "none" };
  const token = /^bearer +([^\s]{1,1024})$/i.exec(header)?.[1];
  return token === undefined ? { type: "bad" } : { type: "token", token };
}
