/**
 * Owns RecordIO, the framing of both event streams: `<length in bytes>\n<bytes>`, with nothing after it.
 * Not: what a record holds (codecs), nor the sockets. Called by the sessions and by servers of the same protocol.
 * Source of the rule: Apache Mesos, docs/recordio.md and src/common/recordio.hpp.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Largest record that is read. An OFFERS event of thousands of agents is some megabytes; more is an attack or noise. */
export const recordBytesMax = 64 * 1024 * 1024;

/** Longest length line: 2^64 has 20 digits. Without a limit a stream without a line feed would grow for ever. */
const lengthDigitsMax = 20;

/** First piece of memory for a record that is not in one chunk; it doubles, so a lie about the length costs nothing. */
const pieceBytesFirst = 64 * 1024;

const lineFeed = 0x0a;

/** Why a stream cannot be read on. Nothing after it can be trusted: close and subscribe anew. */
export type RecordFault =
  | { readonly type: "length-malformed"; readonly text: string }
  | { readonly type: "record-too-large"; readonly lengthBytes: number; readonly bytesMax: number };

/** The records that a chunk completed, in order; with a fault these are the ones before it. */
export type RecordBatch =
  | { readonly ok: true; readonly records: readonly Uint8Array[] }
  | { readonly ok: false; readonly records: readonly Uint8Array[]; readonly fault: RecordFault };

/** A push decoder of one stream. */
export interface RecordDecoder {
  /**
   * Takes the next bytes, split anywhere, and answers what became complete. Records of no bytes are left out.
   * A record may be a view of `chunk`. After a fault every further call answers the same fault.
   */
  push(chunk: Uint8Array): RecordBatch;
  /** True when bytes of an unfinished record or length are held: a stream that ends now was cut. */
  isTruncated(): boolean;
}

/** One record with its length line. */
export function encodeRecord(record: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${record.length}\n`);
  const framed = new Uint8Array(head.length + record.length);
  framed.set(head, 0);
  framed.set(record, head.length);
  return framed;
}

/** A decoder for one stream. `bytesMax` (default {@link recordBytesMax}) is the longest record that is taken. */
export function createRecordDecoder(bytesMax: number = recordBytesMax): RecordDecoder {
  let lengthDigits = "";
  let record: GrowingRecord | null = null;
  let fault: RecordFault | null = null;

  /** Reads on in the length line; answers the offset after what it used. */
  const pushLength = (chunk: Uint8Array, start: number): number => {
    const end = chunk.indexOf(lineFeed, start);
    const stop = end === -1 ? chunk.length : end;
    const take = Math.min(stop, start + lengthDigitsMax + 1 - lengthDigits.length);
    for (let index = start; index < take; index += 1) {
      lengthDigits += String.fromCharCode(chunk[index] ?? 0);
    }
    if (!/^\d{0,20}$/.test(lengthDigits) || (end !== -1 && lengthDigits === "")) {
      fault = { type: "length-malformed", text: lengthDigits };
      return chunk.length;
    }
    if (end === -1) return chunk.length;
    const lengthBytes = Number(lengthDigits);
    lengthDigits = "";
    if (lengthBytes > bytesMax) fault = { type: "record-too-large", lengthBytes, bytesMax };
    else if (lengthBytes > 0) record = new GrowingRecord(lengthBytes);
    return end + 1;
  };

  return {
    push(chunk) {
      const records: Uint8Array[] = [];
      let offset = 0;
      while (offset < chunk.length && fault === null) {
        if (record === null) {
          offset = pushLength(chunk, offset);
          continue;
        }
        const end = Math.min(chunk.length, offset + record.missingBytes());
        const complete = record.add(chunk.subarray(offset, end));
        offset = end;
        if (complete !== null) {
          records.push(complete);
          record = null;
        }
      }
      return fault === null ? { ok: true, records } : { ok: false, records, fault };
    },
    isTruncated: () => record !== null || lengthDigits !== "",
  };
}

/** The bytes of one record so far: each byte is copied a bounded number of times, memory at most twice what came. */
class GrowingRecord {
  readonly #lengthBytes: number;
  #held = new Uint8Array(0);
  #heldBytes = 0;

  constructor(lengthBytes: number) {
    this.#lengthBytes = lengthBytes;
  }

  missingBytes(): number {
    return this.#lengthBytes - this.#heldBytes;
  }

  /** Adds at most {@link missingBytes}; answers the record when it is complete. */
  add(part: Uint8Array): Uint8Array | null {
    if (part.length === this.#lengthBytes) return part;
    const needed = this.#heldBytes + part.length;
    if (needed > this.#held.length) {
      const size = Math.max(needed, 2 * this.#held.length, pieceBytesFirst);
      const grown = new Uint8Array(Math.min(size, this.#lengthBytes));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = needed;
    return needed === this.#lengthBytes ? this.#held : null;
  }
}
