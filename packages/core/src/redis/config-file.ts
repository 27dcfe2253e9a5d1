/**
 * Owns the text of a redis-server's configuration file: all that a process is told when it starts.
 * Not: writing it (packages/executor, mode 0600: it holds secrets), nor the check of user settings (settings.ts).
 * Source: redis.conf of Redis 6.2 to 7.2; docs/internals/fencing.md, rules 5 and 12.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import {
  executorUser,
  type Goal,
  type LaunchOrder,
  parkAddress,
  type Secret,
} from "../goal/types.js";
import { openRules, userWords } from "./access.js";
import { isVersionAtLeast, type RedisVersion, writeQuorumMax } from "./info.js";

/** What the place where a redis-server runs adds to its order. */
export interface ConfigFileOptions {
  readonly version: RedisVersion;
  /** Absolute path of the working directory, made for this process alone. */
  readonly directory: string;
  /** Password of the ACL user `executor`, known to the executor that starts the process only. */
  readonly executorSecret: Secret;
  /** Hard limit of open files; Redis needs some for itself. */
  readonly filesMax: number;
  /** Where its certificate is; used, and then needed, for an order with `tls`. */
  readonly tls?: TlsFiles;
}

/** Files of a redis-server that speaks TLS, absolute paths. */
export interface TlsFiles {
  /**
   * Certificate, its chain and its private key in one file (PEM): `CONFIG SET tls-cert-file` takes all of it at once, so a
   * renewed pair is never half in force.
   */
  readonly pair: string;
  /** Who vouches for masters (PEM). */
  readonly ca: string;
}

/** What the ACL user of a replica may do at its master: replicate, and nothing else. */
export const followerRules = ["+psync", "+replconf", "+ping"] as const;

/** Files that Redis keeps for itself (CONFIG_MIN_RESERVED_FDS), and some for log, listener and a sync. */
const filesReserved = 64;
const clientsMaxDefault = 10_000;
const mib = 1024 * 1024;

/** A word of redis.conf in quotes, so that no value can end its line or its word. */
export function quoteConfigWord(value: string): string {
  let quoted = "";
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0;
    if (character === '"' || character === "\\") quoted += `\\${character}`;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, "0")}`;
    else quoted += character;
  }
  return `"${quoted}"`;
}

/** Backlog: a 32nd of the memory, so that it never crowds out data; at least Redis' own default. */
export function backlogBytes(memoryMib: number): number {
  return Math.min(64 * mib, Math.max(mib, Math.floor((memoryMib * mib) / 32)));
}

function clientsMax(asked: string | undefined, filesMax: number): number {
  const wanted = asked === undefined ? clientsMaxDefault : Number(asked);
  return Math.max(1, Math.min(wanted, filesMax - filesReserved));
}

/** Lines that put the first goal in force at start: a replica attaches by itself as soon as its master answers. */
function goalLines(goal: Goal): string[] {
  // A master that needs a lease has none yet, so it starts closed.
  const writeQuorum = goal.leaseMs === null ? goal.writeQuorum : writeQuorumMax;
  const lines = [
    ...goal.followers.map(
      ({ user, password }) =>
        `user ${user} on ${quoteConfigWord(`>${password}`)} ${followerRules.join(" ")}`,
    ),
    `min-replicas-to-write ${Math.min(writeQuorum, writeQuorumMax)}`,
    `min-replicas-max-lag ${goal.lagSecondsMax}`,
    "replica-read-only yes",
  ];
  if (goal.role === "parked") {
    lines.push(`replicaof ${parkAddress.address} ${parkAddress.port}`);
  }
  if (goal.role === "replica" && goal.master !== null) {
    lines.push(
      `masteruser ${goal.master.user}`,
      `masterauth ${quoteConfigWord(goal.master.secret)}`,
      `replicaof ${quoteConfigWord(goal.master.address)} ${goal.master.port}`,
    );
  }
  return lines;
}

function versionLines(version: RedisVersion): string[] {
  if (!isVersionAtLeast(version, 7, 0)) return [];
  // A stop is quick: who stops a master on purpose has moved its data before (planned failover).
  return ["shutdown-timeout 0", "enable-debug-command no", "enable-module-command no"];
}

/** Names that Redis 7 gave to settings of 6.2. */
function settingName(name: string, version: RedisVersion): string {
  return isVersionAtLeast(version, 7, 0) ? name : name.replace("listpack", "ziplist");
}

function userLines(order: LaunchOrder, version: RedisVersion): string[] {
  return Object.entries(order.config)
    .filter(([name]) => name !== "maxclients")
    .map(([name, value]) => {
      const text = name === "client-output-buffer-limit" ? value : quoteConfigWord(value);
      return `${settingName(name, version)} ${text}`;
    });
}

/** TLS alone, towards clients and between master and replicas; a replica asks its master for a certificate of the CA. */
function portLines(order: LaunchOrder, tls: TlsFiles | undefined): string[] {
  if (order.tls !== true) return [`port ${order.port}`];
  assert(tls !== undefined, "a redis-server with TLS has a certificate");
  return [
    "port 0",
    `tls-port ${order.port}`,
    "tls-replication yes",
    // Clients show who they are by a password, where one is asked for.
    "tls-auth-clients no",
    'tls-protocols "TLSv1.2 TLSv1.3"',
    `tls-cert-file ${quoteConfigWord(tls.pair)}`,
    `tls-key-file ${quoteConfigWord(tls.pair)}`,
    `tls-ca-cert-file ${quoteConfigWord(tls.ca)}`,
  ];
}

/**
 * The configuration file of one process. `order` was decoded (goal/codec.ts) and its `config` checked by
 * parseRedisConfig; every other word that could hold anything is quoted. The text holds secrets.
 */
export function renderRedisConfig(order: LaunchOrder, options: ConfigFileOptions): string {
  const { version } = options;
  const lines = [
    `bind ${quoteConfigWord(order.address)}`,
    ...portLines(order, options.tls),
    // Protected mode refuses all but 127.0.0.1 even with an explicit bind; a loopback address guards itself.
    "protected-mode no",
    "daemonize no",
    "supervised no",
    'pidfile ""',
    'save ""',
    "appendonly no",
    `dir ${quoteConfigWord(options.directory)}`,
    // To standard output: the executor keeps it, bounded.
    'logfile ""',
    "loglevel notice",
    "always-show-logo no",
    `maxmemory ${order.memoryMib}mb`,
    "maxmemory-policy noeviction",
    `maxclients ${clientsMax(order.config.maxclients, options.filesMax)}`,
    `repl-backlog-size ${backlogBytes(order.memoryMib)}`,
    // A link that is silent for two seconds is broken: its replica sees that before anybody else.
    "repl-ping-replica-period 1",
    "repl-diskless-sync yes",
    "repl-diskless-sync-delay 0",
    // Dropping old data must not make a replica look hung.
    "replica-lazy-flush yes",
    // Where memory runs out, a redis-server goes before its executor.
    "oom-score-adj relative",
    "oom-score-adj-values 100 200 800",
    ...versionLines(version),
    // Off, it accepts no password either, and whoever does not log in as another user is told so.
    order.auth === true ? "user default off" : `user default on nopass ${openRules.join(" ")}`,
    ...(order.goal.users ?? []).map((user) => `user ${user.user} ${userWords(user).join(" ")}`),
    `user ${executorUser} on ${quoteConfigWord(`>${options.executorSecret}`)} ~* &* +@all`,
    ...goalLines(order.goal),
    // Last: what the user asked for wins over the defaults above.
    ...userLines(order, version),
  ];
  return `${lines.join("\n")}\n`;
}
