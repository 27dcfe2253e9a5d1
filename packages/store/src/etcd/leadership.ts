/**
 * Owns one leadership in etcd: how long it may be acted on, by our own clock, and what the store compares to fence it.
 * Not: winning it (campaign.ts), nor writing under it (writer.ts). Called by store.ts and writer.ts.
 *
 * The lease lives at least its TTL from the moment that etcd renewed it, which is after the request was sent. So two
 * thirds of the TTL after the sending of the last request that was answered, the holder stops: a third is left for clocks
 * that run apart and for what it still has under way. etcd3 itself tells a lost lease after twice the TTL.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Clock, Timer } from "@mr-redis/core";
import type { IKeyValue, IPutRequest } from "etcd3";
import type { LeaderRecord, Leadership } from "../port.js";
import { EtcdFailure } from "./failure.js";
import { type EtcdKeys, encodeLeader } from "./keys.js";
import { LeaseKeeper } from "./lease.js";
import type { EtcdServers } from "./servers.js";

/** A lease, as etcd granted it. */
export interface GrantedLease {
  readonly id: string;
  readonly ttlMs: number;
  /** Monotonic time at which it was asked for. */
  readonly sentAtMs: number;
}

/** What a leadership is made of. */
export interface EtcdLeadershipParts {
  readonly servers: EtcdServers;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  readonly record: LeaderRecord;
  readonly lease: GrantedLease;
  /** Revision of the election. */
  readonly revision: string;
  /** Resolves when all commits that are under way have ended. */
  readonly settled: () => Promise<void>;
}

/** Part of the lease for which an unconfirmed leader acts. */
export const validShare = 2 / 3;

const keyLost = "another one leads, or the leader's key was removed";

/** True while a lease that was confirmed by a request sent at `sentAtMs` may be acted on. */
export const isFresh = (sentAtMs: number, ttlMs: number, clock: Clock): boolean =>
  clock.monotonicMs() - sentAtMs < ttlMs * validShare;

/** The leadership of this process. */
export class EtcdLeadership implements Leadership {
  readonly lost: Promise<{ readonly because: string }>;
  readonly #parts: EtcdLeadershipParts;
  readonly #settle: (loss: { readonly because: string }) => void;
  readonly #keeper: LeaseKeeper;
  #confirmedAtMs: number;
  #checkedAtMs: number;
  #timer: Timer | null = null;
  #isEnded = false;
  #sealRevision: string;
  #needsSeal = false;

