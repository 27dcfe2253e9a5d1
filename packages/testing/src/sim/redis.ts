/**
 * Owns one simulated redis-server: role, data, write quorum and lag counting, users, replication, freezing and death.
 * Not: its connections (link.ts), nor who tells it what to do (executor.ts).
 * Source: replication.c of Redis 7.0, and what was tried on redis-server 7.0.15 (docs/internals/simulator.md).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type GoalUser, parkAddress, type RedisInfo, writeQuorumMax } from "@mr-redis/core";
import type { Random } from "../random.js";
import { type Branch, forkBranch, type Place, replicationIdOf } from "./history.js";
import { Link, replTimeoutMs } from "./link.js";
import type { Network, NodeId } from "./network.js";

/** What a redis-server needs of the world. */
export interface RedisHost {
  readonly network: Network;
  readonly random: Random;
  /** True: every replica is let in. */
  readonly openDoors: boolean;
  nowMs(): number;
  after(delayMs: number, run: () => void): void;
  wallMs(node: NodeId): number;
  isPowered(node: NodeId): boolean;
  listener(address: string, port: number): Redis | null;
  newBranchId(): number;
  transferMs(): number;
  loadMs(): number;
  backlogBytes(): number;
  /** Something that decides who accepts writes has changed. */
  changed(redis: Redis): void;
  /** Its data was replaced by a full copy. */
  replaced(redis: Redis, before: Place, after: Place): void;
  /** It has become a writer. */
  promoted(redis: Redis): void;
  note(text: string): void;
}

/** Whom a replica follows and how it logs in there. */
export interface Upstream {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** Who it is; never changes. */
export interface RedisIdentity {
  readonly processId: string;
  readonly instance: string;
  readonly node: NodeId;
  readonly address: string;
  readonly port: number;
  readonly pid: number;
}

/** A process that was stopped may take what waited for it: some milliseconds (documented, not counted). */
export const thawGraceMs = 20;

const shownUser = ({ user, hashes }: GoalUser) => ({ name: user, on: true, open: false, hashes });

/** See the head of this file. */
export class Redis {
  readonly host: RedisHost;
  readonly identity: RedisIdentity;
  readonly node: NodeId;
  alive = true;
  frozen = false;
  thawedAtMs = Number.NEGATIVE_INFINITY;
  loading = false;
  role: "master" | "replica" = "master";
  following: Upstream | null = null;
  writeQuorum = 0;
  lagSecondsMax = 10;
  readonly users = new Map<string, string>();
  /** Users of clients by name; null: clients need no password. */
  clients: Map<string, GoalUser> | null = null;
  branch: Branch;
  offset = 0;
  #backlogFrom = 0;
  #secondBranch: Branch | null = null;
  #secondOffset = -1;
  upstream: Link | null = null;
  linkUp = false;
  attach = "none";
  lastIoMs = 0;
  readonly downstream = new Set<Link>();
  good = 0;
  fullSyncs = 0;
  /** Epoch of the last MASTER goal that was put in force, for the checkers. */
  reign = 0;
  readonly startedAtMs: number;
  /** What arrived while it was frozen. */
  #held: (() => void)[] = [];
  #attempt = 0;
  #idWhileLoading = "";
  /** Called when its log would hint at a change. */
  onHint: (() => void) | null = null;
  onExit: ((signal: string | null, code: number | null) => void) | null = null;

