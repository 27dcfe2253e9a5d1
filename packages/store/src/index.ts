/**
 * Owns the public surface of the store package: the port, and the one place that knows the drivers by name.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Clock, MrrError } from "@mr-redis/core";
import { EmbeddedStore } from "./embedded/store.js";
import { MemoryBackend } from "./memory/backend.js";
import { MemoryStore } from "./memory/store.js";
import type { Store } from "./port.js";

export { MemoryBackend, type MemoryCall, type MemoryFault } from "./memory/backend.js";
export * from "./port.js";

/** The drivers that exist, by the name that the configuration gives. */
export const storeDrivers = ["memory", "embedded", "etcd", "zookeeper"] as const;

/** A name of {@link storeDrivers}. */
export type StoreDriver = (typeof storeDrivers)[number];

/** Default limit of one call: far above a slow fsync, below the patience of a caller. */
export const storeTimeLimitMsDefault = 5000;

/** Default of {@link StoreOptions.leaseTtlMs}: a takeover within 6 s; two missed answers do not depose. */
export const leaseTtlMsDefault = 5000;

/** Default of {@link StoreOptions.prefix}. The ancestor's tree, `/MrRedis`, is left alone. */
export const storePrefixDefault = "/mr-redis";

/** Who we are to the store; never logged. */
export interface StoreCredentials {
  readonly user: string;
  readonly password: string;
}

/** PEM texts. */
export interface StoreTls {
  /** Null: the system's authorities. */
  readonly ca: string | null;
  /** Null, or both: our own certificate. */
  readonly client: { readonly certificate: string; readonly key: string } | null;
}

/** What a store is made of. */
export interface StoreOptions {
  /** Checked: configurations are read before there are types. */
  readonly driver: string;
  readonly clock: Clock;
  /** Where the embedded driver keeps its files (`<data directory>/store`); made when missing. */
  readonly directory?: string;
  /**
   * Servers of etcd (`host:port`, `http://...`, `https://...`) or ZooKeeper (`host:port`; a chroot may follow the last
   * one), as the configuration's DBEndPoint gives them, split at commas.
   */
  readonly endpoints?: readonly string[];
  /** etcd: user and password. ZooKeeper: scheme `digest`; every node is then made for this user alone. */
  readonly credentials?: StoreCredentials | null;
  /** etcd only: the files' contents. */
  readonly tls?: StoreTls | null;
  /** Lease (etcd) or session (ZooKeeper) of a leader; default {@link leaseTtlMsDefault}. */
  readonly leaseTtlMs?: number;
  /** Root of all keys; default {@link storePrefixDefault}. Tests take their own. */
  readonly prefix?: string;
  /**
   * For those who only look: nothing is made or changed, and campaigns reject with `config-invalid`. ZooKeeper alone
   * needs it, as opening otherwise makes its tree; a tree that is missing then reads as empty, and cannot be watched.
   * Opening etcd writes nothing in any case, and does not reject then for foreign data at our keys; the embedded driver makes its directory in any case. Default false.
   */
  readonly readOnly?: boolean;
  /** State that several memory stores share; default: its own. */
  readonly backend?: MemoryBackend;
  /** Limit of every call but `campaign`; default {@link storeTimeLimitMsDefault}. */
  readonly timeLimitMs?: number;
}

/**
 * Opens the store that the configuration names. Rejects with MrrError `config-invalid` (no such driver, a missing
 * directory, endpoints, files or credentials that cannot be right; the text names the configuration's key),
 * `store-locked`, `store-newer`, `store-corrupt` or `store-unavailable`. Servers that are away are no reason to reject:
 * calls do, until one is there.
 */
export async function createStore(options: StoreOptions): Promise<Store> {
  const { clock, timeLimitMs = storeTimeLimitMsDefault } = options;
  switch (options.driver) {
    case "memory":
      return new MemoryStore({
        backend: options.backend ?? new MemoryBackend(),
        clock,
        timeLimitMs,
      });
    case "embedded": {
      const { directory } = options;
      if (directory === undefined || directory === "") {
        throw new MrrError("config-invalid", 'the store "embedded" needs a data directory');
      }
      return EmbeddedStore.open({ directory, clock, timeLimitMs });
    }
    case "etcd": {
      // Large libraries, loaded where they are asked for: by nobody on one machine.
      const { openEtcdStore } = await import("./etcd/store.js");
      return openEtcdStore({
        endpoints: options.endpoints ?? [],
        credentials: options.credentials ?? null,
        tls: options.tls ?? null,
        leaseTtlMs: options.leaseTtlMs ?? leaseTtlMsDefault,
        readOnly: options.readOnly ?? false,
        prefix: options.prefix ?? storePrefixDefault,
        clock,
        timeLimitMs,
      });
    }
    case "zookeeper": {
      const { openZookeeperStore } = await import("./zookeeper/store.js");
      return openZookeeperStore(options);
    }
    default: {
      const known = storeDrivers.map((name) => `"${name}"`).join(", ");
      throw new MrrError(
        "config-invalid",
        `there is no store ${JSON.stringify(options.driver)}; there are ${known}`,
      );
    }
  }
}
