/**
 * Owns who can be reached: silence of executors, what Mesos says, and the signs that a master is lost for its replicas.
 * Not: what follows from it (members.ts, quorum.ts, step.ts). Source of the rules: docs/internals/fencing.md, "Detection".
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceCell } from "../control/cell.js";
import type { ReviewHost } from "../control/review-host.js";
import { masterOf } from "../control/transitions.js";
import type { FailoverSign, ProcessRecord } from "../instance/types.js";
import { failoverSignsMax } from "../instance/types.js";

/** A link over which nothing came for so long is broken: masters ping their replicas once a second. */
const linkSilenceSeconds = 2;

/** True when goals can be expected to arrive, and reports to come. */
export const isReachable = (process: ProcessRecord, host: ReviewHost): boolean =>
  process.state === "running" && !host.isSilent(process);

/** Keeps the book of who cannot be reached and since when. */
export function reviewContact(cell: InstanceCell, host: ReviewHost): void {
  for (const process of cell.document.processes) {
    const isAway = process.state === "unreachable" || host.isSilent(process);
    if (!isAway || !host.subscribed) cell.unreachableSinceMs.delete(process.id);
    else if (!cell.unreachableSinceMs.has(process.id)) {
      const sinceMs = host.isSilent(process) ? host.heardAtMs(process) : host.monotonicMs;
      cell.unreachableSinceMs.set(process.id, sinceMs);
    }
  }
}

/** True when the process cannot be reached for at least `forMs`; else the review is called again when it will be. */
export function isAwayFor(
  cell: InstanceCell,
  process: ProcessRecord,
  forMs: number,
  host: ReviewHost,
): boolean {
  const sinceMs = cell.unreachableSinceMs.get(process.id);
  if (sinceMs === undefined) return false;
  if (host.monotonicMs >= sinceMs + forMs) return true;
  host.wakeAt(cell.name, sinceMs + forMs);
  return false;
}

/** True when neither its executor nor Mesos knows that the master lives. */
export const isMasterSilent = (master: ProcessRecord, host: ReviewHost): boolean =>
  host.subscribed && (host.isSilent(master) || master.state === "unreachable");

/** The signs by which a master is taken for lost: silence, and a replica with data that has lost it too; or null. */
export function suspicionOf(
  cell: InstanceCell,
  host: ReviewHost,
): readonly [FailoverSign, ...FailoverSign[]] | null {
  const { document } = cell;
  const master = masterOf(document);
  if (master === undefined || document.spec.fencing === "off") return null;
  if (!isMasterSilent(master, host)) return null;
  const broken = document.processes.flatMap((process) => {
    const sign = brokenLinkOf(cell, process, master, host);
    return sign === null ? [] : [sign];
  });
  if (broken.length === 0) return null;
  const { executorSilenceMs } = host.settings;
  const silentMs = Math.max(0, host.monotonicMs - host.heardAtMs(master));
  const first: FailoverSign =
    host.isSilent(master) || silentMs >= executorSilenceMs
      ? {
          by: "scheduler",
          what: `nothing was heard of the executor on ${master.hostname} for ${Math.round(silentMs)} ms`,
          atMs: host.atMs - silentMs,
        }
      : { by: "mesos", what: `the agent on ${master.hostname} is unreachable`, atMs: host.atMs };
  return [first, ...broken.slice(0, failoverSignsMax - 1)];
}

function brokenLinkOf(
  cell: InstanceCell,
  process: ProcessRecord,
  master: ProcessRecord,
  host: ReviewHost,
): FailoverSign | null {
  if (process.id === master.id || !isReachable(process, host)) return null;
  const report = cell.reports.get(process.id);
  // One without data has not been in sync yet: its link says nothing.
  if (report === undefined || report.dataEpoch === 0) return null;
  if (report.phase !== "serving" || report.role !== "replica") return null;
  if (report.following !== `${master.address}:${master.port}`) return null;
  const seconds = report.stats?.lastIoSeconds ?? 0;
  if (report.linkUp && seconds < linkSilenceSeconds) return null;
  const what = report.linkUp
    ? `nothing came over the link to the master for ${seconds} s`
    : "the link to the master is down";
  return { by: process.id, what, atMs: host.atMs };
}
