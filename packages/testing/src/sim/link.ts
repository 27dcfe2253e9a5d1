/**
 * Owns one replication connection of the simulated Redis: log-in, partial or full sync, the stream, acknowledgements, end.
 * Not: what a process does with its data and role (redis.ts). Source: replication.c of Redis 7.0, and what was tried on
 * redis-server 7.0.15 (docs/internals/simulator.md).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Branch, Place } from "./history.js";
import type { Redis } from "./redis.js";

/** Redis gives a silent connection up after so long (`repl-timeout`). */
export const replTimeoutMs = 60_000;

/**
 * The kernel of a parked replica goes on sending what a cut had held up, so its last acknowledgements may come after the
 * fence; their connection ends with them. That is a documented exception, and not played.
 */
const lateAckMs = 250;

/** A copy that takes no longer fits into the buffers of a socket. */
const bufferedMsMax = 100;

/** One connection; each end has its own view of it. */
export class Link {
  readonly replica: Redis;
  readonly master: Redis;
  readonly user: string;
  /** As the master sees it: only an online replica can be a good one. */
  online = false;
  /** Wall clock second of the master at the last acknowledgement. */
  ackWallS = 0;
  ackAtMs = 0;
  /** The replica has seen its end. */
  isLost = false;
  /** Bytes are on their way. */
  #flowing = false;

  constructor(replica: Redis, master: Redis, user: string) {
    this.replica = replica;
    this.master = master;
    this.user = user;
  }

  /** The master has taken the log-in: continues where the replica is, or begins with a full copy. */
  begin(attempt: number): void {
    const { replica, master } = this;
    const { network } = master.host;
    if (master.canContinue(replica)) {
      const branch = master.branch;
      this.#setOnline();
      network.stream(master.node, replica.node, () =>
        replica.execute(() => replica.continued(this, branch, attempt)),
      );
      return;
    }
    master.fullSyncs += 1;
    const snapshot = { branch: master.branch, offset: master.offset };
    network.stream(master.node, replica.node, () =>
      replica.execute(() => replica.copying(this, attempt)),
    );
    const transferMs = master.host.transferMs();
    master.host.after(transferMs, () => this.#transferred(snapshot, attempt, transferMs));
  }

  /** All of the copy is written: what is small lies in the buffers of the kernel, even where nothing arrives. */
  #transferred(snapshot: Place, attempt: number, transferMs: number): void {
    const { replica, master } = this;
    const { network } = master.host;
    if (!master.downstream.has(this)) return;
    // The master counts it as good from the end of the transfer, while it still loads.
    const isWritten = network.isOpen(master.node, replica.node) || transferMs <= bufferedMsMax;
    if (isWritten) master.execute(() => this.#setOnline());
    network.stream(master.node, replica.node, () => {
      if (!master.downstream.has(this)) return;
      // A closed socket answers late bytes with a reset.
      if (!replica.isWanted(attempt)) master.execute(() => master.dropLink(this));
      else if (!this.online) master.execute(() => this.#setOnline());
      replica.execute(() => replica.load(this, snapshot, attempt));
    });
  }

  #setOnline(): void {
    if (!this.master.downstream.has(this)) return;
    this.online = true;
    this.#acknowledged();
    this.master.refreshGood();
  }

  #acknowledged(): void {
    const { master } = this;
    this.ackWallS = Math.floor(master.host.wallMs(master.node) / 1_000);
    this.ackAtMs = master.host.nowMs();
  }

  /** REPLCONF ACK. */
  acknowledge(): void {
    const { replica, master } = this;
    const sentAtMs = replica.host.nowMs();
    replica.host.network.stream(replica.node, master.node, () =>
      master.execute(() => {
        const isLate = master.host.nowMs() - sentAtMs > lateAckMs && replica.upstream !== this;
        if (master.downstream.has(this) && !isLate) this.#acknowledged();
      }),
    );
  }

  /** Sends what the replica lacks, or a PING. */
  pump(): void {
    const { replica, master } = this;
    if (this.#flowing || !this.online) return;
    this.#flowing = true;
    const { branch, offset } = master;
    replica.host.network.stream(master.node, replica.node, () =>
      replica.execute(() => this.#arrived(branch, offset)),
    );
  }

  #arrived(branch: Branch, offset: number): void {
    const { replica, master } = this;
    this.#flowing = false;
    if (replica.upstream !== this || !replica.linkUp) return;
    replica.received(branch, offset);
    if (master.alive && master.role === "master" && master.offset > replica.offset) this.pump();
  }

  /** The replica ends it. */
  closeByReplica(): void {
    const { replica, master } = this;
    if (replica.upstream === this) replica.upstream = null;
    if (replica.host.isPowered(replica.node)) {
      replica.host.network.stream(replica.node, master.node, () =>
        master.execute(() => master.dropLink(this)),
      );
    }
  }

  /** The master ends it. */
  closeByMaster(): void {
    const { replica, master } = this;
    master.dropLink(this);
    if (!master.host.isPowered(master.node)) return;
    replica.host.network.stream(master.node, replica.node, () =>
      replica.execute(() => replica.linkLost(this)),
    );
  }
}
