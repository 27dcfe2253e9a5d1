/**
 * Owns talking HTTP by hand: half requests, slow ones, and bodies that are too large.
 * Not: well-formed calls (packages/testing). Called by the bad input tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, type Socket } from "node:net";
import { eventually } from "@mr-redis/testing";

/** Received bytes that are kept: every answer looked at is an error of some hundred bytes. */
const receivedBytesMax = 64 * 1024;

/** One connection, with what came back. */
export class RawConnection {
  readonly #socket: Socket;
  #received = "";
  #isClosed = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1" });
    this.#socket.setEncoding("utf8");
    this.#socket.on("data", (chunk: string) => {
      this.#received = (this.#received + chunk).slice(0, receivedBytesMax);
    });
    // A reset is one of the ways in which a server refuses.
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#isClosed = true;
    });
  }

  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends; false when the other side has closed. */
  send(text: string): boolean {
    if (this.#isClosed || !this.#socket.writable) return false;
    this.#socket.write(text);
    return true;
  }

  /** Status code of the answer, once it has come. */
  status(deadlineMs?: number): Promise<number> {
    return eventually(
      () => {
        const code = /^HTTP\/1\.1 (\d{3}) /.exec(this.#received)?.[1];
        if (code === undefined) throw new Error("no status line");
        return Number(code);
      },
      { what: "an answer", ...(deadlineMs === undefined ? {} : { deadlineMs }) },
    );
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Head of a POST with a JSON body of `bytes` bytes. */
export const postHead = (path: string, bytes: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
