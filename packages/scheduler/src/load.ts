/**
 * Owns the reading of everything that the store holds at the start, and the writing of the framework's record.
 * Not: the store's drivers. Called by scheduler.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  encodeFramework,
  type FrameworkDocument,
  isNewerVersion,
  isSealedSecret,
  type LoadedDocument,
  MrrError,
  problemsText,
} from "@mr-redis/core";
import type { DocumentKey, Leadership, Store } from "@mr-redis/store";
import { missingKeysError } from "./secrets/missing-keys.js";
import { type ReadRecord, readFrameworkRecord, readInstanceRecord } from "./secrets/read-record.js";
import type { SecretKeys } from "./secrets/secret-keys.js";

/** What was stored. */
export interface LoadedState {
  readonly documents: readonly LoadedDocument[];
  readonly framework: FrameworkDocument | null;
  /** Under which the framework's record is stored; null when there is none. */
  readonly frameworkRevision: string | null;
  /** Keys of the records that hold something in the clear, or sealed with an older key; only where there are keys. */
  readonly unsealed: ReadonlySet<DocumentKey>;
}

/**
 * Reads all records. Rejects with `store-newer`, `store-corrupt` or `store-sealed` naming each record that cannot be read:
 * nothing is skipped, since an instance that is not loaded would be taken for an orphan and killed.
 */
export async function loadState(store: Store, keys: SecretKeys): Promise<LoadedState> {
  const documents: LoadedDocument[] = [];
  let framework: FrameworkDocument | null = null;
  let frameworkRevision: string | null = null;
  const unsealed = new Set<DocumentKey>();
  const unread = new Unread();
  for (const { key, value, revision } of await store.readAll()) {
    if (key === "framework") {
      const read = readFrameworkRecord(value, keys);
      unread.see(key, read);
      if (!read.document.ok) continue;
      framework = read.document.value;
      frameworkRevision = revision;
      if (!read.isCurrent) unsealed.add(key);
      continue;
    }
    const read = readInstanceRecord(key, value, keys);
    unread.see(key, read);
    if (!read.document.ok) continue;
    documents.push({ document: read.document.value, revision });
    if (keys.areKept && !read.isCurrent) unsealed.add(key);
  }
  const error = unread.error(keys);
  if (error !== null) throw error;
  return { documents, framework, frameworkRevision, unsealed };
}

/** The records that cannot be read. */
class Unread {
  readonly #broken: string[] = [];
  readonly #sealed: DocumentKey[] = [];
  readonly #missingKeys = new Set<string>();
  #isNewer = false;

  see(key: DocumentKey, { document, missingKeys }: ReadRecord<unknown>): void {
    for (const id of missingKeys) this.#missingKeys.add(id);
    if (document.ok) return;
    const { problems } = document;
    // With another key it could be read. What none is missing for, and does not open, was changed.
    if (missingKeys.length > 0 && problems.every((each) => isSealedSecret([each]))) {
      this.#sealed.push(key);
      return;
    }
    this.#isNewer ||= isNewerVersion(problems);
    this.#broken.push(`${key}: ${problemsText(problems).trim()}`);
  }

  error(keys: SecretKeys): MrrError | null {
    const sealed =
      this.#sealed.length === 0 ? [] : [missingKeysError(this.#sealed, this.#missingKeys, keys)];
    if (this.#broken.length === 0) return sealed[0] ?? null;
    const texts = [...this.#broken, ...sealed.map(({ message }) => message)];
    const code = this.#isNewer ? "store-newer" : "store-corrupt";
    return new MrrError(code, texts.join("\n"), { details: { broken: this.#broken.length } });
  }
}

/** What became of the framework's record. `conflict`: another one is stored. */
export type FrameworkSaved =
  | { readonly type: "done"; readonly revision: string | null }
  | { readonly type: "not-leader" }
  | { readonly type: "conflict" | "unknown"; readonly text: string };

/**
 * Stores the framework's record before anything else is done with it. `basedOn`: the revision of the record that it takes
 * the place of, null for none. `unknown` means: again, the same record, until it is told; a record that is there and
 * equal is done.
 */
export async function saveFramework(
  store: Store,
  leadership: Leadership,
  document: FrameworkDocument,
  basedOn: string | null,
): Promise<FrameworkSaved> {
  const value = encodeFramework(document);
  const [outcome] = await store.commit(leadership, [{ key: "framework", basedOn, value }]);
  if (outcome === undefined) return { type: "unknown", text: "the store gave no answer" };
  switch (outcome.type) {
    case "done":
      return { type: "done", revision: outcome.revision };
    case "unknown":
      return { type: "unknown", text: outcome.cause };
    case "refused":
      break;
  }
  switch (outcome.reason) {
    case "stale":
      if (outcome.current?.value === value) {
        return { type: "done", revision: outcome.current.revision };
      }
      return { type: "conflict", text: "the record of another framework is stored" };
    case "not-leader":
      return { type: "not-leader" };
    case "closed":
      return { type: "unknown", text: "the store is closed" };
    case "too-large":
    case "unacceptable":
      return { type: "conflict", text: `the store does not accept the record: ${outcome.reason}` };
  }
}
