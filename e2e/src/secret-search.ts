/**
 * Owns the search for what is secret, byte by byte, in every form that somebody could have written it down in; and what is
 * gathered for it while a site runs: files, command lines, environments, core dumps.
 * Not: what is secret, nor where it belongs. Called by secure-site.ts and the tests of secrets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { findProcesses, seeProcess } from "@mr-redis/testing";

/** Shorter ones are found by chance. */
export const secretBytesMin = 12;

/** A file that is larger is none of ours; redis-servers of these tests hold a few keys. */
const fileBytesMax = 64 * 1024 * 1024;

/** The form of a secret that is searched for, with its name. */
type Forms = ReadonlyMap<string, Buffer>;

/** base64 of bytes that may stand anywhere in what is encoded: the characters that neighbours have no part in. */
function alignedBase64(bytes: Buffer, encoding: "base64" | "base64url"): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString(encoding)
      .replace(/=+$/, "");
    const whole = Math.floor((before + bytes.length) / 3) * 4;
    return text.slice(before === 0 ? 0 : before + 1, whole);
  });
}

const percentAll = (bytes: Buffer): string =>
  [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");

/** JSON with every character escaped, as some encoders do beyond ASCII; and as JSON.stringify does. */
const escapedAll = (text: string): string =>
  [...text]
    .map((each) => `\\u${(each.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`)
    .join("");

function formsOfBytes(bytes: Buffer, prefix: string): [string, string | Buffer][] {
  const hex = bytes.toString("hex");
  const plain = bytes.toString("base64").replace(/=+$/, "");
  return [
    [`${prefix}bytes`, bytes],
    [`${prefix}hex`, hex],
    [`${prefix}HEX`, hex.toUpperCase()],
    ...alignedBase64(bytes, "base64").map((text, at): [string, string] => [
      `${prefix}base64 at ${at}`,
      text,
    ]),
    ...alignedBase64(bytes, "base64url").map((text, at): [string, string] => [
      `${prefix}base64url at ${at}`,
      text,
    ]),
    [`${prefix}base64, percent-encoded`, encodeURIComponent(plain)],
  ];
}

/**
 * Every form: the text as it is, in base64 (url), hex, percent-encoded, escaped in JSON, in UTF-16; and, of a text that is
 * itself base64 or hex of a key, the same of the bytes that it means.
 */
export function formsOf(secret: string | Buffer): Forms {
  const bytes = Buffer.from(secret);
  if (bytes.length < secretBytesMin) throw new Error(`a secret of ${bytes.length} bytes`);
  const all = formsOfBytes(bytes, "");
  if (typeof secret === "string") {
    all.push(
      ["percent-encoded", encodeURIComponent(secret)],
      ["percent-encoded throughout", percentAll(bytes)],
      ["PERCENT-ENCODED throughout", percentAll(bytes).toUpperCase()],
      ["in JSON", JSON.stringify(secret).slice(1, -1)],
      ["in JSON twice", JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
      ["escaped throughout", escapedAll(secret)],
      ["UTF-16", Buffer.from(secret, "utf16le")],
    );
    const meant = meantBy(secret);
    if (meant !== null) all.push(...formsOfBytes(meant, "meant "));
  }
  const forms = new Map<string, Buffer>();
  const seen = new Set<string>();
  for (const [name, form] of all) {
    const wanted = Buffer.from(form);
    const key = wanted.toString("latin1");
    if (wanted.length < secretBytesMin || seen.has(key)) continue;
    seen.add(key);
    forms.set(name, wanted);
  }
  return forms;
}

/** The bytes of a text in hex or base64; null for another one. */
function meantBy(text: string): Buffer | null {
  const isHex = /^(?:[0-9a-f]{2})+$/i.test(text);
  if (!isHex && !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return null;
  const bytes = Buffer.from(text, isHex ? "hex" : "base64");
  return bytes.length < secretBytesMin ? null : bytes;
}

/** A place where a secret was found. */
export interface Find {
  readonly secret: string;
  readonly form: string;
  readonly place: string;
}

/** Where a secret may stand: the names of both, and why it belongs there. */
export interface Allowed {
  readonly secret: RegExp;
  readonly place: RegExp;
  readonly why: string;
}

/** Searches every place for every form of every secret; `secrets` and `places` by their names. */
export function findSecrets(
  secrets: ReadonlyMap<string, string | Buffer>,
  places: ReadonlyMap<string, Buffer>,
): Find[] {
  const found: Find[] = [];
  // Many agents have the same program, many processes the same environment: each content is searched once.
  const contents = new Map<string, { readonly content: Buffer; readonly names: string[] }>();
  for (const [place, content] of places) {
    const hash = hashOf(content);
    const known = contents.get(hash);
    if (known === undefined) contents.set(hash, { content, names: [place] });
    else known.names.push(place);
  }
  for (const [secret, value] of secrets) {
    for (const [form, wanted] of formsOf(value)) {
      for (const { content, names } of contents.values()) {
        if (!content.includes(wanted)) continue;
        for (const place of names) found.push({ secret, form, place });
      }
    }
  }
  return found;
}

const hashOf = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("base64");

/** What was found where it does not belong, as lines to read; and which of the allowed places were never needed. */
export function judge(
  found: readonly Find[],
  allowed: readonly Allowed[],
): { readonly misplaced: string[]; readonly unused: string[] } {
  const used = new Set<Allowed>();
  const misplaced = found.filter(({ secret, place }) => {
    const matches = allowed.filter((rule) => rule.secret.test(secret) && rule.place.test(place));
    for (const rule of matches) used.add(rule);
    return matches.length === 0;
  });
  return {
    misplaced: misplaced.map(({ secret, form, place }) => `${secret} (${form}) in ${place}`),
    unused: allowed.filter((rule) => !used.has(rule)).map(({ why }) => why),
  };
}

/** Between two looks at the processes: shorter than any of them lives. */
const lookMs = 100;

/** Gathers what can be read of a site while it runs. */
export class Witness {
  readonly #directory: string;
  /** Place -> content; several contents of one place have its name and a number. */
  readonly #places = new Map<string, Buffer>();
  readonly #seen = new Set<string>();
  /** Path -> every mode in which the file was seen. */
  readonly #modes = new Map<string, Set<number>>();
  readonly #timer: NodeJS.Timeout;

  /** `directory`: of the site, which its processes name; they are looked at until `stop`. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#timer = setInterval(() => this.lookAtProcesses(), lookMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get places(): ReadonlyMap<string, Buffer> {
    return this.#places;
  }

  /** Notes what stands at a place now; every content of it once. */
  note(place: string, content: Buffer | string): void {
    const bytes = Buffer.from(content);
    const key = `${place}\0${hashOf(bytes)}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    let name = place;
    for (let count = 2; this.#places.has(name); count += 1) name = `${place} (${count})`;
    this.#places.set(name, bytes);
  }

  /** Command lines and environments of all processes of the site, and of those that this process has started. */
  lookAtProcesses(): void {
    const own = [...findProcesses(this.#directory), ...childrenOf(process.pid)];
    for (const { pid, name } of own) {
      for (const file of ["cmdline", "environ"]) {
        const content = unlessGone(() => readFileSync(`/proc/${pid}/${file}`));
        if (content !== null) this.note(`${file} of ${name}`, content);
      }
    }
  }

  /** Every file of the site as it is now: sandboxes, stores, logs, records of agents. */
  lookAtFiles(): void {
    for (const path of filesBelow(this.#directory)) {
      const bytes = unlessGone(() => readFileSync(path));
      const mode = unlessGone(() => statSync(path).mode);
      if (bytes === null || mode === null) continue;
      this.note(path, bytes);
      this.#modes.set(path, (this.#modes.get(path) ?? new Set()).add(mode & 0o777));
    }
  }

  /** Files of such a name that others than their owner could read at some time. */
  exposed(name: RegExp): string[] {
    return [...this.#modes].flatMap(([path, modes]) =>
      name.test(path) && [...modes].some((mode) => (mode & 0o077) !== 0) ? [path] : [],
    );
  }
}

/** Children of `pid`, and theirs. */
function childrenOf(pid: number): { readonly pid: number; readonly name: string }[] {
  const path = `/proc/${pid}/task`;
  const threads = unlessGone(() => readdirSync(path)) ?? [];
  const pids = threads.flatMap((thread) =>
    (unlessGone(() => readFileSync(`${path}/${thread}/children`, "utf8")) ?? "")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
  return pids.flatMap((child) => {
    const seen = seeProcess(child);
    return seen === null ? [] : [seen, ...childrenOf(child)];
  });
}

/** What `read` reads; null: the programs of the site, which run, have taken it away meanwhile. */
function unlessGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

/** Every regular file below `directory`; links are not followed. */
export function filesBelow(directory: string): string[] {
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    const size = entry.isFile() ? unlessGone(() => statSync(path).size) : null;
    return size !== null && size < fileBytesMax ? [path] : [];
  });
}
