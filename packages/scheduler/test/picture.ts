/**
 * Owns what a client knows that follows /v2/events, kept as docs/reference/events.md tells clients to do it.
 * Not: sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceEndpoints } from "@mr-redis/core";

/** One event as it came. */
export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** A client's picture; texts may come in any pieces. */
export class Picture {
  readonly events: SeenEvent[] = [];
  comments = 0;
  retryMs: number | null = null;
  lastEventId: string | null = null;
  /** False from a reset to the next `complete`: instances that are not named may exist all the same. */
  isComplete = false;
  readonly instances = new Map<string, InstanceEndpoints>();
  #rest = "";

  take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#block(block);
  }

  sorted(): InstanceEndpoints[] {
    return [...this.instances.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  #block(block: string): void {
    if (block.startsWith(":")) {
      this.comments += 1;
      return;
    }
    const fields = new Map(
      block.split("\n").map((line) => {
        const at = line.indexOf(": ");
        return [line.slice(0, at), line.slice(at + 2)] as const;
      }),
    );
    const retry = fields.get("retry");
    if (retry !== undefined) this.retryMs = Number(retry);
    const id = fields.get("id");
    const type = fields.get("event");
    if (id === undefined || type === undefined) return;
    const data: unknown = JSON.parse(fields.get("data") ?? "");
    this.events.push({ id, type, data });
    this.lastEventId = id;
    this.#event(type, data as { instance?: InstanceEndpoints; name?: string });
  }

  #event(type: string, { instance, name }: { instance?: InstanceEndpoints; name?: string }): void {
    if (type === "reset") {
      this.instances.clear();
      this.isComplete = false;
    } else if (type === "complete") this.isComplete = true;
    else if (type === "instance" && instance !== undefined) {
      this.instances.set(instance.name, instance);
    } else if (type === "removed" && name !== undefined) this.instances.delete(name);
    else throw new Error(`an event that nobody knows: ${type}`);
  }
}
