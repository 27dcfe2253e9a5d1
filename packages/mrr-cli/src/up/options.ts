/**
 * Owns the options of `mrr up` as commander gives them. Not: their checks one by one (commands/define.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { AccessFiles } from "../endpoint/access.js";

/** Stores that can be chosen on the command line. */
export const upStores = ["embedded", "etcd", "zookeeper"] as const;

/** One of {@link upStores}. */
export type UpStore = (typeof upStores)[number];

/** Options after parsing; what has no default in defaults.ts, or one that the configuration may change, is optional. */
export interface UpOptions {
  readonly agents: number;
  readonly agentCpus?: number;
  readonly agentMemory?: number;
  /** As mrr-local takes them: `rack:r{agent};zone:z1`. */
  readonly attributes?: string;
  /** FIRST-LAST. */
  readonly ports: string;
  readonly httpPort?: number;
  readonly artifactPort?: number;
  readonly mesosPort: number;
  /** False: none is started. */
  readonly proxy: boolean;
  /** FIRST-LAST, as ProxyPorts. */
  readonly proxyPorts?: string;
  readonly proxyHttpPort: number;
  readonly dataDir: string;
  readonly config?: string;
  /** Default: what the configuration says, else `embedded`. */
  readonly store?: UpStore;
  /** As DBEndPoint; needed for etcd and zookeeper, here or in the configuration. */
  readonly storeEndpoint?: string;
  /** As DBUser. Its password comes from the environment alone: a command line is seen by all. */
  readonly storeUser?: string;
  /** The operator's word that a framework that was removed may be followed by a new one. */
  readonly newFramework?: boolean;
  readonly exitWithParent?: boolean;
  /** `--token-file` and `--ca-file`: for a configuration with tokens or TLS. */
  readonly access?: AccessFiles;
}
