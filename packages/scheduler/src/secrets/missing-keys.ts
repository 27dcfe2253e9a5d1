/**
 * Owns the words for records whose keys are not here. Called by load.ts and the store tool.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import type { DocumentKey } from "@mr-redis/store";
import type { SecretKeys } from "./secret-keys.js";

/** Records that are named; the others are counted. */
const namedMax = 5;

/** `store-sealed`, with the ids of the keys that are missing and of those that are here. */
export function missingKeysError(
  records: readonly DocumentKey[],
  missing: ReadonlySet<string>,
  keys: SecretKeys,
): MrrError {
  const names = records.slice(0, namedMax).join(", ");
  const more = records.length > namedMax ? ` and ${records.length - namedMax} more` : "";
  const needed = [...missing].sort();
  const text =
    `secrets of ${names}${more} are sealed with ${keysText(needed)}, and ${hereText(keys)}; ` +
    "nothing was changed in the store";
  return new MrrError("store-sealed", text, {
    details: { records: records.length, missingKeys: needed, keys: keys.ids },
  });
}

const keysText = (ids: readonly string[]): string =>
  `${ids.length === 1 ? "key" : "keys"} ${ids.join(", ")}`;

/** What is here instead. */
export const hereText = (keys: SecretKeys): string =>
  keys.areKept ? `SecretKeyFile has ${keysText(keys.ids)} only` : "there is no SecretKeyFile";
