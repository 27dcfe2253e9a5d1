/**
 * Owns the settings of ioredis for probes: fail at once, queue nothing, retry nothing.
 * Not: what is asked (redis-client.ts). Loaded late, while the executor waits for its agent.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Redis } from "ioredis";
import type { RedisConnector } from "./redis-connection.js";
import { pinnedConnector } from "./tls/connector.js";

/** A loopback or local address answers a SYN at once, or the host is in trouble. */
const connectTimeoutMs = 1_000;

/** Makes an unconnected client; the caller attaches listeners, then connects. */
export const connectRedis: RedisConnector = ({ isOurs, ...options }) =>
  new Redis({
    ...options,
    ...(isOurs === undefined
      ? {}
      : { Connector: pinnedConnector({ ...options, timeoutMs: connectTimeoutMs, isOurs }) }),
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: () => null,
    connectTimeout: connectTimeoutMs,
    noDelay: true,
  });
