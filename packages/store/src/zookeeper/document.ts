/**
 * Owns what a node of a document holds and how it is read: text, revision, and the node that waits for its text.
 * Not: when it is written (writer.ts). Called by the modules of this driver.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import type { DocumentKey, Revision, StoredDocument } from "../port.js";
import type { Stat } from "./native.js";

/**
 * A node that was made and protected but not yet written; for readers it is not there. The client can only make nodes
 * that everyone may read, and protect them afterwards: so where there is a user, the text comes last. No UTF-8 text
 * has this byte.
 */
export const awaitingText: Buffer = Buffer.from([0xff]);

/** What a node holds. `broken`: something that mr-redis has not written. */
export type NodeContent =
  | { readonly type: "document"; readonly document: StoredDocument; readonly version: number }
  | { readonly type: "awaiting-text"; readonly version: number }
  | { readonly type: "broken" };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** By the transaction of the last change alone it is another in every life of a node; the version is for writing. */
export const revisionOf = (stat: Stat): Revision => `${stat.mzxid.toString(16)}.${stat.version}`;

/** What the node of `key` holds. */
export function contentOf(key: DocumentKey, stat: Stat, data: Buffer): NodeContent {
  const { version } = stat;
  if (data.equals(awaitingText)) return { type: "awaiting-text", version };
  try {
    const document = { key, revision: revisionOf(stat), value: decoder.decode(data) };
    return { type: "document", document, version };
  } catch {
    return { type: "broken" };
  }
}
