/**
 * Owns the words in which the scheduler tells others where an instance is: its addresses now, the ports at proxies that
 * never change, and the events of /v2/events.
 * Not: how they come about (of.ts), nor their reading from JSON (parse.ts). Told by the scheduler, followed by proxies.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceStatus, InstanceType } from "../instance/types.js";

/** The ports at which every proxy serves an instance. Given once, recorded in its document, free again when it is deleted. */
export interface ProxyPorts {
  /** Leads to the master. */
  readonly write: number;
  /** Spreads connections over replicas that are ready; null: the instance has none by its specification. */
  readonly read: number | null;
}

/** Where one redis-server listens. */
export interface ServerAddress {
  readonly processId: string;
  /** An IP address or a host name, as the offer of its agent had it. */
  readonly address: string;
  readonly port: number;
}

/**
 * What may be done at the master's address.
 * ready: the scheduler has seen it accept writes as the master of this reign.
 * unheard: it was ready in this reign and nothing says that it is none any more, but nothing was heard of it lately (a
 * scheduler that has just started, an executor that is silent), or it is closed for writes by its executor and says so to
 * whoever writes: connections stay, new ones are tried.
 * none: there is no master, or it is not known to accept writes yet: connections to others are cut, new ones wait.
 */
export type WriterState = "ready" | "unheard" | "none";

/** One instance for those who lead clients to it. */
export interface InstanceEndpoints {
  readonly name: string;
  /** Differs when the name was deleted and created again. */
  readonly incarnation: string;
  readonly type: InstanceType;
  readonly status: InstanceStatus;
  /** Reign of the master: grows with each promotion. */
  readonly epoch: number;
  readonly writer: WriterState;
  /** null exactly when `writer` is none. */
  readonly master: ServerAddress | null;
  /** Replicas that are ready (a link that is up, following this master), in the order of their ids. */
  readonly replicas: readonly ServerAddress[];
  /** null: none were given yet (none were free, or the scheduler gives none). */
  readonly proxy: ProxyPorts | null;
  /** Its redis-servers speak TLS only, with clients of their own choice of trust; absent (never false): plain TCP. */
  readonly tls?: true;
}

/**
 * Events of `GET /v2/events`, each a server-sent event whose `event` is `type` and whose `data` is the JSON of the rest.
 * Its `id` goes into `Last-Event-ID` of the next request, which then goes on behind it.
 * reset: forget everything; all instances follow, then `complete`. Comes first, unless the request could be resumed.
 * instance: this is how it is now; several changes may be one event. removed: deleted (status DELETED), or its record is gone.
 * complete: what came since the begin of the stream is the whole state of that moment.
 */
export type EndpointsEvent =
  | { readonly type: "reset" }
  | { readonly type: "instance"; readonly instance: InstanceEndpoints }
  | { readonly type: "removed"; readonly name: string }
  | { readonly type: "complete" };
