/**
 * Owns the reading of Redis' own words about itself: INFO, ROLE and `redis-server --version`.
 * Not: asking for them (packages/executor), nor what follows from them (supervise/).
 * SPDX-License-Identifier: Apache-2.0
 */
import { executorUser, followerUserPrefix } from "../goal/types.js";
import { type Parsed, parsed, refused } from "../result.js";

/** Largest `min-replicas-to-write` of Redis (INT_MAX); a larger write quorum means this. */
export const writeQuorumMax = 2_147_483_647;

/** An ACL user as Redis shows it. */
export interface RedisUser {
  readonly name: string;
  readonly on: boolean;
  /** True when any password is accepted, or none. */
  readonly open: boolean;
  /** SHA-256 of each password that is accepted, sorted. */
  readonly hashes: readonly string[];
}

/** What one probe of a redis-server told. */
export interface RedisInfo {
  /** `process_id` of INFO: tells our own process from a stranger on the same port. */
  readonly pid: number;
  readonly role: "master" | "replica";
  /** Where a replica replicates from; null on a master. */
  readonly master: { readonly address: string; readonly port: number } | null;
  readonly linkUp: boolean;
  readonly loading: boolean;
  /**
   * Replication state of a replica as ROLE names it: "connect" waits for Redis' own retry (once a second),
   * "connecting", "handshake", "sync", "connected"; "none" on a master.
   */
  readonly attach: string;
  /** `slave_repl_offset` on a replica, `master_repl_offset` on a master. */
  readonly offset: number;
  readonly replicationId: string;
  /** `min-replicas-to-write` in force. */
  readonly writeQuorum: number;
  /** `min-replicas-max-lag` in force, in seconds. */
  readonly lagSecondsMax: number;
  /** Replicas that count for the write quorum; without one, all that are online. 0 on a replica without its own. */
  readonly goodReplicas: number;
  /** Names of the ACL users of replicas (goal/types.ts, `followerUserPrefix`), sorted. */
  readonly followers: readonly string[];
  /** All other ACL users but the executor's own, by name; absent where they were not asked for. */
  readonly users?: readonly RedisUser[];
  readonly memoryUsedBytes: number;
  readonly uptimeSeconds: number;
  readonly clients: number;
  readonly opsPerSecond: number;
  /** 0 on a master, -1 when the link is down. */
  readonly lastIoSeconds: number;
}

/** The raw replies of one probe. */
export interface RedisReplies {
  /** Text of `INFO` (default sections; Redis before 7 takes one section name only). */
  readonly info: string;
  /** Fourth element of ROLE on a replica, else "none". */
  readonly attach: string;
  /** Value of `CONFIG GET min-replicas-to-write`. */
  readonly writeQuorum: string;
  /** Value of `CONFIG GET min-replicas-max-lag`. */
  readonly lagSecondsMax: string;
  /** Reply of `ACL USERS`; with `accessList`, not looked at. */
  readonly users: readonly string[];
  /** Reply of `ACL LIST`, which names the same users and tells their passwords' hashes; absent where it was not asked for. */
  readonly accessList?: readonly string[];
}

/** Longest INFO that is read: the default sections have about 6 KiB; more is not Redis. */
export const infoCharactersMax = 64 * 1024;

/** Value of one field of a text that begins with a line end; undefined when there is none. A dozen of the 150 fields are wanted, so the rest is not looked at. */
function fieldOf(info: string, name: string): string | undefined {
  const mark = `\n${name}:`;
  const found = info.indexOf(mark);
  if (found === -1) return undefined;
  const start = found + mark.length;
  const end = info.indexOf("\n", start);
  return info.slice(start, end === -1 ? undefined : end).trimEnd();
}

