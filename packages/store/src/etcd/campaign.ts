/**
 * Owns how a scheduler becomes leader in etcd: it waits until nobody leads, takes a lease, and writes the leader's key and
 * the next term in one transaction.
 * Not: keeping it (leadership.ts). Called by store.ts. The election helper of etcd3 is not used: after an outage a
 * campaign of it that has failed wins nevertheless (its issues 158 and 176).
 *
 * A transaction of unknown fate is given up with its lease: it cannot win later, since etcd refuses a key with a lease
 * that has ended.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Buffer } from "node:buffer";
import type { Clock } from "@mr-redis/core";
import type { IKeyValue } from "etcd3";
import type { LeaderRecord } from "../port.js";
import { EtcdFailure, toMrrError } from "./failure.js";
import { decodeLeader, decodeTerm, type EtcdKeys, encodeLeader } from "./keys.js";
import { type GrantedLease, isFresh } from "./leadership.js";
import { corrupt } from "./reader.js";
import type { EtcdServers } from "./servers.js";
import { WatchStream } from "./watch-stream.js";

/** Pause before the next attempt after a failure: grows from one to the other. */
const retryDelayMs = { first: 50, max: 500 } as const;

/** Looks at the leader's key beside the watch, should that fail unnoticed. */
const pollEveryMs = 1_000;

/** What a campaign needs. */
export interface CampaignParts {
  readonly servers: EtcdServers;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  readonly leaseTtlMs: number;
  /** Also how long the store may be out of reach before a campaign gives up. */
  readonly timeLimitMs: number;
}

/** A leadership that was won. */
export interface Victory {
  readonly record: LeaderRecord;
  readonly lease: GrantedLease;
  readonly revision: string;
}

interface Standing {
  readonly leader: IKeyValue | null;
  readonly term: IKeyValue | null;
  readonly revision: string;
}

/** One campaign. */
export class EtcdCampaign {
  readonly #parts: CampaignParts;
  readonly #holder: string;
  readonly #signal: AbortSignal;
  /** When the store was last known to let us lead, or somebody else. */
  #goodAtMs: number;

  constructor(parts: CampaignParts, holder: string, signal: AbortSignal) {
    this.#parts = parts;
    this.#holder = holder;
    this.#signal = signal;
    this.#goodAtMs = parts.clock.monotonicMs();
  }

  /** Resolves with the victory. Rejects with the signal's reason, or MrrError as the port says. */
  run(): Promise<Victory> {
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#attempts()
        .then((victory) => {
          if (signal.aborted) void this.#giveBack(victory.lease.id);
          else resolve(victory);
        }, reject)
        .finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  async #attempts(): Promise<Victory> {
    const { clock, servers, timeLimitMs } = this.#parts;
    let delayMs: number = retryDelayMs.first;
    for (;;) {
      this.#signal.throwIfAborted();
      try {
        const victory = await this.#attempt();
        if (victory !== null) return victory;
        delayMs = retryDelayMs.first;
      } catch (error) {
        if (!(error instanceof EtcdFailure)) throw error;
        // A user who may read but not write is found out here.
        if (error.kind === "config") throw toMrrError(error, servers.hasWritten);
        if (clock.monotonicMs() - this.#goodAtMs >= timeLimitMs) throw servers.errorOf(error);
        await this.#pause(delayMs);
        delayMs = Math.min(delayMs * 2, retryDelayMs.max);
      }
    }
  }

  /** Looks, waits or stands; null: look again. */
  async #attempt(): Promise<Victory | null> {
    const standing = await this.#look();
    if (standing.leader !== null) {
      this.#good();
      await this.#waitForEnd(standing.leader, standing.revision);
      return null;
    }
    return this.#stand(standing);
  }

