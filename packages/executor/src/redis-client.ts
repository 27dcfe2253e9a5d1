/**
 * Owns talking to one redis-server: the look (PING, INFO, ROLE, limits, users) and the application of a goal.
 * Not: when either happens, nor what follows (core/supervise), nor the connection (redis-connection.ts).
 * Errors are reduced to their message: those of ioredis carry the command with its arguments, secrets included.
 * Called by supervisor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Clock,
  followerRules,
  type Goal,
  parkAddress,
  parseRedisReplies,
  quorumInForce,
  type RedisInfo,
  type SuperviseEffect,
  type TlsFiles,
  userWords,
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

/** What is asked for at each look. Where clients log in, the hashes of their passwords too: that costs no further command. */
const looksOf = (auth: boolean): readonly (readonly string[])[] => [
  ["info"],
  ["role"],
  ["config", "GET", "min-replicas-*"],
  ["acl", auth ? "LIST" : "USERS"],
];

/** What to do with a process: the goal, and what core found to be different. */
export type Application = Pick<
  Extract<SuperviseEffect, { type: "apply-goal" }>,
  "goal" | "closed" | "users" | "clients" | "cutClients" | "cutReplicas" | "reconnect"
>;

function userCommands({ drop, add }: Application["users"]): string[][] {
  const deleted = drop.length === 0 ? [] : [["acl", "DELUSER", ...drop]];
  const set = add.map(({ user, password }) => {
    return ["acl", "SETUSER", user, "reset", "on", `>${password}`, ...followerRules];
  });
  return [...deleted, ...set];
}

/** Each is one command that changes a user as a whole: at no moment does it accept no password, and nobody is cut. */
function clientCommands(change: Application["clients"]): string[][] {
  if (change === null) return [];
  const { drop, set, closeDefault } = change;
  return [
    ...set.map((user) => ["acl", "SETUSER", user.user, ...userWords(user)]),
    ...(drop.length === 0 ? [] : [["acl", "DELUSER", ...drop]]),
    ...(closeDefault
      ? [
          ["acl", "SETUSER", "default", "reset", "off"],
          ["client", "KILL", "USER", "default"],
        ]
      : []),
  ];
}

/**
 * The commands of a goal, in one go. A master to be gets the write quorum first and its role last; all others stop
 * being masters first: at no moment does anybody take a write under a lower quorum than a goal says.
 */
function commandsOf({ goal, closed, users, clients, ...how }: Application): string[][] {
  const quorum = quorumInForce(goal, closed);
  const limits = [
    ["config", "SET", "min-replicas-to-write", String(quorum)],
    ["config", "SET", "min-replicas-max-lag", String(goal.lagSecondsMax)],
    ...userCommands(users),
    ...clientCommands(clients),
  ];
  if (goal.role === "master") {
    const cut = how.cutReplicas ? [["client", "KILL", "TYPE", "replica"]] : [];
    return [...limits, ...cut, ["replicaof", "NO", "ONE"]];
  }
  const cut = how.cutClients
    ? [
        ["client", "KILL", "TYPE", "normal"],
        ["client", "KILL", "TYPE", "pubsub"],
      ]
    : [];
  return [...followCommands(goal, how.reconnect), ...cut, ...limits];
}

function followCommands({ master }: Goal, reconnect: boolean): string[][] {
  const park = ["replicaof", parkAddress.address, String(parkAddress.port)];
  if (master === null) return [park];
  const { address, port, user, secret } = master;
  return [
    ...(reconnect ? [park] : []),
    ["config", "SET", "masteruser", user],
    ["config", "SET", "masterauth", secret],
    ["replicaof", address, String(port)],
  ];
}

/** An error that Redis itself sent: whoever says that lives. */
const isReplyError = (error: unknown): boolean =>
  error instanceof Error && error.name === "ReplyError";

const textsOf = (reply: unknown): string[] => (Array.isArray(reply) ? reply.map(String) : []);

/** The value after a name in the flat reply of CONFIG GET. */
const settingOf = (reply: readonly string[], name: string): string =>
  reply[reply.indexOf(name) + 1] ?? "";

function infoOf(replies: readonly Reply[], auth: boolean): RedisInfo | null {
  const [info, role, limits, users] = replies.map(([error, value]) =>
    error === null ? value : null,
  );
  if (typeof info !== "string" || !Array.isArray(limits) || !Array.isArray(users)) return null;
  const attach = Array.isArray(role) && role[0] === "slave" ? String(role[3]) : "none";
  const values = textsOf(limits);
  const parsed = parseRedisReplies({
    info,
    attach,
    writeQuorum: settingOf(values, "min-replicas-to-write"),
    lagSecondsMax: settingOf(values, "min-replicas-max-lag"),
    users: textsOf(users),
    ...(auth ? { accessList: textsOf(users) } : {}),
  });
  return parsed.ok ? parsed.value : null;
}

const firstError = (replies: readonly Reply[]): Error | null =>
  replies.find(([error]) => error !== null)?.[0] ?? null;

/** One process' client; connects when first asked. */
export class RedisClient {
  readonly #connection: RedisConnection;
  readonly #auth: boolean;
  readonly #looks: readonly (readonly string[])[];

  constructor(target: RedisTarget, connect: RedisConnector, clock: Clock) {
    this.#auth = target.auth === true;
    this.#looks = looksOf(this.#auth);
    this.#connection = new RedisConnection(target, connect, clock);
  }

  /** Looks at the process. Never rejects. */
  async probe(kind: "ping" | "info", timeoutMs: number): Promise<ProbeOutcome> {
    const commands = kind === "ping" ? [["ping"]] : [["ping"], ...this.#looks];
    try {
      const replies = await this.#connection.pipeline(commands, timeoutMs);
      const error = replies[0]?.[0] ?? null;
      if (error !== null && !isReplyError(error)) return { type: "silent", text: error.message };
      return {
        type: "answered",
        info: kind === "ping" ? null : infoOf(replies.slice(1), this.#auth),
      };
    } catch (error) {
      if (isReplyError(error)) return { type: "answered", info: null };
      return { type: "silent", text: (error as Error).message };
    }
  }

  /**
   * Puts a goal in force and reads back. With `reconnect` the link is dropped first, even if it is to the same address.
   * Never rejects; after "failed" any part of the goal may be in force.
   */
  async applyGoal(application: Application, timeoutMs: number): Promise<ApplyOutcome> {
    const commands = commandsOf(application);
    try {
      const replies = await this.#connection.pipeline([...commands, ...this.#looks], timeoutMs);
      const error = firstError(replies.slice(0, commands.length));
      if (error !== null) {
        const reason = error.message.startsWith("LOADING") ? "loading" : "other";
        return { type: "failed", reason, text: error.message };
      }
      const info = infoOf(replies.slice(commands.length), this.#auth);
      if (info === null) return { type: "failed", reason: "other", text: "no INFO afterwards" };
      return { type: "applied", info };
    } catch (error) {
      return { type: "failed", reason: "other", text: (error as Error).message };
    }
  }

  /** Makes it read certificate, key and authorities again; open connections stay. Rejects when it did not. */
  async reloadTls({ pair }: TlsFiles, timeoutMs: number): Promise<void> {
    // Any of the three settings reads all files.
    const command = ["config", "SET", "tls-cert-file", pair];
    const replies = await this.#connection.pipeline([command], timeoutMs);
    const error = firstError(replies);
    if (error !== null) throw new Error(error.message);
  }

  close(): void {
    this.#connection.close();
  }
}