  constructor(parts: EtcdLeadershipParts) {
    this.#parts = parts;
    this.#confirmedAtMs = parts.lease.sentAtMs;
    this.#checkedAtMs = parts.lease.sentAtMs;
    this.#sealRevision = parts.revision;
    let settle: (loss: { readonly because: string }) => void = () => {};
    this.lost = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
    this.#keeper = new LeaseKeeper({
      servers: parts.servers,
      clock: parts.clock,
      leaseId: parts.lease.id,
      ttlMs: parts.lease.ttlMs,
      onConfirmed: (sentAtMs) => this.#confirm(sentAtMs),
      onGone: () => void this.end("the lease has ended in etcd"),
    });
    this.#watchTime();
  }

  get term(): number {
    return this.#parts.record.term;
  }

  /**
   * Revision of the leader's key that commits compare. It names one writing of that key, hence one lease and holder:
   * the key goes with its lease, so the comparison fails for everyone who does not lead.
   */
  get sealRevision(): string {
    return this.#sealRevision;
  }

  confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  isValid(): boolean {
    const { lease, clock } = this.#parts;
    if (!this.#isEnded && !isFresh(this.#confirmedAtMs, lease.ttlMs, clock)) {
      const silentMs = Math.round(clock.monotonicMs() - this.#confirmedAtMs);
      void this.end(`etcd has not confirmed the lease for ${silentMs} ms`);
    }
    return !this.#isEnded;
  }

  /**
   * No longer valid, for the first reason given; idempotent. Resolves when etcd has taken the lease back, or could not
   * be reached; never rejects.
   */
  async end(because: string): Promise<void> {
    if (this.#isEnded) return;
    this.#stop(because);
    await this.#revoke();
  }

  async resign(): Promise<void> {
    if (this.#isEnded) return;
    this.#stop("the holder resigned");
    await this.#parts.settled().catch(() => {});
    await this.#revoke();
  }

  /** Gives the lease back, and the leader's key with it; where that fails it ends by itself. Never rejects. */
  async #revoke(): Promise<void> {
    const ID = this.#parts.lease.id;
    await this.#parts.servers
      .call((member, limits) => member.lease.leaseRevoke({ ID }, limits))
      .catch(() => {});
  }

  /** The writing of the leader's key that changes nothing but its revision. */
  get leaderPut(): IPutRequest {
    const { keys, lease, record } = this.#parts;
    return { key: keys.leader, value: encodeLeader(record), lease: lease.id };
  }

  /** {@link leaderPut} was done at `revision`. */
  noteSealed(revision: string): void {
    this.#sealRevision = revision;
  }

  /**
   * After an answer that leaves open whether the request with {@link leaderPut} was applied: true when it was not.
   * Rejects with EtcdFailure.
   */
  async wasNotApplied(): Promise<boolean> {
    const pair = await this.#readKey();
    const wasNot = pair?.mod_revision === this.#sealRevision;
    if (pair !== null) this.#sealRevision = pair.mod_revision;
    return wasNot;
  }

  /** A request of ours may still be on its way: none may have an effect after the next commit. */
  unseal(): void {
    this.#needsSeal = true;
  }

  /**
   * Writes the leader's key anew where requests may be on their way, so that these can have no effect any more: they
   * compare an older revision. False when we do not lead any more. Rejects with EtcdFailure.
   */
  async seal(): Promise<boolean> {
    if (!this.#needsSeal) return true;
    const { keys, revision, servers } = this.#parts;
    const key = keys.leader;
    const answer = await servers
      .call((member, limits) =>
        member.kv.txn(
          {
            compare: [{ key, target: "Create", result: "Equal", create_revision: revision }],
            success: [{ request_put: this.leaderPut }],
          },
          limits,
        ),
      )
      .catch((error: unknown) => {
        if (error instanceof EtcdFailure && error.kind === "no-lease") return null;
        throw error;
      });
    if (answer?.succeeded !== true) {
      void this.end(keyLost);
      return false;
    }
    this.#sealRevision = answer.header.revision;
    this.#needsSeal = false;
    return true;
  }

  #stop(because: string): void {
    this.#isEnded = true;
    this.#keeper.stop();
    this.#timer?.cancel();
    this.#settle({ because });
  }

  #confirm(sentAtMs: number): void {
    if (!this.isValid()) return;
    this.#confirmedAtMs = Math.max(this.#confirmedAtMs, sentAtMs);
    if (sentAtMs - this.#checkedAtMs < this.#parts.lease.ttlMs / 3) return;
    this.#checkedAtMs = sentAtMs;
    void this.#check();
  }

  /** The lease says nothing of the key: somebody may have removed it. */
  async #check(): Promise<void> {
    // Not reached: the lease says when that lasts too long.
    await this.#readKey().catch(() => {});
  }

  /** The leader's key without its value; null, and the leadership ends, when it is not ours any more. */
  async #readKey(): Promise<IKeyValue | null> {
    const key = this.#parts.keys.leader;
    const { kvs } = await this.#parts.servers.read((member, limits) =>
      member.kv.range({ key, keys_only: true }, limits),
    );
    const [pair] = kvs;
    if (pair?.create_revision === this.#parts.revision) return pair;
    void this.end(keyLost);
    return null;
  }

  /** Ends it in time also when nobody asks. */
  #watchTime(): void {
    const { lease, clock } = this.#parts;
    const restMs = this.#confirmedAtMs + lease.ttlMs * validShare - clock.monotonicMs();
    this.#timer = clock.after(Math.max(1, restMs), () => {
      if (this.isValid()) this.#watchTime();
    });
  }
}
