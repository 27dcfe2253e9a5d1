/**
 * Owns the reading of all documents as of one revision, in pages that fit a message.
 * Not: single keys. Called by store.ts and document-watch.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import { MrrError } from "@mr-redis/core";
import type { IKeyValue, IRangeResponse } from "etcd3";
import type { DocumentKey, StoredDocument } from "../port.js";
import { EtcdFailure } from "./failure.js";
import { documentOf, type EtcdKeys } from "./keys.js";
import { messageBytesMax } from "./member.js";
import type { EtcdServers } from "./servers.js";

/** Keys of the first page: fits a message when all documents are as large as they may be. */
const pageFirst = 64;

/** Keys of a page where documents are small. */
const pageMax = 1024;

/** Bytes of a page up to which the next one may be four times as long. */
const smallPageBytes = messageBytesMax / 64;

/** Readings from the start because the revision was compacted meanwhile; each takes well below a compaction's period. */
const restartsMax = 5;

/** All our documents at one time. */
export interface DocumentPairs {
  /** Of the whole store; what is changed later has a higher one. */
  readonly revision: string;
  readonly pairs: ReadonlyMap<DocumentKey, IKeyValue>;
}

/** Reads our documents, or with `keysOnly` their keys and revisions. Rejects with EtcdFailure. */
export async function readPairs(
  servers: EtcdServers,
  keys: EtcdKeys,
  options: { readonly keysOnly: boolean },
): Promise<DocumentPairs> {
  for (let rest = restartsMax; ; rest -= 1) {
    try {
      return await readPages(servers, keys, options.keysOnly);
    } catch (error) {
      const isCompacted = error instanceof EtcdFailure && error.kind === "compacted";
      if (!isCompacted || rest === 0) throw error;
    }
  }
}

async function readPages(
  servers: EtcdServers,
  keys: EtcdKeys,
  keysOnly: boolean,
): Promise<DocumentPairs> {
  const pairs = new Map<DocumentKey, IKeyValue>();
  let revision: string | null = null;
  let start = keys.documents.start;
  for (let limit = keysOnly ? pageMax : pageFirst; ; ) {
    const at = revision === null ? {} : { revision };
    const request = {
      key: start,
      range_end: keys.documents.end,
      keys_only: keysOnly,
      limit,
      ...at,
    };
    let page: IRangeResponse;
    try {
      page = await servers.read((member, limits) => member.kv.range(request, limits));
    } catch (error) {
      // The documents behind small ones may be large.
      if (!(error instanceof EtcdFailure) || error.kind !== "large" || limit === 1) throw error;
      limit = Math.min(pageFirst, Math.ceil(limit / 4));
      continue;
    }
    revision ??= page.header.revision;
    for (const pair of page.kvs) {
      const key = keys.documentKey(pair.key);
      if (key !== null) pairs.set(key, pair);
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { revision, pairs };
    start = Buffer.concat([last.key, Buffer.of(0)]);
    const bytes = page.kvs.reduce((sum, pair) => sum + pair.value.length, 0);
    if (bytes <= smallPageBytes) limit = Math.min(pageMax, limit * 4);
    else limit = Math.min(limit, pageFirst);
  }
}

/** The documents, or MrrError `store-corrupt` naming those that are no text: nothing of ours wrote them. */
export function documentsOf(pairs: ReadonlyMap<DocumentKey, IKeyValue>): readonly StoredDocument[] {
  const documents: StoredDocument[] = [];
  const broken: DocumentKey[] = [];
  for (const [key, pair] of pairs) {
    const document = documentOf(key, pair);
    if (document === null) broken.push(key);
    else documents.push(document);
  }
  if (broken.length === 0) return documents;
  const readable = documents.map((document) => document.key);
  throw corrupt(broken, readable);
}

/** What is read where something lies that no mr-redis writes. */
export const corrupt = (broken: readonly string[], readable: readonly string[]): MrrError =>
  new MrrError(
    "store-corrupt",
    `etcd holds at ${broken.join(", ")} what mr-redis never writes; is it another program's? Does DBEndPoint name the right etcd?`,
    { details: { broken, readable } },
  );
