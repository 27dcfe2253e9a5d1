/**
 * Owns what is told of the keys that seal the secrets of a store: which are in use, and what is in the clear.
 * Not: reading (records.ts), nor what is wrong (check.ts). Called by run.ts. Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SecretKeys } from "../secrets/secret-keys.js";
import { type SeenStore, sealingKeysOf } from "./records.js";

/** A line for each key that is in use, and one for records in the clear where there are keys. */
export function keyLines({ records }: SeenStore, keys: SecretKeys): readonly string[] {
  const counts = new Map<string, number>();
  for (const { value } of records) {
    for (const id of value === null ? [] : sealingKeysOf(value)) {
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  const lines = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, count]) => `key ${id} (${placeOf(id, keys)}): ${countText(count)}`);
  const plain = records.filter(({ isPlain }) => isPlain).length;
  return plain === 0 ? lines : [...lines, `in the clear: ${countText(plain)}`];
}

function placeOf(id: string, keys: SecretKeys): string {
  const at = keys.ids.indexOf(id);
  return at < 0 ? "not here" : at === 0 ? "seals now" : "opens only";
}

const countText = (count: number): string =>
  `secrets of ${count} ${count === 1 ? "record" : "records"}`;
