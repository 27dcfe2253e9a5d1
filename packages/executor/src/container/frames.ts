/**
 * Owns taking the output of a container out of the frames in which an engine sends it.
 * Not: what it means (container-process.ts). Source: Docker Engine API, "Attach to a container", stream format.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Kind of output, three zeros, and the number of bytes that follow. */
const headerBytes = 8;

/**
 * Takes bytes as they come, cut anywhere; hands on what is inside the frames, at once: nothing is kept but a begun header,
 * so a frame that claims to be huge costs nothing.
 */
export function createFrameReader(onBytes: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let header = Buffer.alloc(0);
  let left = 0;
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (left === 0) {
        const missing = headerBytes - header.length;
        header = Buffer.concat([header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (header.length < headerBytes) return;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      }
      const bytes = rest.subarray(0, left);
      rest = rest.subarray(left);
      left -= bytes.length;
      if (bytes.length > 0) onBytes(bytes);
    }
  };
}
