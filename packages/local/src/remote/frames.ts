/**
 * Owns the frames of the link between a master and an agent of its own process: four bytes of length (big-endian), then
 * that many bytes of JSON. Not: what is in them (frame-check.ts), nor the connection. Called by link-socket.ts.
 * The protocol is private to mrr-local: both ends must be of the same version (handshake.ts).
 * SPDX-License-Identifier: Apache-2.0
 */

/** Largest frame: the registration of an agent with all its tasks; their data is what is long in them. */
export const frameBytesMax = 64 * 1024 * 1024;

/** Largest frame before the other side has proved that it knows the secret. */
export const strangerBytesMax = 1024;

const headBytes = 4;

/** A value as a frame. Throws when it is larger than {@link frameBytesMax}: only a defect makes such a one. */
export function encodeFrame(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > frameBytesMax) throw new Error(`a frame of ${bytes} bytes`);
  const frame = Buffer.allocUnsafe(headBytes + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.write(text, headBytes);
  return frame;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #held = 0;
  /** Length of the frame that is being read; null while its head is incomplete. */
  #wanted: number | null = null;
  /** Longer frames are refused from now on. */
  bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Takes bytes over. */
  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
  }

  /**
   * The next whole frame; undefined when more bytes are needed. Throws on a frame that is too long or no JSON: the
   * connection is of no use then.
   */
  next(): unknown {
    if (this.#wanted === null) {
      if (this.#held < headBytes) return undefined;
      this.#wanted = this.#take(headBytes).readUInt32BE(0);
    }
    if (this.#wanted > this.bytesMax) throw new Error(`a frame of ${this.#wanted} bytes`);
    if (this.#held < this.#wanted) return undefined;
    const text = this.#take(this.#wanted).toString("utf8");
    this.#wanted = null;
    return JSON.parse(text);
  }

  #take(count: number): Buffer {
    const whole = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const bytes = whole ?? Buffer.alloc(0);
    this.#chunks = bytes.length === count ? [] : [bytes.subarray(count)];
    this.#held -= count;
    return bytes.subarray(0, count);
  }
}
