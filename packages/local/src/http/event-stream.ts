/**
 * Owns one open event stream: head, RecordIO records in order with jitter, its end.
 * Not: what is sent (master/, agent/). Called by the endpoints and the shells.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ServerResponse } from "node:http";
import { encodeRecord, type MessageName, type MessageType, type WireCodec } from "@mr-redis/mesos";
import { type Channel, type ChannelPorts, createChannel } from "../border/link.js";

/** A reader that leaves this much unread has lost its stream: a real master would grow without a limit. */
export const unreadBytesMax = 64 * 1024 * 1024;

/** How streams are written. */
export interface StreamPorts extends ChannelPorts {
  /** Test mode: records are cut and merged at random byte positions. */
  readonly isScrambled: boolean;
}

/** An open stream of events. */
export interface EventStream<Name extends MessageName> {
  readonly id: string;
  send(event: MessageType<Name>): void;
  /** Ends the stream after all that was sent, with the final chunk; the connection stays open. */
  close(): void;
  /** Ends the connection at once, without a final chunk. */
  cut(): void;
  /** Nothing is written any more, not even the end, and the connection stays: the other side is left to wonder. */
  freeze(): void;
  /** What is sent from now on comes this much later. */
  hold(delayMs: number): void;
}

type Item = { readonly bytes: Uint8Array } | "end";

/** Opens the stream: the head goes out at once. `onClose` is called when the other side is gone. */
export function openStream<Name extends MessageName>(
  response: ServerResponse,
  options: {
    readonly id: string;
    readonly name: Name;
    readonly codec: WireCodec;
    readonly headers: Readonly<Record<string, string>>;
    readonly ports: StreamPorts;
    readonly onClose: () => void;
  },
): EventStream<Name> {
  const { codec, ports } = options;
  response.statusCode = 200;
  response.removeHeader("Connection");
  for (const [name, value] of Object.entries(options.headers)) response.setHeader(name, value);
  response.setHeader("Content-Type", codec.contentType);
  response.setHeader("Transfer-Encoding", "chunked");
  response.flushHeaders();
  response.socket?.setNoDelay(true);

  const write = ports.isScrambled ? scrambled(response, ports) : plain(response);
  let isFrozen = false;
  const channel: Channel<Item> = createChannel(ports, (item) => {
    if (isFrozen) return;
    if (item === "end") write.end();
    else write.record(item.bytes);
    if (response.writableLength > unreadBytesMax) response.destroy();
  });
  response.on("close", () => {
    channel.close();
    options.onClose();
  });
  response.on("error", () => response.destroy());
  return {
    id: options.id,
    send: (event) => channel.send({ bytes: encodeRecord(codec.encode(options.name, event)) }),
    close: () => channel.send("end"),
    cut: () => void response.destroy(),
    freeze: () => {
      isFrozen = true;
    },
    hold: (delayMs) => channel.hold(delayMs),
  };
}

interface RecordWriter {
  record(bytes: Uint8Array): void;
  end(): void;
}

/** One HTTP chunk for each record, as was always recorded. */
const plain = (response: ServerResponse): RecordWriter => ({
  record: (bytes) => {
    response.write(bytes);
  },
  end: () => {
    response.end();
  },
});

/** Holds bytes back and lets them go in pieces that know no records. */
function scrambled(response: ServerResponse, ports: StreamPorts): RecordWriter {
  let held = Buffer.alloc(0);
  let isFlushing = false;
  const flush = () => {
    isFlushing = false;
    if (response.writableEnded || response.destroyed || held.length === 0) return;
    const length = 1 + Math.floor(ports.random() * held.length);
    response.write(held.subarray(0, length));
    held = held.subarray(length);
    schedule();
  };
  const schedule = () => {
    if (isFlushing || held.length === 0) return;
    isFlushing = true;
    ports.clock.after(1, flush);
  };
  return {
    record(bytes) {
      held = Buffer.concat([held, bytes]);
      schedule();
    },
    end() {
      response.end(held);
      held = Buffer.alloc(0);
    },
  };
}
