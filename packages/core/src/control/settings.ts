/**
 * Owns the numbers and names by which the scheduler's decision core is set up.
 * Not: the configuration file (config/), from which the shell makes these.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProxyPortRange } from "../endpoints/port-book.js";
import type { FencingRules, Runtime } from "../failover/rules.js";
import type { UserPassword } from "../instance/types.js";
import type { ProcessNeed } from "../placement/types.js";

/** Set-up of {@link Control}. Times are milliseconds. */
export interface ControlSettings {
  /** The leader's term, from the election. */
  readonly term: number;
  /**
   * Executor id for launches; stands for one exact ExecutorInfo. An agent whose resources are reserved may have another one
   * of the same set-up (`executorId` of its offers).
   */
  readonly executorId: string;
  /** How redis-servers are run that are placed from now on. */
  readonly runtime: Runtime;
  /** Resources of the executor itself. */
  readonly executorNeed: ProcessNeed;
  /** CPU share of one redis-server in thousandths. */
  readonly redisCpusMilli: number;
  /** Mesos memory of one redis-server with `maxmemory` of so many MiB, in thousandths of MiB. */
  readonly memoryNeedMilli: (memoryMib: number) => number;
  readonly deletedKeepMs: number;
  readonly launchTimeoutMs: number;
  readonly reviveBurst: number;
  readonly reviveIntervalMs: number;
  readonly offerHoldMs: number;
  /** L, in whole seconds of milliseconds: a replica that is silent for longer does not count for its master's writes. */
  readonly lagMs: number;
  /** Added to the wait for the fence, and to the end of a lease: for clocks that run at different speeds. */
  readonly marginMs: number;
  /** T: a replica that is not in sync for so long does not count any more. */
  readonly replicaSilenceMs: number;
  /** An executor is silent when nothing was heard of it for so long. */
  readonly executorSilenceMs: number;
  /** D: how long a master without a write quorum writes on after the leader was last heard. */
  readonly masterLeaseMs: number;
  /** A process that cannot be reached for so long is replaced. */
  readonly replaceUnreachableMs: number;
  /** Most replicas that one master syncs at a time. */
  readonly resyncsMax: number;
  /** Ports at proxies that instances are given; null: they are given none. */
  readonly proxyPorts: ProxyPortRange | null;
  /** The rules by which a promotion is safe; others exist in tests only. */
  readonly rules: FencingRules;
  /** A fresh unique id for each call; handed in, since core has no randomness. */
  readonly nextId: () => string;
  /** A fresh password for each call. */
  readonly nextSecret: () => string;
  /** A fresh password for a user of an instance, with its hash, for each call. */
  readonly nextUserPassword: () => UserPassword;
  /** True when secrets are sealed on their way to the store: only then are instances with `auth` taken. */
  readonly secretsKept: boolean;
  /** True when the agents hold certificates for Redis: then instances with `tls` need no key of an authority in the store. */
  readonly certificatesGiven: boolean;
}

/** Fixed limits of the decision core, each with its reason. */
export const controlLimits = {
  /** Offers of several agents arrive a few milliseconds apart; matching before that would crowd the first agent. */
  offerGatherMs: 30,
  /**
   * The answer to a REVIVE takes a round trip and an allocation. Until it is there, an instance of several processes is not
   * crowded on the agents that happen to be held; an agent that has nothing left costs the next one this wait, once.
   */
  offerAnswerMs: 500,
  /** Idle offers are kept so long for the next create, then given back. */
  idleHoldMs: 1_000,
  /** Refusal while idle; REVIVE lifts it at once. */
  idleRefuseSeconds: 3_600,
  /** Refusal of offers that do not fit what is wanted. */
  misfitRefuseSeconds: 5,
  /**
   * While something waits, all agents are asked for again after this time: refused offers come back one by one and
   * may never be there together, and a REVIVE may be lost. Half as often as Mesos users call polite.
   */
  reviveAgainMs: 10_000,
  /** A placement whose commits take longer gives its offers back: the store is away, and others need them. */
  roundMsMax: 30_000,
  /** A goal without an agreeing report is said again after this time: messages of Mesos may be lost. */
  goalResendMs: 1_000,
  /** A KILL may be lost when the executor's stream is down. */
  killRetryMs: 5_000,
  /** First answers to a park come within one round trip; who has not answered by then is left out. */
  parkWaitMs: 500,
  /** A failover on request that has not come to its end by then is given up: writes are paused meanwhile. */
  handoverMsMax: 10_000,
  /** While writes are paused, replicas are asked for their offsets so often. */
  offsetAskMs: 20,
  /** A replica that is further behind is not waited for with paused writes: a second or two of a fast network. */
  handoverBytesMax: 64 * 1024 * 1024,
  /** Reports of all executors arrive within an interval or two after the first session began. */
  settleMs: 5_000,
  /** A process that served so long counts as having started well. */
  goodStartMs: 2_000,
  /**
   * So many instances that wait for ports at proxies get them at a time, and so often: each is a commit, and 10,000 older
   * ones must not stand in the way of a create.
   */
  proxyPortsBatchMax: 50,
  proxyPortsPaceMs: 100,
  /** Wait after the first failed start; doubles up to {@link backoffMaxMs}. */
  backoffFirstMs: 250,
  backoffMaxMs: 60_000,
  /** How long an agent on which a start failed is avoided for that instance. */
  avoidMs: 60_000,
  /** How long a port is left alone that turned out to be taken by a stranger. */
  portAvoidMs: 600_000,
  /** Retry of a commit whose outcome is unknown: first wait, and the longest. */
  commitRetryMs: 200,
  commitRetryMaxMs: 5_000,
  /** Most instances matched in one turn: bounds the time that an event can take. */
  matchBatchMax: 1_000,
  /** Most tasks in one explicit RECONCILE. */
  reconcileChunk: 1_000,
  /** Wait before unanswered reconciliations are asked again; doubles up to the maximum. */
  reconcileRetryMs: 5_000,
  reconcileRetryMaxMs: 60_000,
  /** Everything is reconciled again after this time. */
  reconcileEveryMs: 900_000,
} as const;
