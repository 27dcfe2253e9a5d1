/**
 * Owns finding out that LevelDB's log was damaged. LevelDB itself drops what it cannot read there and goes on, so
 * that documents that were answered for would be missing without a word.
 * Not: damage elsewhere (LevelDB checks its manifest, record.ts our values). Called by disk.ts before each open.
 *
 * Format (LevelDB, doc/log_format.md): blocks of 32 KiB; in each, records of `crc32c(type, data) masked` u32le,
 * length u16le, type u8 (1 full, 2 first, 3 middle, 4 last), data; the last 6 bytes or fewer of a block are zero.
 * SPDX-License-Identifier: Apache-2.0
 */

const blockBytes = 32 * 1024;
const headerBytes = 7;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli) of `bytes` from `begin` to `end`. */
export function crc32c(bytes: Uint8Array, begin: number, end: number): number {
  let crc = 0xffffffff;
  for (let at = begin; at < end; at += 1) {
    crc = (crcTable[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** LevelDB stores sums rotated and shifted by a constant. */
export const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

interface LogRecord {
  readonly type: number;
  readonly end: number;
}

/** The whole and correct record at `at`, or null. */
function recordAt(bytes: Uint8Array, view: DataView, at: number): LogRecord | null {
  const blockEnd = Math.min(bytes.length, at - (at % blockBytes) + blockBytes);
  if (at + headerBytes > blockEnd) return null;
  const type = bytes[at + 6] ?? 0;
  const end = at + headerBytes + view.getUint16(at + 4, true);
  if (type < 1 || type > 4 || end > blockEnd) return null;
  return masked(crc32c(bytes, at + 6, end)) === view.getUint32(at, true) ? { type, end } : null;
}

/**
 * Where in a log something is damaged that was on the disk once, or null. A damaged end is none: it is what a
 * crash leaves of a write that nobody was answered for. Each write is on the disk before the next begins, so a
 * damage is proven by the correct beginning (full or first) of any later one.
 */
export function logDamage(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let damagedAt: number | null = null;
  for (let at = 0; at < bytes.length; ) {
    const record = recordAt(bytes, view, at);
    if (record !== null) {
      if (damagedAt !== null && record.type <= 2) return damagedAt;
      at = record.end;
    } else if (blockBytes - (at % blockBytes) < headerBytes) {
      at += blockBytes - (at % blockBytes);
    } else {
      damagedAt ??= at;
      at += 1;
    }
  }
  return null;
}
