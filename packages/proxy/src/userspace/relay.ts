/**
 * Owns one client's connection and the one to its target: bytes in both directions, and the end of both.
 * A side that reads slowly stops the other one; the end of one direction (FIN) is passed on and the other direction
 * goes on; an abrupt end (RST, an error) of either ends both at once.
 * Not: which target, limits, waiting (listener.ts). The hot path: no streams piped, no buffers beside those of the sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Socket } from "node:net";

/** What the relay tells its owner. */
export interface RelayWatcher {
  bytesUp(count: number): void;
  bytesDown(count: number): void;
  /** Both are closed. Called once. */
  ended(): void;
}

/** Without a byte for so long the kernel asks whether the peer lives. */
const keepAliveMs = 30_000;

/** After one direction has ended, the other one may be silent for so long. */
const halfOpenMsMax = 60_000;

/** A pair of connected sockets, both made with `allowHalfOpen`; `early` is what the client said before there was a target. */
export class Relay {
  readonly #client: Socket;
  readonly #target: Socket;
  #open = 2;

  constructor(client: Socket, target: Socket, early: readonly Buffer[], watcher: RelayWatcher) {
    this.#client = client;
    this.#target = target;
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
    }
    for (const chunk of early) {
      watcher.bytesUp(chunk.length);
      target.write(chunk);
    }
    this.#carry(client, target, (count) => watcher.bytesUp(count), watcher);
    this.#carry(target, client, (count) => watcher.bytesDown(count), watcher);
  }

  /** Ends both at once; what is on its way is given up. */
  cut(): void {
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }

  #carry(from: Socket, to: Socket, count: (bytes: number) => void, watcher: RelayWatcher): void {
    from.on("data", (chunk: Buffer) => {
      count(chunk.length);
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => from.resume());
    const ended = (): void => {
      to.end();
      for (const socket of [from, to]) socket.setTimeout(halfOpenMsMax, () => this.cut());
    };
    if (from.readableEnded) ended();
    else from.once("end", ended);
    // The close that follows tells the same.
    from.on("error", () => {});
    from.once("close", (hadError) => {
      this.#open -= 1;
      if (hadError || !from.readableEnded) to.resetAndDestroy();
      if (this.#open === 0) watcher.ended();
    });
    from.resume();
  }
}
