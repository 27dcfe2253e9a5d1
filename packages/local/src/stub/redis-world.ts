/**
 * Owns redis-servers that are not there: who listens where, in which role, and what each would answer to INFO.
 * Not: executors (executor.ts). A replica's link is up when a master listens where it follows and knows its user;
 * nobody holds data.
 * Called by executor.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Closed,
  closedAtStart,
  type Goal,
  type GoalUser,
  type LaunchOrder,
  parkAddress,
  quorumInForce,
  type RedisInfo,
  type RedisUser,
} from "@mr-redis/core";

/** Replication offset of everybody: no data is written, so no replica is ahead of another. */
const offsetOfAll = 1;

/** What INFO says of the memory: an empty redis-server uses about this. */
const memoryUsedBytes = 1_000_000;

/** Pids count in steps of this: by it executors spread their looks, and looks at the same time cost less. */
const pidStep = 32;

/** A redis-server that is not there. */
export interface StubRedis {
  readonly pid: number;
  readonly address: string;
  readonly startedAtMs: number;
  /** What it would say in its log when the link to its master changes. */
  readonly onLink: () => void;
  goal: Goal;
  /** Why it is closed for writes. */
  closed: Closed | null;
}

const textOf = ({ address, port }: { readonly address: string; readonly port: number }): string =>
  `${address}:${port}`;

/** A user of clients as Redis would show it. */
const shownUser = ({ user, hashes }: GoalUser): RedisUser => ({
  name: user,
  on: true,
  open: false,
  hashes,
});

/** Whom it follows; null for a master. */
const masterOf = ({
  goal,
}: StubRedis): { readonly address: string; readonly port: number } | null =>
  goal.role === "master" ? null : goal.role === "parked" ? parkAddress : goal.master;

/** All redis-servers of all agents. */
export class RedisWorld {
  readonly #servers = new Map<string, StubRedis>();
  readonly #followers = new Map<string, Set<StubRedis>>();
  #spawned = 0;

  /** Starts one with the goal of its order; null when its port is taken. */
  start(order: LaunchOrder, atMs: number, onLink: () => void): StubRedis | null {
    const address = textOf(order);
    if (this.#servers.has(address)) return null;
    this.#spawned += 1;
    const pid = this.#spawned * pidStep;
    const { goal } = order;
    const closed = closedAtStart(goal);
    const redis: StubRedis = { pid, address, startedAtMs: atMs, onLink, goal, closed };
    this.#servers.set(address, redis);
    this.#follow(redis);
    this.#tellFollowers(address);
    return redis;
  }

  /** Puts a goal in force, with the master closed for writes or open. */
  apply(redis: StubRedis, goal: Goal, closed: Closed | null): void {
    this.#unfollow(redis);
    redis.goal = goal;
    redis.closed = closed;
    this.#follow(redis);
    this.#tellFollowers(redis.address);
  }

  /** What it would answer now. */
  infoOf(redis: StubRedis, atMs: number): RedisInfo {
    const { closed, goal, pid, startedAtMs } = redis;
    const master = masterOf(redis);
    const linkUp = this.#isAdmitted(redis);
    return {
      pid,
      role: master === null ? "master" : "replica",
      master,
      linkUp,
      loading: false,
      attach: master === null ? "none" : linkUp ? "connected" : "connect",
      offset: offsetOfAll,
      replicationId: String(goal.epoch).padStart(40, "0"),
      writeQuorum: quorumInForce(goal, closed),
      lagSecondsMax: goal.lagSecondsMax,
      goodReplicas: this.#admittedTo(redis),
      followers: goal.followers.map(({ user }) => user).sort(),
      ...(goal.users === undefined ? {} : { users: goal.users.map(shownUser) }),
      memoryUsedBytes,
      uptimeSeconds: Math.floor((atMs - startedAtMs) / 1_000),
      clients: 1,
      opsPerSecond: 0,
      lastIoSeconds: master === null || linkUp ? 0 : -1,
    };
  }

  /** True when the master that it follows has a user for it. */
  #isAdmitted({ goal }: StubRedis): boolean {
    if (goal.master === null) return false;
    const { user, secret } = goal.master;
    const server = this.#servers.get(textOf(goal.master));
    return (
      server?.goal.followers.some((each) => each.user === user && each.password === secret) ?? false
    );
  }

  #admittedTo({ address }: StubRedis): number {
    const followers = [...(this.#followers.get(address) ?? [])];
    return followers.filter((follower) => this.#isAdmitted(follower)).length;
  }

  /** Ends one; idempotent. */
  stop(redis: StubRedis): void {
    this.#unfollow(redis);
    if (this.#servers.get(redis.address) !== redis) return;
    this.#servers.delete(redis.address);
    this.#tellFollowers(redis.address);
  }

  #follow(redis: StubRedis): void {
    const master = masterOf(redis);
    if (master === null) return;
    const followers = this.#followers.get(textOf(master)) ?? new Set();
    followers.add(redis);
    this.#followers.set(textOf(master), followers);
  }

  #unfollow(redis: StubRedis): void {
    const master = masterOf(redis);
    if (master === null) return;
    const followers = this.#followers.get(textOf(master));
    followers?.delete(redis);
    if (followers?.size === 0) this.#followers.delete(textOf(master));
  }

  #tellFollowers(address: string): void {
    for (const follower of [...(this.#followers.get(address) ?? [])]) follower.onLink();
  }
}
