/**
 * Owns talking to one redis-server: the look (PING, INFO, ROLE, write quorum) and the application of a goal.
 * Not: when either happens, nor what follows (core/supervise). Called by supervisor.ts.
 * One connection, made when first needed and again after it broke. Every call has a deadline. Nothing is retried here.
 * Errors are reduced to their message: those of ioredis carry the command with its arguments, secrets included.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  executorUser,
  type Goal,
  parkAddress,
  parseRedisReplies,
  type RedisInfo,
  replicaUser,
  type Secret,
  writeQuorumMax,
} from "@mr-redis/core";
import type { Redis } from "ioredis";

/** Makes a connection; handed in so that ioredis is loaded while the executor waits for its agent. */
export type RedisConnector = (options: {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}) => Redis;

/** Outcome of a look. `answered` without info: it lives, but does not tell (loading, busy, out of clients). */
export type ProbeOutcome =
  | { readonly type: "answered"; readonly info: RedisInfo | null }
  | { readonly type: "silent"; readonly text: string };

/** Outcome of applying a goal. */
export type ApplyOutcome =
  | { readonly type: "applied"; readonly info: RedisInfo }
  | { readonly type: "failed"; readonly reason: "loading" | "other"; readonly text: string };

/** One process' client. */
export interface RedisClient {
  probe(kind: "ping" | "info", timeoutMs: number): Promise<ProbeOutcome>;
  applyGoal(goal: Goal, reconnect: boolean, timeoutMs: number): Promise<ApplyOutcome>;
  close(): void;
}

/** Where the process listens, and the password of the user `executor`. */
export interface RedisClientOptions {
  readonly address: string;
  readonly port: number;
  readonly executorSecret: Secret;
}

type Reply = readonly [error: Error | null, value: unknown];

const looks = [
  ["info"],
  ["role"],
  ["config", "GET", "min-replicas-to-write"],
] as const satisfies readonly (readonly string[])[];

/** The commands of a goal: the write quorum first, so that no master ever takes a write under a lower one. */
function commandsOf(goal: Goal, reconnect: boolean): string[][] {
  const quorum = String(Math.min(goal.writeQuorum, writeQuorumMax));
  const park = ["replicaof", parkAddress.address, String(parkAddress.port)];
  const commands = [["config", "SET", "min-replicas-to-write", quorum]];
  if (goal.role === "master") return [...commands, ["replicaof", "NO", "ONE"]];
  if (goal.role === "parked" || goal.master === null) return [...commands, park];
  const { address, port, secret } = goal.master;
  if (reconnect) commands.push(park);
  commands.push(["config", "SET", "masteruser", replicaUser]);
  commands.push(["config", "SET", "masterauth", secret]);
  commands.push(["replicaof", address, String(port)]);
  return commands;
}

/** An error that Redis itself sent: whoever says that lives. */
const isReplyError = (error: unknown): boolean =>
  error instanceof Error && error.name === "ReplyError";

function infoOf(replies: readonly Reply[]): RedisInfo | null {
  const [info, role, quorum] = replies.map(([error, value]) => (error === null ? value : null));
  if (typeof info !== "string" || !Array.isArray(quorum)) return null;
  const attach = Array.isArray(role) && role[0] === "slave" ? String(role[3]) : "none";
  const parsed = parseRedisReplies({ info, attach, writeQuorum: String(quorum[1]) });
  return parsed.ok ? parsed.value : null;
}

/** A client of the process at this address; connects when first asked. */
export function createRedisClient(
  options: RedisClientOptions,
  connect: RedisConnector,
  clock: Clock,
): RedisClient {
  let connection: Redis | null = null;
  let ready: Promise<void> | null = null;
  let closed = false;

  const drop = (redis: Redis): void => {
    if (connection !== redis) return;
    connection = null;
    ready = null;
    redis.disconnect();
  };

  const connected = async (): Promise<Redis> => {
    if (closed) throw new Error("closed");
    if (connection !== null && ready !== null) {
      const redis = connection;
      await ready;
      return redis;
    }
    const redis = connect({
      host: options.address,
      port: options.port,
      username: executorUser,
      password: options.executorSecret,
    });
    let lastError: Error | null = null;
    redis.on("error", (error: Error) => {
      lastError = error;
    });
    redis.on("close", () => drop(redis));
    connection = redis;
    ready = redis.connect().catch((error: unknown) => {
      drop(redis);
      throw lastError ?? error;
    });
    await ready;
    return redis;
  };

  /** Runs commands in one pipeline; a broken connection or a passed deadline rejects. */
  const pipeline = async (
    commands: readonly (readonly string[])[],
    timeoutMs: number,
  ): Promise<readonly Reply[]> => {
    let fail: (error: Error) => void = () => undefined;
    const deadline = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const timer = clock.after(timeoutMs, () => fail(new Error(`no answer in ${timeoutMs} ms`)));
    const work = (async () => {
      const redis = await connected();
      const replies = await redis.pipeline(commands.map((command) => [...command])).exec();
      return (replies ?? []).map(([error, value]): Reply => [error, value]);
    })();
    // The loser of the race may still reject; it has been heard.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, deadline]);
    } catch (error) {
      if (connection !== null) drop(connection);
      throw error;
    } finally {
      timer.cancel();
    }
  };

  const firstError = (replies: readonly Reply[]): Error | null =>
    replies.find(([error]) => error !== null)?.[0] ?? null;

  return {
    async probe(kind, timeoutMs) {
      const commands = kind === "ping" ? [["ping"]] : [["ping"], ...looks];
      try {
        const replies = await pipeline(commands, timeoutMs);
        const [ping] = replies;
        if (ping?.[0] != null && !isReplyError(ping[0])) {
          return { type: "silent", text: ping[0].message };
        }
        return { type: "answered", info: kind === "ping" ? null : infoOf(replies.slice(1)) };
      } catch (error) {
        if (isReplyError(error)) return { type: "answered", info: null };
        return { type: "silent", text: (error as Error).message };
      }
    },

    async applyGoal(goal, reconnect, timeoutMs) {
      const commands = commandsOf(goal, reconnect);
      try {
        const replies = await pipeline([...commands, ...looks], timeoutMs);
        const error = firstError(replies.slice(0, commands.length));
        const info = infoOf(replies.slice(commands.length));
        if (error !== null) {
          const reason = error.message.startsWith("LOADING") ? "loading" : "other";
          return { type: "failed", reason, text: error.message };
        }
        if (info === null) return { type: "failed", reason: "other", text: "no INFO afterwards" };
        return { type: "applied", info };
      } catch (error) {
        return { type: "failed", reason: "other", text: (error as Error).message };
      }
    },

    close() {
      closed = true;
      if (connection !== null) drop(connection);
    },
  };
}
