/**
 * Owns the etcd driver: the Store port over etcd's v3 API.
 * Not: its parts: keys.ts, servers.ts, reader.ts, writer.ts, campaign.ts, leadership.ts, document-watch.ts. Called by
 * createStore, which loads it only where it is asked for.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, isMrrError, MrrError } from "@mr-redis/core";
import { isDocumentKey, refusalOf } from "../change.js";
import { OpenCalls } from "../deadline.js";
import { checkHolder } from "../election.js";
import type { StoreCredentials, StoreTls } from "../index.js";
import { Lane } from "../lane.js";
import type {
  Change,
  CommitOutcome,
  DocumentKey,
  LeaderRecord,
  Leadership,
  Store,
  StoredDocument,
  WatchEvent,
} from "../port.js";
import { EtcdCampaign } from "./campaign.js";
import { DocumentWatch } from "./document-watch.js";
import { decodeLeader, documentOf, EtcdKeys } from "./keys.js";
import { EtcdLeadership } from "./leadership.js";
import { corrupt, documentsOf, readPairs } from "./reader.js";
import { EtcdServers, type OpenMember } from "./servers.js";
import { checkTls, etcdEndpoints } from "./settings.js";
import { bytesOf, EtcdWriter, groupLimits, type WaitingChange } from "./writer.js";

/** What an etcd store is made of. */
export interface EtcdStoreOptions {
  /** `host:port`, `http://host:port` or `https://host:port`. */
  readonly endpoints: readonly string[];
  readonly credentials: StoreCredentials | null;
  readonly tls: StoreTls | null;
  /** etcd rounds up to whole seconds, and to its own least lease; that is what the leader reckons with. */
  readonly leaseTtlMs: number;
  readonly prefix: string;
  readonly clock: Clock;
  /** Limit of every call but `campaign`. */
  readonly timeLimitMs: number;
  /** Foreign data at our keys is no reason to reject: who only looks is told of it by the calls. Default false. */
  readonly readOnly?: boolean;
  /** Way to a server; tests put their faults here. */
  readonly openMember?: OpenMember;
}

/** Campaigns that wait at one time: as in one process (election.ts), but each one has a stream. */
const campaignsMax = 100;

/** Longest wait of `close` for the server to hear that we lead no more. */
const closeMsMax = 2_000;

const closedError = () => new MrrError("store-unavailable", "the store is closed");

/**
 * Opens an etcd store. Rejects with MrrError `config-invalid` where the configuration cannot be right, also when the
 * server says so; a server that is away is none of that: calls then reject with `store-unavailable`.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const endpoints = etcdEndpoints(options.endpoints, options.tls !== null);
  checkTls(options.tls);
  const keys = new EtcdKeys(options.prefix);
  const servers = new EtcdServers({ ...options, endpoints });
  const store = new EtcdStore(options, servers, keys);
  try {
    await store.readLeader();
  } catch (error) {
    const passes: readonly string[] =
      options.readOnly === true ? ["store-unavailable", "store-corrupt"] : ["store-unavailable"];
    if (isMrrError(error) && passes.includes(error.code)) return store;
    await store.close();
    throw error;
  }
  return store;
}

/** A store in etcd. Made by {@link openEtcdStore}. */
class EtcdStore implements Store {
  readonly #options: EtcdStoreOptions;
  readonly #servers: EtcdServers;
  readonly #keys: EtcdKeys;
  readonly #calls: OpenCalls;
  readonly #lane: Lane<WaitingChange>;
  readonly #closing = new AbortController();
  readonly #leaderships = new Set<EtcdLeadership>();
  readonly #watches = new Set<DocumentWatch>();
  #campaigns = 0;
  #closed: Promise<void> | null = null;

  constructor(options: EtcdStoreOptions, servers: EtcdServers, keys: EtcdKeys) {
    this.#options = options;
    this.#servers = servers;
    this.#keys = keys;
    this.#calls = new OpenCalls(options.clock, options.timeLimitMs);
    const writer = new EtcdWriter(servers, keys);
    this.#lane = new Lane(groupLimits, (items) => writer.write(items));
  }