  constructor(host: RedisHost, identity: RedisIdentity, branch: Branch) {
    this.host = host;
    this.identity = identity;
    this.node = identity.node;
    this.branch = branch;
    this.startedAtMs = host.nowMs();
    host.after(host.random.next() * 1_000, () => this.#cron());
  }

  get place(): Place {
    return { branch: this.branch, offset: this.offset };
  }

  /** True while what it takes is documented not to count. */
  get isExcused(): boolean {
    return this.host.nowMs() < this.thawedAtMs + thawGraceMs;
  }

  get isParked(): boolean {
    return this.role === "replica" && this.following?.port === parkAddress.port;
  }

  /** True when a client's write would be taken now. */
  get accepts(): boolean {
    return (
      this.alive &&
      !this.frozen &&
      !this.loading &&
      this.role === "master" &&
      (this.writeQuorum === 0 || this.good >= this.writeQuorum)
    );
  }

  /** Runs a command, or whatever else its event loop does; later while it is frozen, never when it is dead. */
  execute(run: () => void): void {
    if (!this.alive) return;
    if (this.frozen) this.#held.push(run);
    else run();
  }

  /** A client's write. False: refused. */
  write(): boolean {
    if (!this.accepts) return false;
    this.offset += 1;
    for (const link of this.downstream) link.pump();
    return true;
  }

  setQuorum(writeQuorum: number, lagSecondsMax: number): void {
    this.writeQuorum = Math.min(writeQuorum, writeQuorumMax);
    this.lagSecondsMax = lagSecondsMax;
    this.refreshGood();
  }

  /** True when clients get in with one of these passwords, by hash. */
  admits(hash: string): boolean {
    return [...(this.clients?.values() ?? [])].some(({ hashes }) => hashes.includes(hash));
  }

  /** ACL DELUSER, which cuts the user's connections. */
  dropUser(name: string): void {
    if (!this.users.delete(name)) return;
    for (const link of [...this.downstream]) if (link.user === name) link.closeByMaster();
  }

  /** CLIENT KILL TYPE replica. */
  cutReplicas(): void {
    for (const link of [...this.downstream]) link.closeByMaster();
  }

  /** REPLICAOF NO ONE. */
  beMaster(): void {
    if (this.role === "replica") {
      this.#leave();
      this.#secondBranch = this.branch;
      this.#secondOffset = this.offset;
      this.branch = forkBranch(this.host.newBranchId(), this.place);
      this.role = "master";
      this.following = null;
      this.attach = "none";
      this.cutReplicas();
    }
    this.refreshGood();
    this.host.promoted(this);
  }

  /** REPLICAOF address port; false: refused since it loads. The same target again changes nothing. */
  follow(target: Upstream): boolean {
    if (this.loading) return false;
    const { following } = this;
    const same =
      this.role === "replica" &&
      following?.address === target.address &&
      following.port === target.port;
    this.following = target;
    if (same) return true;
    this.#leave();
    this.role = "replica";
    this.attach = "connect";
    this.host.changed(this);
    this.#connect();
    return true;
  }

  #leave(): void {
    this.#attempt += 1;
    const { upstream } = this;
    this.linkUp = false;
    upstream?.closeByReplica();
    this.upstream = null;
  }

  #connect(): void {
    const { following, host } = this;
    if (following === null || following.port === parkAddress.port) return;
    const target = host.listener(following.address, following.port);
    this.#attempt += 1;
    const attempt = this.#attempt;
    if (target === null) {
      this.attach = "connect";
      this.onHint?.();
      return;
    }
    if (!host.network.isConnected(this.node, target.node)) {
      this.attach = "connecting";
      return;
    }
    this.attach = "handshake";
    host.network.stream(this.node, target.node, () =>
      target.execute(() => target.#logIn(this, following, attempt)),
    );
  }

  #logIn(replica: Redis, { user, password }: Upstream, attempt: number): void {
    // Its connection was closed meanwhile; late bytes of it are not played (docs/internals/simulator.md).
    if (!replica.isWanted(attempt)) return;
    const known = this.users.get(user);
    const welcome = this.host.openDoors || (known !== undefined && known === password);
    if (!welcome || this.role !== "master" || this.loading) {
      this.host.network.stream(this.node, replica.node, () =>
        replica.execute(() => replica.#refused(attempt)),
      );
      return;
    }
    const link = new Link(replica, this, user);
    this.downstream.add(link);
    link.begin(attempt);
  }

  #refused(attempt: number): void {
    if (attempt !== this.#attempt) return;
    this.attach = "connect";
    this.onHint?.();
  }

