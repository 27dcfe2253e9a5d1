/**
 * Owns the reading of a stored record with its secrets: what it says, whether all of them are sealed with the key of now,
 * and which keys are missing. Not: the records' form (core), nor where they lie. Called by load.ts and the store tool.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  decodeFramework,
  decodeInstance,
  type FrameworkDocument,
  type InstanceDocument,
  type Parsed,
} from "@mr-redis/core";
import type { DocumentKey } from "@mr-redis/store";
import type { SecretKeys } from "./secret-keys.js";

/** A record as it was read. */
export interface ReadRecord<T> {
  readonly document: Parsed<T>;
  /** False: something of it is in the clear, or sealed with a key that is not the one that seals now. */
  readonly isCurrent: boolean;
  /** Ids of keys that it needs and that are not here; sorted. */
  readonly missingKeys: readonly string[];
}

/** Opens the sealed texts of one record, and keeps count. */
class Opener {
  readonly missing = new Set<string>();
  #currentCount = 0;
  readonly #keys: SecretKeys;
  readonly #place: DocumentKey;

  constructor(keys: SecretKeys, place: DocumentKey) {
    this.#keys = keys;
    this.#place = place;
  }

  get currentCount(): number {
    return this.#currentCount;
  }

  get missingKeys(): readonly string[] {
    return [...this.missing].sort();
  }

  open(text: string): string | null {
    const opened = this.#keys.open(this.#place, text);
    if (opened.type === "unknown-key") this.missing.add(opened.keyId);
    if (opened.type !== "opened") return null;
    if (opened.isCurrent) this.#currentCount += 1;
    return opened.plain;
  }
}

/** Secrets of a document; each is sealed by itself. */
function secretCount({ processes, users }: InstanceDocument): number {
  const ofUsers = users === undefined ? [] : [users.readWrite, users.readOnly];
  const passwords = ofUsers.reduce((sum, { previous }) => sum + (previous === null ? 1 : 2), 0);
  return 2 * processes.length + passwords;
}

/** Reads an instance's record; `place` is the key under which it is stored. */
export function readInstanceRecord(
  place: DocumentKey,
  value: string,
  keys: SecretKeys,
): ReadRecord<InstanceDocument> {
  const opener = new Opener(keys, place);
  const document = decodeInstance(value, (text) => opener.open(text));
  const isCurrent = document.ok && secretCount(document.value) === opener.currentCount;
  return { document, isCurrent, missingKeys: opener.missingKeys };
}

/** Reads the framework's record. The authority's key is opened to see that it can be, and stays sealed. */
export function readFrameworkRecord(
  value: string,
  keys: SecretKeys,
): ReadRecord<FrameworkDocument> {
  const opener = new Opener(keys, "framework");
  const document = decodeFramework(value);
  const key = document.ok ? document.value.authority?.key : undefined;
  if (key === undefined) return { document, isCurrent: true, missingKeys: [] };
  if (opener.open(key) !== null) {
    return { document, isCurrent: opener.currentCount > 0, missingKeys: [] };
  }
  const rule = "is sealed with a key that is not here";
  const problems = [{ path: "authority.key", rule, code: "sealed-secret" as const }];
  return {
    document: { ok: false, problems },
    isCurrent: false,
    missingKeys: opener.missingKeys,
  };
}
