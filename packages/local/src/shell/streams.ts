/**
 * Owns the open event streams of a shell by their ids. Called by the shells.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { MessageName, MessageType } from "@mr-redis/mesos";
import type { EventStream } from "../http/event-stream.js";

/** Open streams. What is sent to one that is closed is lost, as with a real master or agent. */
export class OpenStreams<Name extends MessageName> {
  readonly #streams = new Map<string, EventStream<Name>>();

  add(stream: EventStream<Name>): void {
    this.#streams.set(stream.id, stream);
  }

  send(streamId: string, event: MessageType<Name>): void {
    this.#streams.get(streamId)?.send(event);
  }

  /** Ends the stream after all that was sent. */
  close(streamId: string): void {
    this.#streams.get(streamId)?.close();
    this.#streams.delete(streamId);
  }

  /** Ends the connection of the stream at once. The endpoint tells of it as of any other end. */
  cut(streamId: string): void {
    this.#streams.get(streamId)?.cut();
  }

  /** Ends all connections at once. */
  cutAll(): void {
    for (const stream of this.#streams.values()) stream.cut();
  }

  /** Ends all streams after what was sent. */
  closeAll(): void {
    for (const stream of this.#streams.values()) stream.close();
  }

  /** Nothing is heard of the stream any more, though its connection stays. */
  freeze(streamId: string): void {
    this.#streams.get(streamId)?.freeze();
  }

  hold(streamId: string, delayMs: number): void {
    this.#streams.get(streamId)?.hold(delayMs);
  }

  /** The other side is gone. */
  forget(streamId: string): void {
    this.#streams.delete(streamId);
  }

  /** Forgets all; they are left to the server. */
  clear(): void {
    this.#streams.clear();
  }
}
