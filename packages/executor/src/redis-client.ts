/**
 * Owns talking to one redis-server: the look (PING, INFO, ROLE, write quorum) and the application of a goal.
 * Not: when either happens, nor what follows (core/supervise), nor the connection (redis-connection.ts).
 * Errors are reduced to their message: those of ioredis carry the command with its arguments, secrets included.
 * Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  type Goal,
  parkAddress,
  parseRedisReplies,
  type RedisInfo,
  replicaUser,
  writeQuorumMax,
} from "@mr-redis/core";
import {
  RedisConnection,
  type RedisConnector,
  type RedisTarget,
  type Reply,
} from "./redis-connection.js";

/** Outcome of a look. `answered` without info: it lives, but does not tell (loading, busy, out of clients). */
export type ProbeOutcome =
  | { readonly type: "answered"; readonly info: RedisInfo | null }
  | { readonly type: "silent"; readonly text: string };

/** Outcome of applying a goal. */
export type ApplyOutcome =
  | { readonly type: "applied"; readonly info: RedisInfo }
  | { readonly type: "failed"; readonly reason: "loading" | "other"; readonly text: string };

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

const firstError = (replies: readonly Reply[]): Error | null =>
  replies.find(([error]) => error !== null)?.[0] ?? null;

/** One process' client; connects when first asked. */
export class RedisClient {
  readonly #connection: RedisConnection;

  constructor(target: RedisTarget, connect: RedisConnector, clock: Clock) {
    this.#connection = new RedisConnection(target, connect, clock);
  }

  /** Looks at the process. Never rejects. */
  async probe(kind: "ping" | "info", timeoutMs: number): Promise<ProbeOutcome> {
    const commands = kind === "ping" ? [["ping"]] : [["ping"], ...looks];
    try {
      const replies = await this.#connection.pipeline(commands, timeoutMs);
      const error = replies[0]?.[0] ?? null;
      if (error !== null && !isReplyError(error)) return { type: "silent", text: error.message };
      return { type: "answered", info: kind === "ping" ? null : infoOf(replies.slice(1)) };
    } catch (error) {
      if (isReplyError(error)) return { type: "answered", info: null };
      return { type: "silent", text: (error as Error).message };
    }
  }

  /**
   * Puts a goal in force and reads back. With `reconnect` the link is dropped first, even if it is to the same address.
   * Never rejects; after "failed" any part of the goal may be in force.
   */
  async applyGoal(goal: Goal, reconnect: boolean, timeoutMs: number): Promise<ApplyOutcome> {
    const commands = commandsOf(goal, reconnect);
    try {
      const replies = await this.#connection.pipeline([...commands, ...looks], timeoutMs);
      const error = firstError(replies.slice(0, commands.length));
      if (error !== null) {
        const reason = error.message.startsWith("LOADING") ? "loading" : "other";
        return { type: "failed", reason, text: error.message };
      }
      const info = infoOf(replies.slice(commands.length));
      if (info === null) return { type: "failed", reason: "other", text: "no INFO afterwards" };
      return { type: "applied", info };
    } catch (error) {
      return { type: "failed", reason: "other", text: (error as Error).message };
    }
  }

  close(): void {
    this.#connection.close();
  }
}
