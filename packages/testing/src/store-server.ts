/**
 * Owns the store of a site under test: none (embedded), or a real etcd or ZooKeeper with the configuration that names it.
 * Not: the servers (servers/). Called by e2e, by mrr-up.ts and by bench.
 * SPDX-License-Identifier: Apache-2.0
 */
import { startEtcd } from "./servers/etcd.js";
import { startZookeeper } from "./servers/zookeeper.js";

/** Stores that end-to-end tests run on; each name is a `DBType`. */
export const siteStores = ["embedded", "etcd", "zookeeper"] as const;

/** A name of {@link siteStores}. */
export type SiteStore = (typeof siteStores)[number];

/** What a test may do to the server of a store. */
export interface StoreServer {
  /** Keys of the scheduler's configuration: DBType and DBEndPoint. */
  readonly config: { readonly DBType: string; readonly DBEndPoint: string };
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
  /** Starts it again with its data; resolves when it serves. */
  start(): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts the server of `store` on a free port, with data of its own. */
export async function startStoreServer(store: "etcd" | "zookeeper"): Promise<StoreServer> {
  const server = store === "etcd" ? await startEtcd() : await startZookeeper();
  return {
    config: { DBType: store, DBEndPoint: server.endpoint },
    kill: () => server.kill(),
    start: () => server.start(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    stop: () => server.stop(),
  };
}

/** The store that this run of the end-to-end tests is for: MRR_TEST_STORE, default embedded. */
export function siteStoreOfRun(name = process.env.MRR_TEST_STORE ?? "embedded"): SiteStore {
  const store = siteStores.find((each) => each === name);
  if (store === undefined) {
    throw new Error(`MRR_TEST_STORE is ${name}; there are ${siteStores.join(", ")}`);
  }
  return store;
}
