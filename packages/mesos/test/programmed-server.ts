/**
 * Owns an HTTP server on loopback whose every answer is programmed, to play a master or an agent that misbehaves.
 * Not: a master (packages/local is one). Called by the tests of the sessions.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { WireCodec } from "../src/wire/codec.js";
import { encodeRecord } from "../src/wire/recordio.js";

/** A request as it came, with the number of its connection. */
export interface SeenRequest {
  readonly connection: number;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every kind
  readonly body: any;
}

/** The encoding of a server and which of the two APIs a request was for. */
interface Dialect {
  readonly codec: WireCodec;
  readonly api: "scheduler" | "executor";
}

/** An open event stream. */
export class ServedStream {
  readonly #response: ServerResponse;
  readonly #dialect: Dialect;
  /** True once the client has gone. */
  isGone = false;

  constructor(response: ServerResponse, dialect: Dialect) {
    this.#response = response;
    this.#dialect = dialect;
    response.on("close", () => {
      this.isGone = true;
    });
  }

  event(...events: object[]): void {
    const { codec, api } = this.#dialect;
    for (const event of events) this.raw(encodeRecord(codec.encode(`${api}.Event`, event)));
  }

  raw(bytes: Uint8Array | string): void {
    this.#response.write(bytes);
  }

  /** The final chunk; the connection stays open. */
  finish(): void {
    this.#response.end();
  }

  /** Ends the connection without a final chunk. */
  cut(): void {
    this.#response.socket?.destroy();
  }
}

/** How a request is answered. */
export class Answer {
  readonly #response: ServerResponse;
  readonly #dialect: Dialect;
  constructor(response: ServerResponse, dialect: Dialect) {
    this.#response = response;
    this.#dialect = dialect;
  }

  send(status: number, text = "", headers: Record<string, string> = {}): void {
    this.#response.writeHead(status, {
      "content-length": Buffer.byteLength(text),
      ...(text === "" ? {} : { "content-type": "text/plain; charset=utf-8" }),
      ...headers,
    });
    this.#response.end(text);
  }

  /** Status and headers, and never the body that they promise. */
  head(status: number): void {
    this.#response.writeHead(status, { "content-length": 17 });
    this.#response.flushHeaders();
  }

  stream(headers: Record<string, string> = {}): ServedStream {
    this.#response.writeHead(200, {
      "content-type": this.#dialect.codec.contentType,
      "mesos-stream-id": "stream-1",
      ...headers,
    });
    this.#response.flushHeaders();
    return new ServedStream(this.#response, this.#dialect);
  }

  cut(): void {
    this.#response.socket?.destroy();
  }
}

/** What the server does with a request; it may do nothing, then the request hangs. */
export type Program = (request: SeenRequest, answer: Answer) => void;

/** PEM of a server. */
export interface ServerTls {
  readonly key: string;
  readonly cert: string;
}

/** The server. */
export class ProgrammedServer {
  readonly requests: SeenRequest[] = [];
  program: Program;
  readonly #codec: WireCodec;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, number>();
  #connections = 0;

  private constructor(program: Program, codec: WireCodec, tls: ServerTls | null) {
    this.program = program;
    this.#codec = codec;
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      void this.#answer(request, response);
    // Mesos offers TLS 1.2 only, unless told otherwise.
    this.#server =
      tls === null
        ? createServer(listener)
        : createTlsServer({ ...tls, maxVersion: "TLSv1.2" }, listener);
    this.#server.keepAliveTimeout = 0;
    this.#server.on("connection", (socket) => {
      this.#connections += 1;
      socket.on("error", () => {});
      this.#sockets.set(socket, this.#connections);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Speaks one encoding; listens on a free port, or on a unix socket. */
  static async start(
    program: Program,
    codec: WireCodec,
    listenOn: number | string = 0,
    tls: ServerTls | null = null,
  ): Promise<ProgrammedServer> {
    const server = new ProgrammedServer(program, codec, tls);
    await new Promise<void>((resolve) => {
      if (typeof listenOn === "string") server.#server.listen(listenOn, resolve);
      else server.#server.listen(listenOn, "127.0.0.1", resolve);
    });
    return server;
  }

  get address(): string {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : "";
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Ends one connection, by its number. */
  cutConnection(number: number): void {
    for (const [socket, each] of this.#sockets) if (each === number) socket.destroy();
  }

  /** Requests with a call of this type. */
  calls(type: string): SeenRequest[] {
    return this.requests.filter((request) => request.body?.type === type);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.keys()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      return;
    }
    const path = request.url ?? "";
    const dialect: Dialect = {
      codec: this.#codec,
      api: path.endsWith("/executor") ? "executor" : "scheduler",
    };
    const call = this.#codec.decode(`${dialect.api}.Call`, new Uint8Array(Buffer.concat(parts)));
    const seen: SeenRequest = {
      connection: this.#sockets.get(request.socket) ?? 0,
      path,
      headers: request.headers,
      body: call.ok ? call.value : call.problems,
    };
    this.requests.push(seen);
    this.program(seen, new Answer(response, dialect));
  }
}
