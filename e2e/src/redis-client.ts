/**
 * Owns connections of a real client (ioredis) to the redis-servers under test.
 * Not: which server. Called by tests of e2e.
 * SPDX-License-Identifier: Apache-2.0
 */
import { eventually } from "@mr-redis/testing";
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

/**
 * Writes one key. A master that has just been given its replicas may refuse for a moment (NOREPLICAS): Redis counts them
 * anew once a second, and when one logs in again.
 */
export async function writeKey(
  place: Parameters<typeof withRedis>[0],
  key: string,
  value: string,
): Promise<void> {
  await eventually(() => withRedis(place, (redis) => redis.set(key, value)), {
    deadlineMs: 20_000,
    what: `${key} is written`,
  });
}
