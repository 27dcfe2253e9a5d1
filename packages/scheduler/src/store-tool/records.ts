/**
 * Owns the reading of everything in a store for people, broken records included. Reads only.
 * Not: what is printed or judged (dump.ts, check.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type FrameworkDocument,
  type InstanceDocument,
  isMrrError,
  isNewerVersion,
  isSealedSecret,
  problemsText,
} from "@mr-redis/core";
import type { DocumentKey, LeaderRecord, Store, StoredDocument } from "@mr-redis/store";
import { hereText } from "../secrets/missing-keys.js";
import { readFrameworkRecord, readInstanceRecord } from "../secrets/read-record.js";
import type { SecretKeys } from "../secrets/secret-keys.js";

/** One record: what it says, or why that cannot be read. */
export interface SeenRecord {
  readonly key: string;
  readonly revision: string | null;
  /** As stored; null when not even that can be had. */
  readonly value: string | null;
  readonly framework: FrameworkDocument | null;
  readonly instance: InstanceDocument | null;
  /** Null for a record that is as it must be. */
  readonly problem: string | null;
  /** What is wrong is only that keys are missing. */
  readonly isSealed: boolean;
  /** Where there are keys: something of it is in the clear. */
  readonly isPlain: boolean;
}

/** All of a store. */
export interface SeenStore {
  /** Null when nobody leads, and when that cannot be read: then there is a record that says so. */
  readonly leader: LeaderRecord | null;
  /** Sorted by key. */
  readonly records: readonly SeenRecord[];
}

/** Reads everything, opening with `keys` what is sealed. Rejects with MrrError when the store cannot be read at all. */
export async function readStore(store: Store, keys: SecretKeys): Promise<SeenStore> {
  const { leader, broken } = await readLeader(store);
  const records = [...broken, ...(await readRecords(store, keys))];
  return { leader, records: records.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** A leader that is none of ours, or keys of the leadership that are not; the documents can be read all the same. */
async function readLeader(
  store: Store,
): Promise<{ readonly leader: LeaderRecord | null; readonly broken: readonly SeenRecord[] }> {
  try {
    return { leader: await store.readLeader(), broken: [] };
  } catch (error) {
    if (!isMrrError(error) || error.code !== "store-corrupt") throw error;
    const keys = keysOf(error.details.broken);
    const named = keys.length === 0 ? ["leader"] : keys;
    return { leader: null, broken: named.map((key) => unread(key, error.message)) };
  }
}

async function readRecords(store: Store, keys: SecretKeys): Promise<readonly SeenRecord[]> {
  try {
    return (await store.readAll()).map((each) => seen(each, keys));
  } catch (error) {
    const lists = isMrrError(error) && error.code === "store-corrupt" ? error.details : {};
    const broken = keysOf(lists.broken);
    const readable = keysOf(lists.readable);
    if (broken.length === 0 && readable.length === 0) throw error;
    const records = broken.map((key) => unread(key, "the store cannot read it"));
    for (const key of readable) {
      const one = await store.read(key as DocumentKey);
      if (one !== null) records.push(seen(one, keys));
    }
    return records;
  }
}

const keysOf = (list: unknown): string[] => (Array.isArray(list) ? list.map(String) : []);

const unread = (key: string, problem: string): SeenRecord => ({
  key,
  revision: null,
  value: null,
  framework: null,
  instance: null,
  problem,
  isSealed: false,
  isPlain: false,
});

function seen({ key, revision, value }: StoredDocument, keys: SecretKeys): SeenRecord {
  const read =
    key === "framework" ? readFrameworkRecord(value, keys) : readInstanceRecord(key, value, keys);
  const record = { ...unread(key, ""), revision, value };
  if (!read.document.ok) {
    const { problems } = read.document;
    const text = problemsText(problems).trim();
    const isNewer = isNewerVersion(problems);
    const needed =
      read.missingKeys.length === 0 ? "" : ` (${read.missingKeys.join(", ")}; ${hereText(keys)})`;
    return {
      ...record,
      problem: isNewer ? `of a newer mr-redis: ${text}` : `${text}${needed}`,
      isSealed: read.missingKeys.length > 0 && problems.every((each) => isSealedSecret([each])),
    };
  }
  const document: FrameworkDocument | InstanceDocument = read.document.value;
  const isFramework = "frameworkId" in document;
  return {
    ...record,
    framework: isFramework ? document : null,
    instance: isFramework ? null : document,
    problem: null,
    isPlain: keys.areKept && !read.isCurrent && !sealedByOthers(value, keys),
  };
}

/** True when all that keeps a record from being sealed as it must be is an older key. */
const sealedByOthers = (value: string, keys: SecretKeys): boolean =>
  sealingKeysOf(value).some((id) => id !== keys.ids[0]);

/** Ids of the keys with which something in this text is sealed; sorted. */
export const sealingKeysOf = (value: string): readonly string[] =>
  [...new Set([...value.matchAll(/"sealed:1:([0-9a-f]{8}):/g)].map(([, id = ""]) => id))].sort();
