/**
 * Owns opening, with the key alone and none of our programs, what a scheduler has sealed in an embedded store: so that a test
 * knows every secret that is in there. Not: the search for them. Called by the tests of secrets.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createDecipheriv } from "node:crypto";

/** LevelDB writes its log in blocks, each record (or part of one) with a head: checksum 4, length 2, type 1. */
const blockBytes = 32 * 1024;
const headBytes = 7;

/** What was written to a log of LevelDB, without the heads that would cut a text in two. */
function writtenTo(log: Buffer): string {
  const parts: Buffer[] = [];
  for (let start = 0; start < log.length; start += blockBytes) {
    const block = log.subarray(start, start + blockBytes);
    for (let at = 0; at + headBytes < block.length; ) {
      const end = at + headBytes + block.readUInt16LE(at + 4);
      parts.push(block.subarray(at + headBytes, end));
      if (end === at + headBytes) break;
      at = end;
    }
  }
  return Buffer.concat(parts).toString("latin1");
}

const sealedPattern = /sealed:1:([0-9a-f]{8}):([A-Za-z0-9_-]+)/g;
const nonceBytes = 12;
const tagBytes = 16;

function opened(key: Buffer, keyId: string, payload: string, record: string): string | null {
  const bytes = Buffer.from(payload, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes));
  decipher.setAAD(Buffer.from(`mr-redis sealed 1\n${keyId}\n${record}`));
  try {
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    const sealed = bytes.subarray(nonceBytes, -tagBytes);
    return decipher.update(sealed, undefined, "utf8") + decipher.final("utf8");
  } catch {
    // Of another record.
    return null;
  }
}

/**
 * Every text that was sealed in a log of the store, by its record; `records` as the store names them, `key` as in a key
 * file.
 */
export function unsealed(
  log: Buffer,
  key: string,
  records: readonly string[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const tried = new Set<string>();
  for (const [text, keyId = "", payload = ""] of writtenTo(log).matchAll(sealedPattern)) {
    if (tried.has(text)) continue;
    tried.add(text);
    for (const record of records) {
      const plain = opened(Buffer.from(key, "base64"), keyId, payload, record);
      if (plain !== null) found.set(record, (found.get(record) ?? new Set()).add(plain));
    }
  }
  return found;
}
