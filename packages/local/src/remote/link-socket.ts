/**
 * Owns one connection of a link as a carrier of frames: in order, with a limit on what waits, ended once.
 * Not: what the frames mean (agent-links.ts, master-link.ts). Called by both.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { encodeFrame, FrameReader, frameBytesMax, strangerBytesMax } from "./frames.js";

/** A side that leaves so much unread is held for dead: above the largest frame and a burst of launches. */
export const unreadBytesMax = 2 * frameBytesMax;

/** How long the last frame may take to be written. */
const lastFrameMsMax = 5_000;

/** What happens on a connection. */
export interface LinkSocketEvents {
  /** A frame came. */
  frame(value: unknown): void;
  /** It has ended; called once, never within a call of this object. */
  closed(why: string): void;
}

/** A connection on which both sides speak in frames. */
export class LinkSocket {
  readonly #socket: Duplex;
  readonly #events: LinkSocketEvents;
  readonly #reader = new FrameReader(strangerBytesMax);
  #why = "the other side closed the connection";
  #isEnded = false;

  /** `head`: bytes that came along with the end of the handshake. */
  constructor(socket: Duplex, head: Buffer, events: LinkSocketEvents) {
    this.#socket = socket;
    this.#events = events;
    if (socket instanceof Socket) socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#end(error.message));
    socket.on("end", () => this.#end(this.#why));
    socket.on("close", () => {
      this.#isEnded = true;
      events.closed(this.#why);
    });
    if (head.length > 0) socket.unshift(head);
  }

  /** The other side has shown who it is: its frames may be long from now on. */
  trust(): void {
    this.#reader.bytesMax = frameBytesMax;
  }

  /** Sends a frame; it is lost when the connection has ended. */
  send(frame: unknown): void {
    if (this.#isEnded) return;
    this.#socket.write(encodeFrame(frame));
    if (this.#socket.writableLength > unreadBytesMax) this.#end("the other side does not read");
  }

  /** Sends a last frame and ends the connection behind it; `closed` follows. Nothing is taken in any more. */
  endWith(frame: unknown, why: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#why = why;
    const destroy = (): void => {
      this.#socket.destroy();
    };
    if (this.#socket instanceof Socket) this.#socket.setTimeout(lastFrameMsMax, destroy);
    this.#socket.end(encodeFrame(frame), destroy);
  }

  /** Ends the connection at once; `closed` follows. */
  end(why: string): void {
    this.#end(why);
  }

  #take(chunk: Buffer): void {
    if (this.#isEnded) return;
    this.#reader.add(chunk);
    for (let value = this.#next(); value !== undefined; value = this.#next()) {
      this.#events.frame(value);
    }
  }

  #next(): unknown {
    if (this.#isEnded) return undefined;
    try {
      return this.#reader.next();
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #end(why: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#why = why;
    this.#socket.destroy();
  }
}
