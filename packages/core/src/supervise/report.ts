/**
 * Owns the reports: what one process is, and when which batch goes up.
 * Not: their encoding (goal/codec.ts), nor their way (packages/executor).
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type GoalRole,
  type ProcessExit,
  type ProcessReport,
  parkAddress,
  type ReportBatch,
  type Stamp,
} from "../goal/types.js";
import type { RedisInfo } from "../redis/info.js";
import type { Turn } from "./turn.js";
import {
  endedReportedMax,
  endedReportMs,
  linkSilentSeconds,
  type Supervised,
  type SuperviseState,
  sentBatchesMax,
} from "./types.js";

/** @internal Older than every goal of a scheduler. */
export const noStamp: Stamp = { term: 0, counter: 0 };

/** @internal `address:port` that a process follows, null for a master. */
export const followingOf = (info: RedisInfo): string | null =>
  info.master === null ? null : `${info.master.address}:${info.master.port}`;

const parkFollowing = `${parkAddress.address}:${parkAddress.port}`;

/** @internal The role that Redis itself shows. */
export const roleOf = (info: RedisInfo): GoalRole => {
  if (info.role === "master") return "master";
  return followingOf(info) === parkFollowing ? "parked" : "replica";
};

/** @internal Was a master and has not since completed a sync with a later reign. */
export const isDiverged = (process: Supervised): boolean =>
  process.ledEpoch > 0 &&
  process.dataEpoch <= process.ledEpoch &&
  (process.info === null || process.info.role !== "master");

/** @internal A replica whose link to the master of its goal is up and which does not load; a master that serves. */
export function isSynced(process: Supervised): boolean {
  const { info, inForce } = process;
  if (info === null || inForce === null || info.loading) return false;
  return inForce.role === "master" || (inForce.role === "replica" && info.linkUp);
}

const observations = (info: RedisInfo) => ({
  role: roleOf(info),
  writeQuorum: info.writeQuorum,
  lagSecondsMax: info.lagSecondsMax,
  goodReplicas: info.goodReplicas,
  following: followingOf(info),
  linkUp: info.linkUp,
  loading: info.loading,
  offset: info.offset,
  replicationId: info.replicationId,
  stats: {
    memoryUsedBytes: info.memoryUsedBytes,
    uptimeSeconds: info.uptimeSeconds,
    clients: info.clients,
    opsPerSecond: info.opsPerSecond,
    lastIoSeconds: info.lastIoSeconds,
  },
});

/** What is said of a process that was not looked at yet: it accepts nothing and holds nothing. */
const unobserved = {
  role: "parked",
  writeQuorum: 0,
  lagSecondsMax: 0,
  goodReplicas: -1,
  following: null,
  linkUp: false,
  loading: false,
  offset: 0,
  replicationId: "",
  stats: null,
} as const;

/** @internal The report of a process; with `exit`, its last one. */
export function reportOf(process: Supervised, exit: ProcessExit | null): ProcessReport {
  const { info, inForce } = process;
  const seen = info === null ? unobserved : observations(info);
  return {
    processId: process.order.processId,
    startId: process.startId,
    pid: process.pid ?? 0,
    phase: exit !== null ? "exited" : process.phase === "serving" ? "serving" : "starting",
    exit,
    stamp: inForce?.stamp ?? noStamp,
    epoch: inForce?.epoch ?? 0,
    ...seen,
    closed: inForce === null ? null : process.closed,
    linkUp: exit === null && seen.linkUp,
    synced: exit === null && isSynced(process),
    dataEpoch: process.dataEpoch,
    diverged: isDiverged(process),
    ...(process.note === null || exit !== null ? {} : { note: process.note }),
  };
}

/** @internal The only report of a process that an ended executor had left. */
export const leftoverReport = (
  processId: string,
  startId: string,
  exit: ProcessExit,
): ProcessReport => ({
  ...{ processId, startId, pid: 0, phase: "exited", exit, stamp: noStamp, epoch: 0 },
  ...unobserved,
  ...{ closed: null, linkUp: false, synced: false, dataEpoch: 0, diverged: false },
});

const isLinkSilent = ({ info }: Supervised): boolean =>
  info !== null && info.lastIoSeconds >= linkSilentSeconds;

/** Which differences the scheduler should hear of at once, not at the interval. */
const isTold = {
  processId: true,
  startId: true,
  pid: true,
  phase: true,
  exit: true,
  // Compared by its parts.
  stamp: false,
  epoch: true,
  role: true,
  writeQuorum: true,
  closed: true,
  lagSecondsMax: true,
  goodReplicas: true,
  following: true,
  linkUp: true,
  loading: true,
  synced: true,
  dataEpoch: true,
  diverged: true,
  offset: false,
  replicationId: true,
  // Of its parts, the silence of the link.
  stats: false,
  // Told when it changes (process.ts).
  note: false,
} as const satisfies Record<keyof ProcessReport, boolean>;

const told = (Object.keys(isTold) as (keyof ProcessReport)[]).filter((name) => isTold[name]);

/** @internal True when the scheduler should hear of the difference at once, not at the interval. */
export function isReportable(before: Supervised, after: Supervised): boolean {
  const old = reportOf(before, null);
  const now = reportOf(after, null);
  if (old.stamp.term !== now.stamp.term || old.stamp.counter !== now.stamp.counter) return true;
  if (isLinkSilent(before) !== isLinkSilent(after)) return true;
  return told.some((name) => old[name] !== now[name]);
}

function batchOf(state: SuperviseState, full: boolean, atMs: number): ReportBatch {
  const isListed = (processId: string): boolean =>
    full || state.reports.changed.includes(processId);
  const live = state.processes
    .filter(({ pid, note }) => pid !== null || note !== null)
    .filter((process) => isListed(process.order.processId))
    .map((process) => reportOf(process, null));
  const ended = state.ended
    .filter((each) => each.atMs + endedReportMs >= atMs && isListed(each.processId))
    .flatMap((each) => (each.report === null ? [] : [each.report]))
    .slice(-endedReportedMax);
  return {
    version: 1,
    type: "reports",
    number: state.reports.number + 1,
    runId: state.options.runId,
    full,
    processes: [...live, ...ended],
  };
}

/** @internal Sends what is due: all processes at the interval, else those that changed. */
export function settleReports(turn: Turn): void {
  const { reports, options } = turn.state;
  const full = turn.atMs >= reports.fullDueAtMs;
  const changed = reports.changedDueAtMs !== null && turn.atMs >= reports.changedDueAtMs;
  if (!full && !changed) return;
  const batch = batchOf(turn.state, full, turn.atMs);
  turn.effects.push({
    type: "send-reports",
    because: full
      ? { code: "report-interval", text: "the report interval has passed" }
      : { code: "process-changed", text: `${batch.processes.length} processes changed` },
    batch,
  });
  const sent = { number: batch.number, atMs: turn.atMs };
  turn.state = {
    ...turn.state,
    sentBatches: [...turn.state.sentBatches, sent].slice(-sentBatchesMax),
    reports: {
      number: batch.number,
      changed: [],
      changedDueAtMs: null,
      sentAtMs: turn.atMs,
      fullDueAtMs: full ? turn.atMs + options.reportIntervalMs : reports.fullDueAtMs,
    },
  };
}
