/**
 * Owns connections of a real client (ioredis) to the redis-servers under test.
 * Not: which server. Called by tests of e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Redis } from "ioredis";
import type { RedisLogin } from "./everything-on.js";

/** Runs `work` with a connection to ip:port that fails fast, and closes it; logged in where a login is told. */
export async function withRedis<T>(
  place: { readonly ip: string; readonly port: number; readonly login?: RedisLogin },
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis({
    host: place.ip,
    port: place.port,
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: () => null,
    commandTimeout: 10_000,
    ...place.login,
  });
  // Without a listener ioredis prints every refused connection.
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
