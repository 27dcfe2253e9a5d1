/**
 * Owns the number of open connections: when there are too many, the one that is idle for longest gives way, so that
 * clients who only hold connections (slowloris) cannot keep out those who ask for something.
 * Not: time limits (Node's own). Called by the API server and the artifact server.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Server } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** The connections of one server. A connection is idle unless a whole request of it is being worked on. */
export class Connections {
  readonly #countMax: number;
  readonly #all = new Set<Socket>();
  /** The one that became idle first is first. */
  readonly #idle = new Set<Socket>();
  #evictedCount = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Follows every connection of `server` from now on; with TLS, from before its handshake. */
  attach(server: Server): void {
    server.on("connection", (socket: Socket) => this.#add(socket));
    // Requests know the socket of TLS alone: it takes the place of the one below.
    const below = new Map<string, Socket>();
    server.on("connection", (socket: Socket) => {
      if (!(server instanceof TlsServer)) return;
      const name = nameOf(socket);
      below.set(name, socket);
      socket.once("close", () => {
        if (below.get(name) === socket) below.delete(name);
      });
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      const raw = below.get(nameOf(socket));
      if (raw !== undefined) this.#drop(raw);
      this.#add(socket);
    });
  }

  /** A whole request of this connection has arrived and is being worked on. */
  busy(socket: Socket): void {
    this.#idle.delete(socket);
  }

  /** Its answer is on the way; from here on it may give way again. */
  idle(socket: Socket): void {
    if (!this.#all.has(socket)) return;
    this.#idle.delete(socket);
    this.#idle.add(socket);
  }

  /** The connection may be silent for `durationMs`; with its next request the server's own limit is back. */
  allowSilence(socket: Socket, durationMs: number): void {
    if (this.#all.has(socket)) socket.setTimeout(durationMs);
  }

  /** Ends every connection, also those that have not yet shaken hands, which Node's own server does not know. */
  cut(): void {
    for (const socket of this.#all) socket.destroy();
  }

  get count(): number {
    return this.#all.size;
  }

  /** Those of which a request is being worked on. */
  get busyCount(): number {
    return this.#all.size - this.#idle.size;
  }

  /** How many connections had to give way so far. */
  get evictedCount(): number {
    return this.#evictedCount;
  }

  #add(socket: Socket): void {
    this.#all.add(socket);
    this.#idle.add(socket);
    socket.once("close", () => this.#drop(socket));
    if (this.#all.size <= this.#countMax) return;
    for (const victim of this.#idle) {
      // Removed at once, for its close comes later and more connections may come before it.
      this.#drop(victim);
      this.#evictedCount += 1;
      victim.destroy();
      return;
    }
  }

  #drop(socket: Socket): void {
    this.#all.delete(socket);
    this.#idle.delete(socket);
  }
}

/** The same for a connection and for the TLS on it. */
const nameOf = (socket: Socket): string =>
  `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
