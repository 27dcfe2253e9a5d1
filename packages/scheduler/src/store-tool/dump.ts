/**
 * Owns how a store is printed: one JSON object a line, without secrets.
 * Not: reading (records.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { sealedPrefix } from "@mr-redis/core";
import type { SeenRecord, SeenStore } from "./records.js";

/** Keys whose values are secrets, in documents of any version and in Redis settings. */
const secretKey = /secret|password|passwd|masterauth|requirepass|masteruser|credential|token/i;

/** The store as lines: first who leads, then each record. */
export function* dumpLines({ leader, records }: SeenStore): Iterable<string> {
  yield JSON.stringify({ leader });
  for (const record of records) yield JSON.stringify(shown(record));
}

function shown({ key, revision, value, problem, isSealed }: SeenRecord): object {
  const broken = problem === null || isSealed ? {} : { problem };
  if (value === null) return { key, ...broken };
  try {
    return { key, revision, ...broken, document: masked(JSON.parse(value)) };
  } catch {
    // What is no JSON may be anything, a secret too.
    return { key, revision, ...broken, characters: value.length };
  }
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value === "string" && value.startsWith(sealedPrefix)) return "***";
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      secretKey.test(key) && part !== null ? "***" : masked(part),
    ]),
  );
}
