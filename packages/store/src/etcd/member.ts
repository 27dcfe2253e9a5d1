/**
 * Owns the connection to one server of etcd by the library etcd3: its generated services, with our token and deadlines.
 * Not: which server is asked (servers.ts). Called by servers.ts.
 *
 * Of etcd3 only the proto, the typed services and the pool are used. Its policies never see a failure, since calls
 * through here give theirs as a value to the pool: so no circuit breaker opens, no channel is closed under other calls,
 * and the code of gRPC is kept. Its login is not used: it makes a channel for each, with a back-off of up to two minutes.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  AuthClient,
  type ICallable,
  KVClient,
  LeaseClient,
  type Services,
  WatchClient,
} from "etcd3";
import { ConnectionPool, type Host } from "etcd3/lib/connection-pool.js";
import type { StoreTls } from "../index.js";
import { failureOf } from "./failure.js";

/** Largest message that is taken from a server: a page of documents (reader.ts) with room. */
export const messageBytesMax = 64 * 1024 * 1024;

/** gRPC's own reconnecting: its default backs off to two minutes, longer than any outage should last. */
const reconnectMs = { first: 50, max: 1_000 } as const;

/** HTTP/2 pings find connections that are dead without a word; etcd refuses more than one in 5 s. */
const pingMs = { every: 10_000, answer: 5_000 } as const;

const channelOptions = {
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.initial_reconnect_backoff_ms": reconnectMs.first,
  "grpc.max_reconnect_backoff_ms": reconnectMs.max,
  "grpc.keepalive_time_ms": pingMs.every,
  "grpc.keepalive_timeout_ms": pingMs.answer,
  // A retry under the surface would make two of one commit.
  "grpc.enable_retries": 0,
  // Connections of this store alone: closed with it, and not in the back-off of another one.
  "grpc.use_local_subchannel_pool": 1,
};

/** Options of one call, as gRPC knows them. */
export interface CallLimits {
  /** Wall clock. */
  readonly deadline?: number;
}

/** A method of a generated client. */
type UnaryMethod = (
  payload: unknown,
  metadata: unknown,
  options: CallLimits,
  done: (error: Error | null, answer: unknown) => void,
) => void;

type Ended<T> = { readonly answer: T } | { readonly error: unknown };

/** One server. */
export class EtcdMember implements ICallable<Host> {
  readonly endpoint: string;
  readonly kv = new KVClient(this);
  readonly lease = new LeaseClient(this);
  readonly watching = new WatchClient(this);
  readonly auth = new AuthClient(this);
  readonly callOptionsFactory = undefined;
  readonly #pool: ConnectionPool;
  readonly #token: () => string | null;

  /** `token` is asked for at each call (null or empty: none). `tls` was checked. */
  constructor(endpoint: string, tls: StoreTls | null, token: () => string | null) {
    this.endpoint = endpoint;
    this.#token = token;
    const credentials = credentialsOf(tls);
    this.#pool = new ConnectionPool({
      hosts: endpoint,
      grpcOptions: channelOptions,
      ...(credentials === null ? {} : { credentials }),
    });
  }

  /** @override One call with one answer. Rejects with EtcdFailure. */
  async exec<T>(
    service: keyof typeof Services,
    method: string,
    payload: unknown,
    options: CallLimits = {},
  ): Promise<T> {
    const ended = await this.#pool.withConnection(service, ({ client, metadata }) => {
      const token = service === "Auth" ? null : this.#token();
      if (token) metadata.set("token", token);
      const methods = client as unknown as Readonly<Record<string, UnaryMethod>>;
      return new Promise<Ended<T>>((resolve) => {
        methods[method]?.call(client, payload, metadata, options, (error, answer) => {
          resolve(error === null ? { answer: answer as T } : { error });
        });
      });
    });
    if ("answer" in ended) return ended.answer;
    throw failureOf(ended.error, this.endpoint);
  }

  /** @override Opens streams. */
  withConnection: ICallable<Host>["withConnection"] = (service, run) =>
    this.#pool.withConnection(service, (connection) => {
      const token = this.#token();
      if (token) connection.metadata.set("token", token);
      return run(connection);
    });

  /** @override A stream's fault is its user's to see to; gRPC connects again by itself. */
  markFailed(): void {}

  /** Ends the connections; open streams are ended by their users before. */
  close(): void {
    this.#pool.close();
  }
}

function credentialsOf(tls: StoreTls | null) {
  if (tls === null) return null;
  const { ca, client } = tls;
  // Without a CA of its own, gRPC takes those of Node.
  const root = ca === null ? {} : { rootCertificate: Buffer.from(ca) };
  const own =
    client === null
      ? {}
      : { privateKey: Buffer.from(client.key), certChain: Buffer.from(client.certificate) };
  return { ...root, ...own } as { rootCertificate: Buffer };
}
