/**
 * Owns who may do what at the HTTP API: the roles, what a token looks like, and the reading of a token file.
 * Not: hashing and comparing (scheduler), nor where a client keeps its token. Called by scheduler, mrr-cli and proxy.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, type Problem, parsed } from "../result.js";

/** The roles, each of which may do all that those before it may. */
export const roles = ["read", "operate", "admin"] as const;

/** read: look. operate: create, delete, fail over, upgrade. admin: what concerns the service itself. */
export type Role = (typeof roles)[number];

/** True when `held` allows what needs `needed`. */
export const mayAs = (held: Role, needed: Role): boolean =>
  roles.indexOf(held) >= roles.indexOf(needed);

/** Fewest characters of a token: with less it could be guessed from its hash. Ours have 47. */
export const tokenCharactersMin = 32;

/** Most characters of a token; keeps what is hashed for a stranger small. */
export const tokenCharactersMax = 256;

/** True for what can be a token: the characters that RFC 6750 allows, and not too few of them. */
export const isToken = (text: string): boolean =>
  text.length >= tokenCharactersMin &&
  text.length <= tokenCharactersMax &&
  /^[A-Za-z0-9._~+/-]+=*$/.test(text);

/** One line of a token file. */
export interface TokenEntry {
  /** Whose it is; shown in logs. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, 64 hexadecimal digits in lower case. */
  readonly sha256: string;
}

/** Most tokens: each request is compared with all of them. */
export const tokensMax = 1_000;

/** Largest token file: a thousand of the longest lines, and as much of comments. */
export const tokenFileBytesMax = 512 * 1024;

/** Problems that are told at once; a file that is none of ours has one in each line. */
const problemsMax = 20;

const linePattern = /^([A-Za-z0-9][A-Za-z0-9._@-]{0,63})[ \t]+(\S+)[ \t]+(\S+)$/;

/** A line of a token file, as it is written. */
export const tokenLine = ({ name, role, sha256 }: TokenEntry): string =>
  `${name} ${role} sha256:${sha256}`;

/**
 * Reads a token file: lines of `NAME ROLE sha256:HASH`, empty ones and such that begin with `#`. At least one token; no
 * name and no hash twice. The problems name the line; nothing else of it is repeated, for a token may stand there by mistake.
 */
export function parseTokenFile(text: string): Parsed<readonly TokenEntry[]> {
  const problems: Problem[] = [];
  const entries: TokenEntry[] = [];
  const names = new Set<string>();
  const hashes = new Set<string>();
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const entry = entryOf(line);
    const rule =
      typeof entry === "string"
        ? entry
        : names.has(entry.name)
          ? `names ${entry.name} a second time`
          : hashes.has(entry.sha256)
            ? "holds the hash of an earlier line"
            : null;
    if (rule !== null) problems.push({ path: `line ${index + 1}`, rule });
    if (typeof entry === "string") continue;
    names.add(entry.name);
    hashes.add(entry.sha256);
    entries.push(entry);
  }
  if (entries.length > tokensMax) {
    problems.push({ path: "file", rule: `must hold at most ${tokensMax} tokens` });
  }
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, problemsMax) };
  if (entries.length > 0) return parsed(entries);
  return { ok: false, problems: [{ path: "file", rule: "must hold at least one token" }] };
}

/** The entry of a line, or the rule that it breaks. */
function entryOf(line: string): TokenEntry | string {
  const [, name, role, hash] = linePattern.exec(line) ?? [];
  if (name === undefined || role === undefined || hash === undefined) {
    return "must be NAME ROLE sha256:HASH, as `mrr token` prints it";
  }
  const known = roles.find((each) => each === role);
  if (known === undefined) {
    return `must have the role ${roles.join(" or ")}`;
  }
  const sha256 = /^sha256:([0-9a-f]{64})$/i.exec(hash)?.[1];
  if (sha256 === undefined) return "must end with sha256: and 64 hexadecimal digits";
  return { name, role: known, sha256: sha256.toLowerCase() };
}
