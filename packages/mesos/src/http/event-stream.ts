/**
 * Owns one SUBSCRIBE request and the endless answer to it: records, decoded events, silence, and how it ended.
 * Not: what events mean, nor whether to try again (the sessions). Called by both sessions.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, problemsText, type Timer } from "@mr-redis/core";
import type { Client } from "undici";
import { type WireCodec, type WireProblem, wireProblemsText } from "../wire/codec.js";
import type { MessageType } from "../wire/message-types.js";
import { createRecordDecoder, type RecordFault } from "../wire/recordio.js";
import {
  alwaysMaySend,
  answerText,
  connectionErrorText,
  createConnection,
  type Endpoint,
  type MaySend,
  singleHeader,
} from "./connection.js";

/** The events of the two APIs. */
export type EventName = "scheduler.Event" | "executor.Event";

/** An answer other than 200. */
export interface StreamRefusal {
  readonly status: number;
  readonly text: string;
  readonly location: string | null;
}

/**
 * How a stream ended by itself. `finished`: with the final chunk; `broken`: the connection failed, never came or was
 * cut; `silent`: no byte for too long; `corrupt`: what came is not the protocol.
 */
export interface StreamEnd {
  readonly type: "finished" | "broken" | "silent" | "corrupt";
  readonly because: string;
}

/** What a stream tells. After {@link EventStream.close} nothing more is told; after onRefused and onEnd neither. */
export interface StreamHandlers<Name extends EventName> {
  /** 200 came; no event yet. */
  onOpen(streamId: string | null): void;
  onRefused(refusal: StreamRefusal): void;
  onEvent(event: MessageType<Name>): void;
  onEnd(end: StreamEnd): void;
}

/** What to subscribe to. */
export interface StreamRequest<Name extends EventName> {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly eventName: Name;
  readonly codec: WireCodec;
  readonly clock: Clock;
  /** Asked when the connection is there; false: the request is not sent, and the stream is broken. Default: true. */
  readonly maySend?: MaySend;
}

/** An open stream. */
export interface EventStream {
  /** Sets the longest time without a byte. Until then there is no limit: the session limits the time to subscribe. */
  limitSilence(silenceMsMax: number): void;
  /** Ends it and its connection; idempotent. */
  close(): Promise<void>;
}

/** Sends the request; everything else comes through `handlers`, never before this returns. */
export function openEventStream<Name extends EventName>(
  request: StreamRequest<Name>,
  handlers: StreamHandlers<Name>,
): EventStream {
  const stream = new Stream(request, handlers);
  // A handler that throws is a defect; the rejection ends the process.
  void stream.run();
  return stream;
}

class Stream<Name extends EventName> implements EventStream {
  readonly #request: StreamRequest<Name>;
  readonly #handlers: StreamHandlers<Name>;
  readonly #client: Client;
  readonly #decoder = createRecordDecoder();
  #isClosed = false;
  #heardMs: number;
  #silenceMsMax: number | null = null;
  #watchdog: Timer | null = null;

  constructor(request: StreamRequest<Name>, handlers: StreamHandlers<Name>) {
    this.#request = request;
    this.#handlers = handlers;
    this.#client = createConnection(request.endpoint, request.maySend ?? alwaysMaySend);
    this.#heardMs = request.clock.monotonicMs();
  }

  limitSilence(silenceMsMax: number): void {
    this.#silenceMsMax = silenceMsMax;
    this.#watch();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watchdog?.cancel();
    await this.#client.destroy();
  }

  async run(): Promise<void> {
    const response = await this.#send();
    if (response === null) return;
    const { statusCode, headers, body } = response;
    // Without a listener the error of a body that nobody reads any more would end the process.
    body.on("error", () => {});
    if (statusCode !== 200) {
      const text = await answerText(body).catch(() => "");
      const location = singleHeader(headers, "location");
      this.#finish(() => this.#handlers.onRefused({ status: statusCode, text, location }));
      return;
    }
    const contentType = singleHeader(headers, "content-type");
    if (contentType !== this.#request.codec.contentType) {
      this.#end("corrupt", `the answer is ${contentType ?? "of no type"}`);
      return;
    }
    this.#heardMs = this.#request.clock.monotonicMs();
    this.#handlers.onOpen(singleHeader(headers, "mesos-stream-id"));
    await this.#read(body[Symbol.asyncIterator]());
  }

  async #send() {
    const { path, headers, body, codec } = this.#request;
    try {
      return await this.#client.request({
        method: "POST",
        path,
        headers: {
          "user-agent": "mr-redis",
          "content-type": codec.contentType,
          accept: codec.contentType,
          ...headers,
        },
        body,
      });
    } catch (error) {
      this.#end("broken", connectionErrorText(error));
      return null;
    }
  }

  async #read(chunks: AsyncIterator<Uint8Array>): Promise<void> {
    while (!this.#isClosed) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await chunks.next();
      } catch (error) {
        this.#end("broken", connectionErrorText(error));
        return;
      }
      if (next.done === true) {
        if (this.#decoder.isTruncated()) this.#end("broken", "the stream was cut in a record");
        else this.#end("finished", "the other side ended the stream");
        return;
      }
      this.#heardMs = this.#request.clock.monotonicMs();
      this.#push(next.value);
    }
  }

  #push(chunk: Uint8Array): void {
    const { codec, eventName } = this.#request;
    const batch = this.#decoder.push(chunk);
    for (const record of batch.records) {
      if (this.#isClosed) return;
      const event = codec.decode(eventName, record);
      if (!event.ok) {
        this.#end("corrupt", eventProblemsText(event.problems));
        return;
      }
      this.#handlers.onEvent(event.value);
    }
    if (!batch.ok) this.#end("corrupt", faultText(batch.fault));
  }

  #end(type: StreamEnd["type"], because: string): void {
    this.#finish(() => this.#handlers.onEnd({ type, because }));
  }

  #finish(tell: () => void): void {
    if (this.#isClosed) return;
    void this.close();
    tell();
  }

  /** Sleeps until the silence would be too long, looks how long it was, and sleeps on. */
  #watch(): void {
    this.#watchdog?.cancel();
    this.#watchdog = null;
    const limitMs = this.#silenceMsMax;
    if (limitMs === null || this.#isClosed) return;
    const { clock } = this.#request;
    const leftMs = this.#heardMs + limitMs - clock.monotonicMs();
    if (leftMs <= 0) this.#end("silent", `nothing was heard for ${limitMs} ms`);
    else this.#watchdog = clock.after(leftMs, () => this.#watch());
  }
}

/** In the words of Mesos, which say nothing more about protobuf; here people want to know what it was. */
function eventProblemsText(problems: readonly WireProblem[]): string {
  const text = wireProblemsText(problems, "Event");
  return problems[0]?.encoding === "protobuf" ? `${text}: ${problemsText(problems).trim()}` : text;
}

function faultText(fault: RecordFault): string {
  if (fault.type === "length-malformed") {
    return `the length of a record is ${JSON.stringify(fault.text)}`;
  }
  return `a record of ${fault.lengthBytes} bytes is over the limit of ${fault.bytesMax}`;
}
