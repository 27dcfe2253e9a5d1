/**
 * Owns the reading of everything that the store holds at the start, and the writing of the framework's record.
 * Not: the store's drivers. Called by scheduler.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  decodeFramework,
  decodeInstance,
  encodeFramework,
  type FrameworkDocument,
  isNewerVersion,
  type LoadedDocument,
  MrrError,
  problemsText,
} from "@mr-redis/core";
import type { Leadership, Store } from "@mr-redis/store";

/** What was stored. */
export interface LoadedState {
  readonly documents: readonly LoadedDocument[];
  readonly framework: FrameworkDocument | null;
  /** Under which the framework's record is stored; null when there is none. */
  readonly frameworkRevision: string | null;
}

/**
 * Reads all records. Rejects with `store-newer` or `store-corrupt` naming each record that cannot be read: nothing is
 * skipped, since an instance that is not loaded would be taken for an orphan and killed.
 */
export async function loadState(store: Store): Promise<LoadedState> {
  const documents: LoadedDocument[] = [];
  let framework: FrameworkDocument | null = null;
  let frameworkRevision: string | null = null;
  const broken: string[] = [];
  let newer = false;
  for (const stored of await store.readAll()) {
    if (stored.key === "framework") {
      const document = decodeFramework(stored.value);
      if (document.ok) {
        framework = document.value;
        frameworkRevision = stored.revision;
      } else {
        newer ||= isNewerVersion(document.problems);
        broken.push(`framework: ${problemsText(document.problems).trim()}`);
      }
      continue;
    }
    const document = decodeInstance(stored.value);
    if (document.ok) documents.push({ document: document.value, revision: stored.revision });
    else {
      newer ||= isNewerVersion(document.problems);
      broken.push(`${stored.key}: ${problemsText(document.problems).trim()}`);
    }
  }
  if (broken.length > 0) {
    throw new MrrError(newer ? "store-newer" : "store-corrupt", broken.join("\n"), {
      details: { broken: broken.length },
    });
  }
  return { documents, framework, frameworkRevision };
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
