/**
 * Owns the answers of /v2 as this program reads them: only the fields that it shows.
 * Not: the API itself (packages/scheduler). Filled by parse.ts, read by commands and text/.
 * SPDX-License-Identifier: Apache-2.0
 */

/** One redis-server of an instance. */
export interface Process {
  readonly id: string;
  /** "master" or "replica"; a later version may say more. */
  readonly role: string;
  readonly state: string;
  /** null where the server has no address to show. */
  readonly ip: string | null;
  readonly port: number;
  readonly agentId: string;
  readonly hostname: string;
  readonly ready: boolean;
}

/** Why something has no place: a summary, and a reason for each agent. */
export interface Unplaced {
  readonly missing: number;
  readonly text: string;
  readonly agents: readonly {
    readonly agentId: string;
    readonly hostname: string;
    readonly text: string;
  }[];
}

/** An instance. Words that a newer scheduler may add are kept as they come. */
export interface Instance {
  readonly name: string;
  readonly type: string;
  readonly status: string;
  readonly reason: { readonly code: string; readonly text: string } | null;
  /** MiB for each process. */
  readonly memory: number;
  readonly slaves: number;
  readonly distribution: number | null;
  readonly config: Readonly<Record<string, string>>;
  /** `[attribute, operator]` or `[attribute, operator, value]`. */
  readonly constraints: readonly (readonly string[])[];
  /** "on" or "off"; "" where the scheduler does not say. */
  readonly fencing: string;
  /** "replace" or "wait"; "" where the scheduler does not say. */
  readonly onUnreachable: string;
  readonly auth: boolean;
  readonly tls: boolean;
  readonly master: Process | null;
  readonly replicas: readonly Process[];
  readonly processes: readonly Process[];
  readonly unplaced: Unplaced | null;
  /** True where the scheduler knows of ports at proxies; their address is a call of its own (connection.ts). */
  readonly hasConnection: boolean;
}

/** One page of the list. */
export interface InstancePage {
  readonly instances: readonly Instance[];
  /** Name to ask for the next page with; null on the last one. */
  readonly next: string | null;
  /** The instances as they came, for `--output json`. */
  readonly raw: readonly unknown[];
}

/** One failover; times are milliseconds since its first sign. */
export interface Failover {
  readonly epoch: number;
  readonly kind: string;
  readonly oldMaster: string | null;
  readonly newMaster: string;
  readonly because: string;
  readonly startedAt: string;
  readonly seen: readonly {
    readonly by: string;
    readonly what: string;
    readonly atMs: number;
  }[];
  readonly steps: readonly { readonly name: string; readonly atMs: number }[];
  readonly candidates: readonly {
    readonly processId: string;
    readonly hostname: string;
    readonly offset: number;
    readonly dataEpoch: number;
    readonly diverged: boolean;
  }[];
  readonly bytesGivenUp: number | null;
  readonly writerlessMs: number | null;
}

/** Problem details of RFC 9457 with our code and help. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly help: string;
}