  async campaign(holder: string, signal: AbortSignal): Promise<Leadership> {
    checkHolder(holder);
    if (this.#campaigns >= campaignsMax) {
      throw new MrrError("store-unavailable", `${campaignsMax} campaigns wait already`);
    }
    this.#campaigns += 1;
    const parts = { ...this.#options, servers: this.#servers, keys: this.#keys };
    const either = AbortSignal.any([this.#closing.signal, signal]);
    const { lease, record, revision } = await new EtcdCampaign(parts, holder, either)
      .run()
      .finally(() => {
        this.#campaigns -= 1;
      });
    const leadership = new EtcdLeadership({
      ...parts,
      record,
      lease,
      revision,
      settled: () => this.#calls.run(this.#lane.task(async () => {})),
    });
    this.#leaderships.add(leadership);
    leadership.lost.then(() => this.#leaderships.delete(leadership));
    if (this.#closing.signal.aborted) void leadership.end("the store was closed");
    return leadership;
  }

  readLeader(): Promise<LeaderRecord | null> {
    const key = this.#keys.leader;
    return this.#asked(async () => {
      const { kvs } = await this.#servers.read((member, limits) =>
        member.kv.range({ key }, limits),
      );
      const [pair] = kvs;
      if (pair === undefined) return null;
      const record = decodeLeader(pair.value);
      if (record === null) throw corrupt([key.toString()], []);
      return record;
    });
  }

  readAll(): Promise<readonly StoredDocument[]> {
    return this.#asked(async () => {
      const { pairs } = await readPairs(this.#servers, this.#keys, { keysOnly: false });
      return documentsOf(pairs);
    });
  }

  read(key: DocumentKey): Promise<StoredDocument | null> {
    return this.#asked(async () => {
      if (!isDocumentKey(key)) return null;
      const request = { key: this.#keys.of(key) };
      const { kvs } = await this.#servers.read((member, limits) =>
        member.kv.range(request, limits),
      );
      const [pair] = kvs;
      if (pair === undefined) return null;
      const document = documentOf(key, pair);
      if (document === null) throw corrupt([key], []);
      return document;
    });
  }

  async commit(
    leadership: Leadership,
    changes: readonly Change[],
  ): Promise<readonly CommitOutcome[]> {
    return Promise.all(changes.map((change) => this.#commitOne(leadership, change)));
  }

  watch(listener: (event: WatchEvent) => void): Promise<{ close(): void }> {
    return this.#asked(async () => {
      const { clock, timeLimitMs: silenceMs } = this.#options;
      const parts = { servers: this.#servers, keys: this.#keys, clock, silenceMs };
      const watch = await DocumentWatch.open(parts, listener);
      if (this.#closing.signal.aborted) watch.close();
      this.#watches.add(watch);
      return {
        close: () => {
          this.#watches.delete(watch);
          watch.close();
        },
      };
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { clock, timeLimitMs } = this.#options;
    this.#closing.abort(closedError());
    this.#calls.endAll(closedError());
    for (const watch of this.#watches) watch.close();
    void this.#lane.stop();
    const given = [...this.#leaderships].map((leadership) =>
      leadership.end("the store was closed"),
    );
    await new OpenCalls(clock, Math.min(timeLimitMs, closeMsMax))
      .run(Promise.all(given))
      .catch(() => {});
    this.#servers.close();
  }

  async #commitOne(leadership: Leadership, change: Change): Promise<CommitOutcome> {
    if (this.#closing.signal.aborted) return { type: "refused", reason: "closed" };
    const refusal = refusalOf(change);
    if (refusal !== null) return { type: "refused", reason: refusal };
    const ours = this.#leadershipOf(leadership);
    if (ours === null) return { type: "refused", reason: "not-leader" };
    let settle: (outcome: CommitOutcome) => void = () => {};
    const settled = new Promise<CommitOutcome>((resolve) => {
      settle = resolve;
    });
    const bytes = bytesOf(change);
    const waiting: WaitingChange = { leadership: ours, change, bytes, settle, isAbandoned: false };
    if (!this.#lane.add(waiting)) return { type: "unknown", cause: "too many commits wait" };
    try {
      return await this.#calls.run(settled);
    } catch (error) {
      waiting.isAbandoned = true;
      return { type: "unknown", cause: isMrrError(error) ? error.message : String(error) };
    }
  }

  /** A leadership that this store gave and that has not ended. */
  #leadershipOf(leadership: Leadership): EtcdLeadership | null {
    for (const ours of this.#leaderships) if (ours === leadership) return ours;
    return null;
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw closedError();
    return this.#calls.run(ask()).catch((error) => {
      throw this.#servers.errorOf(error);
    });
  }
}
