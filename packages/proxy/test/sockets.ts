/**
 * Owns small clients and servers for tests of the proxy: they note what comes and how it ends.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createConnection, createServer, type Socket } from "node:net";
import { closeServer, freePort } from "@mr-redis/testing";

/** A side of a connection and what it saw. */
export interface Side {
  readonly socket: Socket;
  received: string;
  bytes: number;
  /** The other side has ended its half. */
  ended: boolean;
  /** null: still open. */
  closed: "clean" | "abrupt" | null;
}

/** Notes what happens to a socket. */
export function watched(socket: Socket, isReading = true): Side {
  const side: Side = { socket, received: "", bytes: 0, ended: false, closed: null };
  let failed = false;
  if (isReading) {
    socket.on("data", (chunk: Buffer) => {
      side.bytes += chunk.length;
      if (side.received.length < 4_096) side.received += chunk.toString("latin1");
    });
  }
  socket.on("end", () => {
    side.ended = true;
  });
  socket.on("error", () => {
    failed = true;
  });
  socket.on("close", () => {
    side.closed = failed ? "abrupt" : "clean";
  });
  return side;
}

/** A client of 127.0.0.1. */
export const connectTo = (port: number, isReading = true): Side =>
  watched(createConnection({ port, host: "127.0.0.1", allowHalfOpen: true }), isReading);

/** A server that does what `serve` says with each connection. */
export interface Backend {
  readonly port: number;
  readonly sides: Side[];
  close(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1 (or `port`). */
export async function startBackend(
  serve: (side: Side) => void = () => {},
  options: { readonly port?: number; readonly isReading?: boolean } = {},
): Promise<Backend> {
  const port = options.port ?? (await freePort());
  const sides: Side[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const side = watched(socket, options.isReading ?? true);
    sides.push(side);
    serve(side);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port,
    sides,
    close: async () => {
      for (const { socket } of sides) socket.destroy();
      await closeServer(server);
    },
  };
}