  /** True when the history of `replica` is a part of this one's backlog. */
  canContinue(replica: Redis): boolean {
    const { branch, offset } = replica;
    if (offset < this.#backlogFrom || this.offset - offset > this.host.backlogBytes()) return false;
    if (branch === this.branch) return offset <= this.offset;
    return branch === this.#secondBranch && offset <= this.#secondOffset;
  }

  /** True while it has not turned to something else. */
  isWanted(attempt: number): boolean {
    return this.alive && attempt === this.#attempt;
  }

  #isWanted(link: Link, attempt: number): boolean {
    // Messages may overtake each other here, and what a connection carried does not come after its end.
    if (attempt === this.#attempt && !link.isLost) return true;
    if (!link.isLost) link.closeByReplica();
    else if (attempt === this.#attempt) this.attach = "connect";
    return false;
  }

  /** +CONTINUE. */
  continued(link: Link, branch: Branch, attempt: number): void {
    if (!this.#isWanted(link, attempt)) return;
    this.branch = branch;
    this.#linked(link);
  }

  /** +FULLRESYNC: the copy is on its way; the old data stays until it is complete. */
  copying(link: Link, attempt: number): void {
    if (!this.#isWanted(link, attempt)) return;
    this.upstream = link;
    this.attach = "sync";
    this.onHint?.();
  }

  /** The copy is complete: the old data goes, the new is loaded. */
  load(link: Link, snapshot: Place, attempt: number): void {
    if (!this.#isWanted(link, attempt)) return;
    const before = this.place;
    this.upstream = link;
    this.loading = true;
    this.#idWhileLoading = replicationIdOf(this.branch);
    this.cutReplicas();
    this.branch = snapshot.branch;
    this.offset = 0;
    this.host.replaced(this, before, snapshot);
    this.onHint?.();
    const done = (): void =>
      this.execute(() => {
        this.loading = false;
        this.offset = snapshot.offset;
        this.#backlogFrom = snapshot.offset;
        this.#secondBranch = null;
        if (attempt === this.#attempt && this.upstream === link) this.#linked(link);
      });
    this.host.after(this.host.loadMs(), done);
  }

  #linked(link: Link): void {
    this.upstream = link;
    this.linkUp = true;
    this.attach = "connected";
    this.lastIoMs = this.host.nowMs();
    link.acknowledge();
    link.pump();
    this.onHint?.();
  }

  /** The stream has come to this offset. */
  received(branch: Branch, offset: number): void {
    this.lastIoMs = this.host.nowMs();
    if (branch === this.branch && offset > this.offset) this.offset = offset;
  }

  /** The master has closed it, or died. */
  linkLost(link: Link): void {
    link.isLost = true;
    if (this.upstream !== link) return;
    this.upstream = null;
    this.linkUp = false;
    this.#attempt += 1;
    this.attach = "connect";
    this.onHint?.();
    if (this.role === "replica" && !this.loading) this.#connect();
  }

  dropLink(link: Link): void {
    if (this.downstream.delete(link)) this.refreshGood();
  }

  /** Counts the good replicas, as Redis does: once a second, and when one comes or goes. */
  refreshGood(): void {
    const wallS = Math.floor(this.host.wallMs(this.node) / 1_000);
    let good = 0;
    for (const link of this.downstream) {
      if (link.online && wallS - link.ackWallS <= this.lagSecondsMax) good += 1;
    }
    this.good = good;
    this.host.changed(this);
  }

  /** replicationCron: every second of its own, when it is not frozen. */
  #cron(): void {
    if (!this.alive) return;
    // Ten turns of a timer of 100 ms, each a little late.
    this.host.after(1_000 + this.host.random.next() * 15, () => this.#cron());
    if (this.frozen) return;
    this.#tick();
  }

  #tick(): void {
    const nowMs = this.host.nowMs();
    if (this.role === "master") {
      for (const link of [...this.downstream]) {
        if (link.online && nowMs - link.ackAtMs > replTimeoutMs) link.closeByMaster();
        else link.pump();
      }
      this.refreshGood();
      return;
    }
    if (this.linkUp) {
      if (nowMs - this.lastIoMs > replTimeoutMs) {
        const { upstream } = this;
        this.#leave();
        if (upstream !== null) this.#connect();
      } else this.upstream?.acknowledge();
    } else if (this.upstream === null && !this.loading && !this.isParked) this.#connect();
  }

  freeze(): void {
    if (!this.alive || this.frozen) return;
    this.frozen = true;
    this.host.note(`${this.identity.processId.slice(-4)} is stopped`);
    this.host.changed(this);
  }

  thaw(): void {
    if (!this.alive || !this.frozen) return;
    this.frozen = false;
    this.host.note(`${this.identity.processId.slice(-4)} goes on`);
    this.thawedAtMs = this.host.nowMs();
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.execute(run);
    if (this.alive) this.#tick();
    this.host.after(thawGraceMs + 1, () => this.host.changed(this));
  }

  /** The process ends, now. Its kernel says so to its peers while its host has power. */
  die(signal: string | null, code: number | null): void {
    if (!this.alive) return;
    this.alive = false;
    this.cutReplicas();
    const { upstream } = this;
    upstream?.closeByReplica();
    this.host.changed(this);
    this.onExit?.(signal, code);
  }

  info(): RedisInfo {
    const { following, host } = this;
    const isReplica = this.role === "replica";
    return {
      pid: this.identity.pid,
      role: this.role,
      master: following === null ? null : { address: following.address, port: following.port },
      linkUp: isReplica && this.linkUp,
      loading: this.loading,
      attach: this.attach,
      offset: this.offset,
      // The id is taken over when the copy is complete.
      replicationId: this.loading ? this.#idWhileLoading : replicationIdOf(this.branch),
      writeQuorum: this.writeQuorum,
      memoryUsedBytes: 1_000_000,
      uptimeSeconds: Math.floor((host.nowMs() - this.startedAtMs) / 1_000),
      clients: 1,
      opsPerSecond: 0,
      lastIoSeconds: !isReplica
        ? 0
        : this.linkUp
          ? Math.floor((host.nowMs() - this.lastIoMs) / 1_000)
          : -1,
      goodReplicas: this.good,
      followers: [...this.users.keys()].sort(),
      ...(this.clients === null ? {} : { users: [...this.clients.values()].map(shownUser) }),
      lagSecondsMax: this.lagSecondsMax,
    };
  }
}
