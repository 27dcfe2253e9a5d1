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

  /** The other side is gone. */
  forget(streamId: string): void {
    this.#streams.delete(streamId);
  }

  /** Forgets all; they are left to the server. */
  clear(): void {
    this.#streams.clear();
  }
}
