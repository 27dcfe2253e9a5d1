/**
 * Owns a TCP link between a client and a server on loopback that a test can hold back, let go and cut.
 * Not: what passes. Called by tests of the store drivers.
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** Bytes that one direction of one connection holds back; then it stops reading. Above all that a test sends. */
export const heldBytesMax = 64 * 1024 * 1024;

/** A running link. Its methods take effect at once. */
export interface TcpLink {
  /** Where clients connect: 127.0.0.1 and this port. */
  readonly port: number;
  /** From now on nothing passes, in either direction; the connections stay. Also ends of connections are held back. */
  hold(): void;
  /** What was held back goes on its way, in order; then everything passes. */
  release(): void;
  /** Ends all connections (what they held back is lost); new ones are refused until `release`. */
  cut(): void;
  /** Ends the link; resolves when its port is free. */
  close(): Promise<void>;
}

/** One direction of one connection. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #isEnded = false;
  #isHeld: boolean;

  constructor(from: Socket, to: Socket, isHeld: boolean) {
    this.#from = from;
    this.#to = to;
    this.#isHeld = isHeld;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    from.once("close", () => this.#end());
    to.on("drain", () => from.resume());
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    for (const chunk of this.#held.splice(0)) this.#pass(chunk);
    this.#heldBytes = 0;
    if (this.#isEnded) this.#to.end();
    else this.#from.resume();
  }

  #take(chunk: Buffer): void {
    if (!this.#isHeld) {
      this.#pass(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > heldBytesMax) this.#from.pause();
  }

  #pass(chunk: Buffer): void {
    if (this.#to.destroyed || this.#to.writableEnded) return;
    if (!this.#to.write(chunk)) this.#from.pause();
  }

  #end(): void {
    this.#isEnded = true;
    if (!this.#isHeld) this.#to.end();
  }
}

/** A client's connection and its other half to the server. */
class Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly #lanes: readonly Lane[];

  constructor(client: Socket, port: number, isHeld: boolean) {
    this.client = client;
    this.server = connect({ host: "127.0.0.1", port, noDelay: true });
    // An error is followed by "close", which ends the other half.
    for (const socket of [client, this.server]) socket.on("error", () => {});
    this.#lanes = [new Lane(client, this.server, isHeld), new Lane(this.server, client, isHeld)];
  }

  hold(): void {
    for (const lane of this.#lanes) lane.hold();
  }

  release(): void {
    for (const lane of this.#lanes) lane.release();
  }

  cut(): void {
    this.client.destroy();
    this.server.destroy();
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  return address.port;
}

/** Starts a link to `port` of 127.0.0.1, on a free port. */
export async function startTcpLink(options: { readonly port: number }): Promise<TcpLink> {
  const pairs = new Set<Pair>();
  let state: "open" | "held" | "cut" = "open";
  const server = createServer({ noDelay: true }, (client) => {
    if (state === "cut") {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, options.port, state === "held");
    pairs.add(pair);
    const forget = () => {
      if (pair.client.destroyed && pair.server.destroyed) pairs.delete(pair);
    };
    pair.client.once("close", forget);
    pair.server.once("close", forget);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  const cutAll = () => {
    for (const pair of pairs) pair.cut();
    pairs.clear();
  };
  return {
    port: portOf(server),
    hold: () => {
      state = "held";
      for (const pair of pairs) pair.hold();
    },
    release: () => {
      state = "open";
      for (const pair of pairs) pair.release();
    },
    cut: () => {
      state = "cut";
      cutAll();
    },
    close: () => {
      state = "cut";
      cutAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
