/**
 * Owns the carrying of bytes in one direction on the handles of two sockets: the hot path of the userspace plane. One read
 * buffer for the whole process; what was read is copied to a second one and written at once; nothing is allocated, and no
 * other part of Node runs, unless the receiver is slow. Then the sender is not read until all of it is written: one buffer
 * is the most that waits. Not: what follows from an end (relay.ts), nor the guard (node-handles.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Socket } from "node:net";
import type { Way } from "./carry.js";
import { handleOf, type NodeStreams, type StreamHandle } from "./node-handles.js";

/** Most bytes of one read: what one direction keeps in memory while its receiver is slow. 16 commands of 1 KiB fit. */
export const pieceBytesMax = 32 * 1024;

/** Up to so many bytes a loop copies faster than a call. */
const loopBytesMax = 64;

/** All reads come here: between a read and its copy nothing else runs. */
const readBuffer = new Uint8Array(new ArrayBuffer(pieceBytesMax));

/** What is written now. A write that has not ended keeps it, and another one is made. */
let writeBuffer = new ArrayBuffer(pieceBytesMax);

let writeRequest: ReturnType<NodeStreams["createWrite"]> | null = null;

/** A copy of the first bytes that were read. */
function copied(count: number): Uint8Array {
  const bytes = new Uint8Array(writeBuffer, 0, count);
  if (count > loopBytesMax) bytes.set(readBuffer.subarray(0, count));
  else for (let index = 0; index < count; index += 1) bytes[index] = readBuffer[index] ?? 0;
  return bytes;
}

/** Carries between two handles; see {@link carryDirectly}. */
function carryHandles(
  streams: NodeStreams,
  source: StreamHandle,
  sink: StreamHandle,
  way: Way,
): { stop(): void } {
  const { state, readIndex, pendingIndex, endOfStream } = streams;
  let isOver = false;
  const written = (status: number): void => {
    if (isOver) return;
    if (status < 0) way.failed();
    else source.readStart();
  };
  source.onread = () => {
    const count = state[readIndex] ?? 0;
    if (isOver || count === 0) return;
    if (count < 0) {
      isOver = true;
      if (count === endOfStream) way.ended();
      else way.failed();
      return;
    }
    writeRequest ??= streams.createWrite();
    way.tally.bytes += count;
    way.isMoving = true;
    if (sink.writeBuffer(writeRequest, copied(count)) !== 0) {
      isOver = true;
      way.failed();
    } else if (state[pendingIndex] !== 0) {
      source.readStop();
      writeRequest.oncomplete = written;
      writeRequest = null;
      writeBuffer = new ArrayBuffer(pieceBytesMax);
    }
  };
  return {
    stop: () => {
      isOver = true;
    },
  };
}

/**
 * Carries from `from` to `to` until an end; both are connected, nobody reads `from`, and nothing more is written to `to`
 * by its stream. false: it cannot, and nothing was changed.
 */
export function carryDirectly(streams: NodeStreams, from: Socket, to: Socket, way: Way): boolean {
  const source = handleOf(from);
  const sink = handleOf(to);
  if (source === null || sink === null) return false;
  if (from.readableEnded) {
    way.ended();
    return true;
  }
  source.readStop();
  source.useUserBuffer(readBuffer);
  const carrying = carryHandles(streams, source, sink, way);
  // Its stream had read the end before its bytes were taken from it.
  from.once("end", () => {
    carrying.stop();
    way.ended();
  });
  from.once("close", carrying.stop);
  source.readStart();
  return true;
}
