/**
 * Owns what must be known of a file before it is served: its hash, and whether it is a node with a program in it.
 * Not: serving (server.ts). Called by executor-artifact.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** What a node carries that was made a single executable (Node 20, single executable applications). */
const singleMark = Buffer.from("NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1");

/** Bytes read at once: a node has some 100 MB. */
const chunkBytes = 1024 * 1024;

/** What {@link inspectFile} tells. */
export interface FileInspection {
  /** Of SHA-256, the first 12 digits in hex. */
  readonly hash: string;
  readonly isSingleExecutable: boolean;
}

/** Reads the file once. Rejects as `fs` does. */
export async function inspectFile(path: string): Promise<FileInspection> {
  const sum = createHash("sha256");
  let isSingleExecutable = false;
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    const data = chunk as Buffer;
    sum.update(data);
    const seam = Buffer.concat([tail, data.subarray(0, singleMark.length - 1)]);
    isSingleExecutable ||= seam.includes(singleMark) || data.includes(singleMark);
    tail = data.subarray(-(singleMark.length - 1));
  }
  return { hash: sum.digest("hex").slice(0, 12), isSingleExecutable };
}
