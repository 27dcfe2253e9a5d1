/**
 * Owns the sending of recorded bytes and the reading of what comes back: answers, and streams of events in chunks.
 * It shares nothing with the server but the codecs, which are held by the recordings themselves. Called by the replay.
 * SPDX-License-Identifier: Apache-2.0
 */
import { connect, type Socket } from "node:net";
import { createRecordDecoder, type MessageName, type WireCodec } from "@mr-redis/mesos";
import { dechunked, type HttpMessage, headerOf, parseAnswers, parseHttp } from "./recording.js";

/** Longest wait for an answer; far above what a busy machine needs. */
export const answerMsMax = 30_000;

/** How long nothing must come where nothing was recorded. */
const silenceMs = 1_000;

/** True when as much has come as was recorded: each answer whole, of a stream two records. */
function isWhole(bytes: Buffer, recorded: readonly HttpMessage[], isHead: boolean): boolean {
  const now = parseAnswers(bytes);
  const last = now.at(-1);
  if (now.length < recorded.length || bytes.indexOf("\r\n\r\n") < 0 || last === undefined) {
    return false;
  }
  if (headerOf(last, "Mesos-Stream-Id") !== undefined) {
    const { records } = createRecordDecoder().push(new Uint8Array(dechunked(last.body)));
    return records.length >= 2;
  }
  const length = headerOf(last, "Content-Length");
  return isHead || (length !== undefined && last.body.length >= Number(length));
}

/** Sends bytes on a connection of its own; resolves to the answers, as many as were recorded. */
export function exchange(
  port: number,
  bytes: Buffer,
  recorded: readonly HttpMessage[],
): Promise<Buffer> {
  return new Promise((resolve) => {
    let got = Buffer.alloc(0);
    const isHead = bytes.subarray(0, 5).toString() === "HEAD ";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(got);
    };
    const timer = setTimeout(done, recorded.length === 0 ? silenceMs : answerMsMax);
    socket.on("data", (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (isWhole(got, recorded, isHead)) done();
    });
    socket.on("close", done);
    socket.on("error", done);
  });
}

/** An open stream of events. */
export class LiveStream {
  readonly head: HttpMessage;
  /** Decoded events in their order. */
  readonly events: unknown[] = [];
  /** False as soon as a chunk was not exactly one record. */
  isChunkForRecord = true;
  /** The final chunk came. */
  isEnded = false;
  /** The connection ended. */
  isClosed = false;
  /** What came behind the final chunk. */
  rest = Buffer.alloc(0);
  readonly socket: Socket;
  readonly #onEvent: (event: unknown, stream: LiveStream) => void;
  readonly #decode: (record: Uint8Array) => unknown;
  #held: Buffer;

  private constructor(
    socket: Socket,
    head: HttpMessage,
    name: MessageName,
    codec: WireCodec,
    onEvent: (event: unknown, stream: LiveStream) => void,
  ) {
    this.socket = socket;
    this.head = head;
    this.#held = head.body;
    this.#onEvent = onEvent;
    this.#decode = (record) => {
      const decoded = codec.decode(name, record);
      return decoded.ok ? decoded.value : { undecodable: Buffer.from(record).toString("latin1") };
    };
  }

  /** Sends a SUBSCRIBE; resolves at the head of the answer, which may be a refusal without events. */
  static open(
    port: number,
    bytes: Buffer,
    options: {
      readonly name: MessageName;
      readonly codecOf: (contentType: string) => WireCodec;
      readonly onEvent: (event: unknown, stream: LiveStream) => void;
    },
  ): Promise<LiveStream> {
    return new Promise((resolve, reject) => {
      let got = Buffer.alloc(0);
      let stream: LiveStream | null = null;
      const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error("a stream has no head"));
      }, answerMsMax);
      socket.on("data", (chunk) => {
        if (stream !== null) {
          stream.#take(chunk);
          return;
        }
        got = Buffer.concat([got, chunk]);
        if (got.indexOf("\r\n\r\n") < 0) return;
        clearTimeout(timer);
        const head = parseHttp(got);
        const codec = options.codecOf(headerOf(head, "Content-Type") ?? "");
        stream = new LiveStream(socket, head, options.name, codec, options.onEvent);
        resolve(stream);
        stream.#take(Buffer.alloc(0));
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        clearTimeout(timer);
        if (stream === null) reject(new Error("a stream was closed without a head"));
        else stream.isClosed = true;
      });
    });
  }

  /** Breaks the connection without a word. */
  drop(): void {
    this.socket.destroy();
  }

  #take(more: Buffer): void {
    this.#held = Buffer.concat([this.#held, more]);
    while (!this.isEnded) {
      const end = this.#held.indexOf("\r\n");
      if (end < 0) return;
      const length = Number.parseInt(this.#held.subarray(0, end).toString(), 16);
      if (this.#held.length < end + 2 + length + 2) return;
      const chunk = this.#held.subarray(end + 2, end + 2 + length);
      this.#held = this.#held.subarray(end + 2 + length + 2);
      if (length === 0) this.isEnded = true;
      else this.#read(chunk);
    }
    this.rest = Buffer.concat([this.rest, this.#held]);
    this.#held = Buffer.alloc(0);
  }

  /** One chunk must be one record; another form is told once, and ends the reading. */
  #read(chunk: Buffer): void {
    const { records } = createRecordDecoder().push(new Uint8Array(chunk));
    if (records.length !== 1) this.isChunkForRecord = false;
    for (const record of records) {
      const event = this.#decode(record);
      this.events.push(event);
      this.#onEvent(event, this);
    }
  }
}
