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

/** First line of each document: the layout, and a stamp that no other write of this store ever has. */
const heading = "mr-redis/1 ";

const headingPattern = /^mr-redis\/1 (\d+\.\d+)$/;

/** Longest first line: two safe integers. */
const headingBytesMax = 64;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of a document. `stamp` is `<term>.<number>`. */
export const encodeDocument = (stamp: string, value: string): Buffer =>
  Buffer.from(`${heading}${stamp}\n${value}`);

/**
 * By its stamp it is another in every life of a node, and the answer to a create, which says nothing of the node, need
 * not be followed by a look at it. The version is for writing, and tells changes by hand.
 */
export const revisionOf = (stamp: string, version: number): Revision => `${stamp}.${version}`;

/** What the node of `key` holds. */
export function contentOf(key: DocumentKey, stat: Stat, data: Buffer): NodeContent {
  const { version } = stat;
  if (data.equals(awaitingText)) return { type: "awaiting-text", version };
  const end = data.subarray(0, headingBytesMax).indexOf(10);
  const [, stamp] = headingPattern.exec(data.toString("latin1", 0, Math.max(end, 0))) ?? [];
  if (stamp === undefined) return { type: "broken" };
  try {
    const value = decoder.decode(data.subarray(end + 1));
    const document = { key, revision: revisionOf(stamp, version), value };
    return { type: "document", document, version };
  } catch {
    return { type: "broken" };
  }
}
