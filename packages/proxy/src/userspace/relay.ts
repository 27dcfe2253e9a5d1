/**
 * Owns one client's connection and the one to its target: bytes in both directions, and the end of both.
 * A side that reads slowly stops the other one; the end of one direction (FIN) is passed on and the other direction
 * goes on; an abrupt end (RST, an error) of either ends both at once.
 * Not: which target, limits, waiting (listener.ts), nor the hot path (carry-directly.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Clock, Timer } from "@mr-redis/core";
import { carryByStreams, type Tally, type Way } from "./carry.js";
import { carryDirectly } from "./carry-directly.js";
import { handleOf, type NodeStreams } from "./node-handles.js";

/** After one direction has ended, the other one may be silent for so long. */
const halfOpenMsMax = 60_000;

/** What a relay is made of. */
export interface RelayOptions {
  /** Both are connected, made with `allowHalfOpen`, paused, and have nobody who reads them. */
  readonly client: Socket;
  readonly target: Socket;
  /** What the client said before there was a target. */
  readonly early: readonly Buffer[];
  readonly up: Tally;
  readonly down: Tally;
  readonly clock: Clock;
  /** null: only the public API is used. */
  readonly streams: NodeStreams | null;
  /** Both are closed. Called once. */
  ended(): void;
}

const nothing = (): void => {};

/** Ends a socket at once, by a reset where one can be sent: the handle of a socket that is just ending takes none. */
export function abort(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (isEnding || socket.destroyed || socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

/** See the head of this file. */
export class Relay {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #clock: Clock;
  readonly #ended: () => void;
  #open = 2;
  /** Directions whose sender has ended, and those whose receiver has been told. */
  #ends = 0;
  #finishes = 0;
  #halfOpen: Timer | null = null;
  #ways: readonly Way[] = [];

  constructor({ client, target, early, up, down, clock, streams, ended }: RelayOptions) {
    this.#client = client;
    this.#target = target;
    this.#clock = clock;
    this.#ended = ended;
    for (const socket of [client, target]) {
      // The close that follows tells the same.
      socket.on("error", nothing);
      socket.once("close", () => this.#closed());
    }
    if (early.length > 0) {
      // One write: what waited in the stream would come after what the hot path writes.
      const bytes = Buffer.concat(early);
      up.bytes += bytes.length;
      target.write(bytes);
    }
    const isDirect = streams !== null && handleOf(client) !== null && handleOf(target) !== null;
    const upward = this.#way(target, up);
    const downward = this.#way(client, down);
    this.#ways = [upward, downward];
    if (!isDirect || !carryDirectly(streams, client, target, upward)) {
      carryByStreams(client, target, upward);
    }
    if (!isDirect || !carryDirectly(streams, target, client, downward)) {
      carryByStreams(target, client, downward);
    }
  }

  /** Ends both at once; what is on its way is given up. */
  cut(): void {
    abort(this.#client);
    abort(this.#target);
  }

  #way(to: Socket, tally: Tally): Way {
    const way: Way = {
      tally,
      isMoving: false,
      ended: () => {
        this.#ends += 1;
        to.end(() => this.#finished());
        if (this.#ends === 1) this.#watch();
      },
      failed: () => this.cut(),
    };
    return way;
  }

  /** One direction goes on: as long as something moves. */
  #watch(): void {
    for (const way of this.#ways) way.isMoving = false;
    this.#halfOpen = this.#clock.after(halfOpenMsMax, () => {
      if (this.#ways.some(({ isMoving }) => isMoving)) this.#watch();
      else this.cut();
    });
  }

  #finished(): void {
    this.#finishes += 1;
    if (this.#finishes < 2) return;
    this.#client.destroy();
    this.#target.destroy();
  }

  #closed(): void {
    this.#open -= 1;
    if (this.#ends < 2) this.cut();
    if (this.#open > 0) return;
    this.#halfOpen?.cancel();
    this.#ended();
  }
}
