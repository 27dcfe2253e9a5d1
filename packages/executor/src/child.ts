/**
 * Owns what belongs to one process of the supervisor: its client, and its certificate as long as it lives.
 * Not: when it starts and ends (supervisor.ts). Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, LaunchOrder, Secret } from "@mr-redis/core";
import type { ContainerProcess } from "./container/container-process.js";
import { RedisClient } from "./redis-client.js";
import type { RedisConnector } from "./redis-connection.js";
import type { RedisProcess } from "./redis-process.js";
import type { RedisCertificates } from "./tls/certificates.js";
import type { TlsIdentity } from "./tls/identity.js";

/** A plain one, or one in a container. */
export type StartedProcess = RedisProcess | ContainerProcess;

/** What is kept of each process while it lives. */
export interface Child {
  readonly process: StartedProcess | null;
  readonly client: RedisClient;
  hintPending: boolean;
  /** Gives up a start that takes long. */
  readonly cancel?: () => void;
}

/** What a process with TLS is started with. */
export interface TlsMeans {
  readonly certificates: RedisCertificates;
  readonly identity: TlsIdentity;
}

/** A client for the process of `order`. */
export function clientOf(
  { address, port, auth }: LaunchOrder,
  tls: TlsMeans | null,
  means: {
    readonly clock: Clock;
    readonly connectRedis: RedisConnector;
    readonly executorSecret: Secret;
  },
): RedisClient {
  const { clock, connectRedis, executorSecret } = means;
  const trust = tls === null ? {} : { isOurs: tls.certificates.isOurs };
  const target = { address, port, executorSecret, ...(auth === undefined ? {} : { auth }) };
  return new RedisClient({ ...target, ...trust }, connectRedis, clock);
}

/** From now on the process gets certificates that are renewed. */
export function followTls(
  startId: string,
  { certificates, identity }: TlsMeans,
  process: StartedProcess,
  client: RedisClient,
  timeoutMs: number,
): void {
  certificates.follow(startId, identity, {
    directory: process.directory,
    reload: (paths) => {
      const own = "pathsOf" in process ? process.pathsOf(paths) : paths;
      return client.reloadTls(own, timeoutMs);
    },
  });
}
