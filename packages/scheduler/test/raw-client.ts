/**
 * Owns a client of bare TCP for tests: it writes what no HTTP library would, and sees exactly what comes back.
 * Not: HTTP.
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, type Socket } from "node:net";

/** One connection. */
export interface RawClient {
  readonly socket: Socket;
  /** All that came so far. */
  readonly text: () => string;
  /** Resolves when the connection is closed, however; the value is all that came. */
  readonly closed: Promise<string>;
  write(text: string | Buffer): void;
}

/** Opens a connection; resolves when it stands. */
export function openRaw(port: number, host = "127.0.0.1"): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.once("error", reject);
    socket.on("error", () => {});
    const closed = new Promise<string>((done) => socket.once("close", () => done(text)));
    socket.once("connect", () =>
      resolve({ socket, closed, text: () => text, write: (data) => socket.write(data) }),
    );
  });
}