  async #look(): Promise<Standing> {
    const { keys, servers } = this.#parts;
    const request = {
      success: [{ request_range: { key: keys.leader } }, { request_range: { key: keys.term } }],
    };
    const answer = await servers.read((member, limits) => member.kv.txn(request, limits));
    const [leader = null, term = null] = answer.responses.map(
      (response) => response.response_range?.kvs[0] ?? null,
    );
    const strange: string[] = [];
    // A leader's key without a lease would never go.
    const isOurs = leader === null || (decodeLeader(leader.value) !== null && leader.lease !== "0");
    if (!isOurs) strange.push(keys.leader.toString());
    if (term !== null && decodeTerm(term.value) === null) strange.push(keys.term.toString());
    if (strange.length > 0) throw corrupt(strange, []);
    return { leader, term, revision: answer.header.revision };
  }

  /** Takes a lease and tries to write the leader's key. */
  async #stand(standing: Standing): Promise<Victory | null> {
    const { clock, keys, servers, leaseTtlMs } = this.#parts;
    const sentAtMs = clock.monotonicMs();
    const TTL = Math.max(1, Math.ceil(leaseTtlMs / 1000));
    const granted = await servers.call((member, limits) =>
      member.lease.leaseGrant({ TTL }, limits),
    );
    const lease = { id: granted.ID, ttlMs: Number(granted.TTL) * 1000, sentAtMs };
    try {
      this.#signal.throwIfAborted();
      const term = (standing.term === null ? 0 : (decodeTerm(standing.term.value) ?? 0)) + 1;
      const record = { holder: this.#holder, term };
      const { leader, term: termKey } = keys;
      const answer = await servers.call((member, limits) =>
        member.kv.txn(
          {
            compare: [
              { key: leader, target: "Create", result: "Equal", create_revision: "0" },
              {
                key: termKey,
                target: "Mod",
                result: "Equal",
                mod_revision: standing.term?.mod_revision ?? "0",
              },
            ],
            success: [
              { request_put: { key: leader, value: encodeLeader(record), lease: lease.id } },
              { request_put: { key: termKey, value: Buffer.from(String(term)) } },
            ],
          },
          limits,
        ),
      );
      servers.noteWritten();
      this.#good();
      if (answer.succeeded && isFresh(sentAtMs, lease.ttlMs, clock)) {
        return { record, lease, revision: answer.header.revision };
      }
    } catch (error) {
      void this.#giveBack(lease.id);
      throw error;
    }
    await this.#giveBack(lease.id);
    return null;
  }

  /** Resolves when the leader's key is gone or another one's. */
  async #waitForEnd(leader: IKeyValue, revision: string): Promise<void> {
    const { clock, keys, servers, timeLimitMs } = this.#parts;
    let isOver = false;
    let isBroken = false;
    let wake: () => void = () => {};
    const over = () => {
      isOver = true;
      wake();
    };
    const stream = new WatchStream(
      { servers, clock, silenceMs: timeLimitMs },
      { key: keys.leader, end: null, fromRevision: BigInt(revision) + 1n, onlyRemovals: true },
      {
        onEvents: (events) => {
          if (events.some((event) => event.type === "Delete")) over();
        },
        onBroken: () => {
          isBroken = true;
          wake();
        },
      },
    );
    this.#signal.addEventListener("abort", over);
    try {
      while (!isOver) {
        await new Promise<void>((resolve) => {
          if (isBroken) return resolve();
          const timer = clock.after(pollEveryMs, resolve);
          wake = () => {
            timer.cancel();
            resolve();
          };
        });
        if (isOver) return;
        const { kvs } = await servers.read((member, limits) =>
          member.kv.range({ key: keys.leader, keys_only: true }, limits),
        );
        this.#good();
        if (kvs[0]?.create_revision !== leader.create_revision) return;
        // The next attempt opens another watch.
        if (isBroken) return await this.#pause(retryDelayMs.first);
      }
    } finally {
      this.#signal.removeEventListener("abort", over);
      stream.close();
    }
  }

  #good(): void {
    this.#goodAtMs = this.#parts.clock.monotonicMs();
  }

  /** Where it fails, the lease ends by itself. */
  async #giveBack(ID: string): Promise<void> {
    await this.#parts.servers
      .call((member, limits) => member.lease.leaseRevoke({ ID }, limits))
      .catch(() => {});
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(durationMs, () => end());
      const end = () => {
        timer.cancel();
        this.#signal.removeEventListener("abort", end);
        resolve();
      };
      this.#signal.addEventListener("abort", end);
    });
  }
}
