/**
 * Owns the one connection to a redis-server: made when first needed and again after it broke, a deadline for each call.
 * Not: what is asked (redis-client.ts). Nothing is retried or queued here.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, executorUser, type Secret } from "@mr-redis/core";
import type { Redis } from "ioredis";

/** Makes a connection; handed in so that ioredis is loaded while the executor waits for its agent. */
export type RedisConnector = (options: {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** With TLS: true for a certificate of its own. Absent: plain TCP. */
  readonly isOurs?: (certificate: Buffer) => boolean;
}) => Redis;

/** Where the process listens, and the password of the user `executor`. */
export interface RedisTarget {
  readonly address: string;
  readonly port: number;
  readonly executorSecret: Secret;
  /** True when clients log in at it as users of their own; absent: they need no password. */
  readonly auth?: true;
  /** With TLS: true for a certificate that was given to it. Absent: plain TCP. */
  readonly isOurs?: (certificate: Buffer) => boolean;
}

/** What one command was answered. */
export type Reply = readonly [error: Error | null, value: unknown];

/** A connection to one redis-server. */
export class RedisConnection {
  readonly #target: RedisTarget;
  readonly #connect: RedisConnector;
  readonly #clock: Clock;
  #current: { readonly redis: Redis; readonly ready: Promise<void> } | null = null;
  #closed = false;

  constructor(target: RedisTarget, connect: RedisConnector, clock: Clock) {
    this.#target = target;
    this.#connect = connect;
    this.#clock = clock;
  }

  /** Sends commands in one go; a broken connection, a passed deadline and a refused login reject. */
  async pipeline(
    commands: readonly (readonly string[])[],
    timeoutMs: number,
  ): Promise<readonly Reply[]> {
    const { promise: deadline, reject } = withReject();
    const late = (): void => reject(new Error(`no answer in ${timeoutMs} ms`));
    const timer = this.#clock.after(timeoutMs, late);
    const work = this.#send(commands);
    // The loser of the race may still reject; it has been heard.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, deadline]);
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** Ends it for good; calls that wait reject. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #send(commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    const { redis, ready } = this.#open();
    await ready;
    const replies = await redis.pipeline(commands.map((command) => [...command])).exec();
    return (replies ?? []).map(([error, value]): Reply => [error, value]);
  }

  #open(): { readonly redis: Redis; readonly ready: Promise<void> } {
    if (this.#closed) throw new Error("closed");
    if (this.#current !== null) return this.#current;
    const { address, port, executorSecret, isOurs } = this.#target;
    const redis = this.#connect({
      host: address,
      port,
      username: executorUser,
      password: executorSecret,
      ...(isOurs === undefined ? {} : { isOurs }),
    });
    let cause: Error | null = null;
    redis.on("error", (error: Error) => {
      cause = error;
    });
    redis.on("close", () => {
      if (this.#current?.redis === redis) this.#drop();
    });
    // ioredis rejects with "Connection is closed."; its error event tells why.
    const ready = redis.connect().catch((error: unknown) => {
      throw cause ?? error;
    });
    this.#current = { redis, ready };
    return this.#current;
  }

  #drop(): void {
    const current = this.#current;
    this.#current = null;
    current?.redis.disconnect();
  }
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_resolve, rejected) => {
    reject = rejected;
  });
  return { promise, reject };
}
