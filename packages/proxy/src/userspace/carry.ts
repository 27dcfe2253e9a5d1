/**
 * Owns the carrying of bytes in one direction with the public API of sockets: TLS, and wherever handles are not as expected.
 * Not: what follows from an end (relay.ts), nor the faster way (carry-directly.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Socket } from "node:net";

/** Bytes in one direction, of all connections of a route. */
export interface Tally {
  bytes: number;
}

/** One direction of one connection. */
export interface Way {
  readonly tally: Tally;
  /** Something was carried since this was made false. */
  isMoving: boolean;
  /** The sender has ended its half; everything before was handed on. Called once. */
  ended(): void;
  /** Nothing can be carried any more. */
  failed(): void;
}

/** Carries from `from` to `to` until an end; `from` is paused and both are connected. */
export function carryByStreams(from: Socket, to: Socket, way: Way): void {
  from.on("data", (chunk: Buffer) => {
    way.tally.bytes += chunk.length;
    way.isMoving = true;
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  if (from.readableEnded) way.ended();
  else from.once("end", () => way.ended());
  from.resume();
}
