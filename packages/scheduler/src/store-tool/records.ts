/**
 * Owns the reading of everything in a store for people, broken records included. Reads only.
 * Not: what is printed or judged (dump.ts, check.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  decodeFramework,
  decodeInstance,
  type FrameworkDocument,
  type InstanceDocument,
  isMrrError,
  isNewerVersion,
  problemsText,
} from "@mr-redis/core";
import type { DocumentKey, LeaderRecord, Store } from "@mr-redis/store";

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
}

/** All of a store. */
export interface SeenStore {
  /** Null when nobody leads, and when that cannot be read: then there is a record that says so. */
  readonly leader: LeaderRecord | null;
  /** Sorted by key. */
  readonly records: readonly SeenRecord[];
}

/** Reads everything. Rejects with MrrError when the store cannot be read at all. */
export async function readStore(store: Store): Promise<SeenStore> {
  const { leader, broken } = await readLeader(store);
  const records = [...broken, ...(await readRecords(store))];
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

async function readRecords(store: Store): Promise<readonly SeenRecord[]> {
  try {
    return (await store.readAll()).map((each) => seen(each.key, each.revision, each.value));
  } catch (error) {
    const lists = isMrrError(error) && error.code === "store-corrupt" ? error.details : {};
    const broken = keysOf(lists.broken);
    const readable = keysOf(lists.readable);
    if (broken.length === 0 && readable.length === 0) throw error;
    const records = broken.map((key) => unread(key, "the store cannot read it"));
    for (const key of readable) {
      const one = await store.read(key as DocumentKey);
      if (one !== null) records.push(seen(one.key, one.revision, one.value));
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
});

function seen(key: string, revision: string, value: string): SeenRecord {
  const isFramework = key === "framework";
  const document = isFramework ? decodeFramework(value) : decodeInstance(value);
  const record = { ...unread(key, ""), revision, value };
  if (!document.ok) {
    const text = problemsText(document.problems).trim();
    const isNewer = isNewerVersion(document.problems);
    return { ...record, problem: isNewer ? `of a newer mr-redis: ${text}` : text };
  }
  return {
    ...record,
    framework: isFramework ? (document.value as FrameworkDocument) : null,
    instance: isFramework ? null : (document.value as InstanceDocument),
    problem: null,
  };
}