function count(info: string, name: string, fallback: number): number {
  const value = Number(fieldOf(info, name) ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : fallback;
}

/** Replicas that have all that the master sent before, as the master itself says; -1: not known. */
function onlineReplicas(info: string): number {
  if (count(info, "connected_slaves", -1) < 0) return -1;
  return [...info.matchAll(/\nslave\d+:[^\n]*,state=online,/g)].length;
}

function masterOf(info: string): RedisInfo["master"] {
  const address = fieldOf(info, "master_host");
  return address === undefined ? null : { address, port: count(info, "master_port", 0) };
}

/** A line of ACL LIST: `user <name> <word> ...`; hashes begin with `#`, and keys with `~` or `%`. */
function userOf(line: string): RedisUser {
  const [, name = "", ...words] = line.split(" ");
  return {
    name,
    on: words.includes("on"),
    open: words.includes("nopass"),
    hashes: words.flatMap((word) => (word.startsWith("#") ? [word.slice(1)] : [])).sort(),
  };
}

const isFollower = (name: string): boolean => name.startsWith(followerUserPrefix);

/** Which of the users a probe shows. */
function usersOf(replies: RedisReplies): Pick<RedisInfo, "followers" | "users"> {
  const { users, accessList } = replies;
  if (accessList === undefined) return { followers: users.filter(isFollower).sort() };
  const all = accessList.map(userOf);
  return {
    followers: all
      .map(({ name }) => name)
      .filter(isFollower)
      .sort(),
    users: all
      .filter(({ name }) => name !== executorUser && !isFollower(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Reads the replies of one probe. Refuses a text that has no `role` or no `process_id`: that is no Redis. */
export function parseRedisReplies(replies: RedisReplies): Parsed<RedisInfo> {
  if (replies.info.length > infoCharactersMax) return refused("INFO", "is too long");
  const info = `\n${replies.info}`;
  const word = fieldOf(info, "role");
  if (word !== "master" && word !== "slave") return refused("INFO", "has no role");
  const pid = count(info, "process_id", 0);
  if (pid <= 0) return refused("INFO", "has no process_id");
  const writeQuorum = Number(replies.writeQuorum);
  if (!Number.isSafeInteger(writeQuorum) || writeQuorum < 0) {
    return refused("CONFIG GET min-replicas-to-write", "is no count");
  }
  const lagSecondsMax = Number(replies.lagSecondsMax);
  if (!Number.isSafeInteger(lagSecondsMax) || lagSecondsMax < 0) {
    return refused("CONFIG GET min-replicas-max-lag", "is no count");
  }
  const replica = word === "slave";
  return parsed({
    pid,
    role: replica ? "replica" : "master",
    master: replica ? masterOf(info) : null,
    linkUp: replica && fieldOf(info, "master_link_status") === "up",
    loading: fieldOf(info, "loading") === "1",
    attach: replica ? replies.attach : "none",
    offset: count(info, replica ? "slave_repl_offset" : "master_repl_offset", 0),
    replicationId: fieldOf(info, "master_replid") ?? "",
    writeQuorum,
    lagSecondsMax,
    goodReplicas: count(info, "min_slaves_good_slaves", onlineReplicas(info)),
    ...usersOf(replies),
    memoryUsedBytes: count(info, "used_memory", 0),
    uptimeSeconds: count(info, "uptime_in_seconds", 0),
    clients: count(info, "connected_clients", 0),
    opsPerSecond: count(info, "instantaneous_ops_per_sec", 0),
    lastIoSeconds: replica ? count(info, "master_last_io_seconds_ago", -1) : 0,
  });
}

/** Which program the binary is, and which Redis its configuration and commands are like. */
export interface RedisVersion {
  readonly program: "redis" | "valkey";
  /** As printed, e.g. "7.0.15". */
  readonly text: string;
  /** Version of Redis that it is like: [major, minor]; Valkey counts as Redis 7.2. */
  readonly like: readonly [number, number];
}

/** Oldest Redis that is supported: ACL in replication and `oom-score-adj` need it. */
export const redisVersionMin = [6, 2] as const;

/** Reads the line of `redis-server --version` ("Redis server v=7.0.15 sha=..." or "Valkey server v=8.0.1 ..."). */
export function parseRedisVersion(output: string): Parsed<RedisVersion> {
  const found = /^(Redis|Valkey) server v=(\d{1,4})\.(\d{1,4})(\.\d{1,6})?/m.exec(output);
  if (found === null) return refused("redis-server --version", "names no Redis and no Valkey");
  const [, name, major, minor, patch] = found;
  const text = `${major}.${minor}${patch ?? ""}`;
  if (name === "Valkey") return parsed({ program: "valkey", text, like: [7, 2] });
  return parsed({ program: "redis", text, like: [Number(major), Number(minor)] });
}

/** True when `version` is at least Redis `major`.`minor`. */
export const isVersionAtLeast = (version: RedisVersion, major: number, minor: number): boolean =>
  version.like[0] > major || (version.like[0] === major && version.like[1] >= minor);
