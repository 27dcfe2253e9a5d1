/**
 * Owns making a single executable of a Linux node (x64 or arm64) and one script: the blob of Node's own
 * `--experimental-sea-config` is put in as an ELF note, which is where node looks for it.
 * Not: the script. The note lies at the end of the file, in a segment of its own; room for that segment's entry in the table
 * of segments is made by moving the name of the dynamic loader there as well. Source: elf(5); Node 20, single executable
 * applications. Called by tools/release.
 * SPDX-License-Identifier: Apache-2.0
 */

const noteName = "NODE_SEA_BLOB";
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:";
const pageBytes = 0x10000;
const headerBytes = 56;
const types = { load: 1, interp: 3, note: 4, phdr: 6 };

const roundUp = (value, step) => Math.ceil(value / step) * step;

const unfit = (why) =>
  new Error(
    `${process.execPath} cannot become a single executable: ${why}. Use a Node of nodejs.org or nodesource.`,
  );

function readHeaders(elf) {
  const isElf64 = elf.readUInt32BE(0) === 0x7f454c46 && elf[4] === 2 && elf[5] === 1;
  if (!isElf64) throw unfit("it is no 64-bit ELF file");
  const start = Number(elf.readBigUInt64LE(32));
  const count = elf.readUInt16LE(56);
  const headers = Array.from({ length: count }, (_, index) => {
    const at = start + index * headerBytes;
    const number = (offset) => Number(elf.readBigUInt64LE(at + offset));
    return {
      type: elf.readUInt32LE(at),
      flags: elf.readUInt32LE(at + 4),
      offset: number(8),
      address: number(16),
      fileBytes: number(32),
      memoryBytes: number(40),
      align: number(48),
    };
  });
  return { start, headers };
}

function writeHeaders(elf, start, headers) {
  elf.writeUInt16LE(headers.length, 56);
  headers.forEach((header, index) => {
    const at = start + index * headerBytes;
    elf.writeUInt32LE(header.type, at);
    elf.writeUInt32LE(header.flags, at + 4);
    [header.offset, header.address, header.address, header.fileBytes].forEach((value, field) => {
      elf.writeBigUInt64LE(BigInt(value), at + 8 + 8 * field);
    });
    elf.writeBigUInt64LE(BigInt(header.memoryBytes), at + 40);
    elf.writeBigUInt64LE(BigInt(header.align), at + 48);
  });
}

/** Bytes behind the table that may be overwritten: the loader's name, and notes about the build. */
function roomEnd(tableEnd, headers) {
  const movable = headers
    .filter(({ type }) => type === types.interp || type === types.note)
    .sort((one, other) => one.offset - other.offset);
  let end = tableEnd;
  for (const { offset, fileBytes } of movable) {
    if (offset >= end && offset - end < 16) end = offset + fileBytes;
  }
  return end;
}

function noteOf(blob) {
  const name = Buffer.alloc(roundUp(noteName.length + 1, 4));
  name.write(noteName);
  const head = Buffer.alloc(12);
  head.writeUInt32LE(noteName.length + 1, 0);
  head.writeUInt32LE(blob.length, 4);
  return Buffer.concat([head, name, blob, Buffer.alloc(roundUp(blob.length, 4) - blob.length)]);
}

/** The node in `original` with `blob` as its program. Throws when this node has no room for it. */
export function singleExecutable(original, blob) {
  const { start, headers } = readHeaders(original);
  const interp = headers.find(({ type }) => type === types.interp);
  if (interp === undefined) throw unfit("it is linked statically");
  const name = original.subarray(interp.offset, interp.offset + interp.fileBytes);
  const note = noteOf(blob);
  const offset = roundUp(original.length, pageBytes);
  const ends = headers.map(({ address, memoryBytes }) => address + memoryBytes);
  const address = roundUp(Math.max(...ends), pageBytes);
  const bytes = note.length + name.length;
  const sized = (from, length) => ({
    offset: offset + from,
    address: address + from,
    fileBytes: length,
    memoryBytes: length,
  });
  const lastLoad = headers.findLastIndex(({ type }) => type === types.load);
  const changed = headers.flatMap((header, index) => {
    if (header.type === types.note) return [];
    if (header.type === types.interp) return [{ ...header, ...sized(note.length, name.length) }];
    const load = { type: types.load, flags: 4, ...sized(0, bytes), align: pageBytes };
    return index === lastLoad ? [header, load] : [header];
  });
  changed.push({ type: types.note, flags: 4, ...sized(0, note.length), align: 4 });
  const tableEnd = start + changed.length * headerBytes;
  if (tableEnd > roomEnd(start + headers.length * headerBytes, headers)) {
    throw unfit("there is no room for another segment");
  }
  const table = { fileBytes: changed.length * headerBytes };
  const complete = changed.map((header) =>
    header.type === types.phdr ? { ...header, ...table, memoryBytes: table.fileBytes } : header,
  );
  const elf = Buffer.alloc(offset + bytes);
  original.copy(elf);
  writeHeaders(elf, start, complete);
  note.copy(elf, offset);
  name.copy(elf, offset + note.length);
  const fuseAt = elf.indexOf(`${fuse}0`);
  if (fuseAt < 0) throw unfit("it was built without single executables");
  elf.write("1", fuseAt + fuse.length);
  return elf;
}
