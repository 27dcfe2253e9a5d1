/**
 * Owns writing tar archives (ustar) whose bytes depend on their content alone: sorted, one time, owner root.
 * Not: what is in them. Called by tools/release.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { gzipSync } from "node:zlib";

const blockBytes = 512;

/** A file of an archive: `path` with slashes, without one in front. */
/** @typedef {{ path: string, content: Buffer, isProgram: boolean }} Entry */

function splitPath(path) {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  const at = path.indexOf("/", path.length - 101);
  if (at < 0 || at > 155) throw new Error(`${path} is too long for a tar archive`);
  return [path.slice(0, at), path.slice(at + 1)];
}

function headerOf({ path, content, isProgram }, seconds) {
  const header = Buffer.alloc(blockBytes);
  const [prefix, name] = splitPath(path);
  const octal = (value, digits, at) =>
    header.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1");
  header.write(name, 0);
  octal(isProgram ? 0o755 : 0o644, 7, 100);
  octal(0, 7, 108);
  octal(0, 7, 116);
  octal(content.length, 11, 124);
  octal(seconds, 11, 136);
  header.write("        0", 148);
  header.write("ustar\u000000root", 257, "latin1");
  header.write("root", 297);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/**
 * The bytes of a .tar.gz.
 * @param {readonly Entry[]} entries in any order
 * @param {number} seconds time of every file, since 1970
 * @param {number} level of gzip
 */
export function tarGz(entries, seconds, level) {
  const sorted = [...entries].sort((one, other) => (one.path < other.path ? -1 : 1));
  const parts = sorted.flatMap((entry) => {
    const rest = entry.content.length % blockBytes;
    const padding = Buffer.alloc(rest === 0 ? 0 : blockBytes - rest);
    return [headerOf(entry, seconds), entry.content, padding];
  });
  const archive = Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
  return gzipSync(archive, { level });
}
