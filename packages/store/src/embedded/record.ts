/**
 * Owns how things are named and written in the data files: layout version 1.
 *
 * | key                          | value                                    |
 * | /mr-redis/version            | `1`                                      |
 * | /mr-redis/term               | record of `{"term":..,"holder":..}`      |
 * | /mr-redis/documents/<key>    | record of a document                     |
 *
 * A record is `<crc32 in 8 hex digits> <revision> <text>`; the sum covers the key too, so that a value under a
 * wrong key is found out. (LevelDB does not check its own sums when it reads.)
 * Not: reading and writing them (table.ts). Called by table.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { crc32 } from "node:zlib";

/** The layout that this program writes. */
export const layoutVersion = 1;

/** Where the layout's version stands, as plain digits: readable by every later program. */
export const versionKey = "/mr-redis/version";

/** Where the last term stands. */
export const termKey = "/mr-redis/term";

/** What the keys of documents begin with. */
export const documentPrefix = "/mr-redis/documents/";

/** A record taken apart. */
export interface Entry {
  readonly revision: string;
  readonly text: string;
}

const sumOf = (key: string, body: string): string =>
  crc32(body, crc32(`${key}\0`))
    .toString(16)
    .padStart(8, "0");

/** The record of `entry` under `key`. The revision has no space. */
export function encodeRecord(key: string, entry: Entry): string {
  const body = `${entry.revision} ${entry.text}`;
  return `${sumOf(key, body)} ${body}`;
}

/** What {@link encodeRecord} was given, or null when the record was damaged. */
export function decodeRecord(key: string, record: string): Entry | null {
  const body = record.slice(9);
  const space = body.indexOf(" ");
  if (record[8] !== " " || space < 1 || record.slice(0, 8) !== sumOf(key, body)) return null;
  return { revision: body.slice(0, space), text: body.slice(space + 1) };
}

/** The term that a revision (`<term>-<count>`) was written in. */
export const termOfRevision = (revision: string): number => Number.parseInt(revision, 10) || 0;
