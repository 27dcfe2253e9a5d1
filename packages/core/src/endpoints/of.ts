/**
 * Owns where an instance is, as it is told to those who lead clients to it: from its stored document and its reports.
 * Not: the words (types.ts), nor who is told (packages/scheduler, api/). Pure. Called after whatever concerns the instance.
 * Source of the rules: docs/internals/fencing.md; persist, then act.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceCell } from "../control/cell.js";
import { isReady } from "../control/goals.js";
import { masterOf, processOf } from "../control/transitions.js";
import type { InstanceDocument, ProcessRecord } from "../instance/types.js";
import type { InstanceEndpoints, ServerAddress, WriterState } from "./types.js";

/**
 * The instance as clients are to be led, or null: it is not stored, or it is deleted.
 *
 * The document that counts is the stored one, so a promotion is told once it is durable, and nobody is led to a master that
 * the next scheduler would not know. Only deaths are taken from memory: they are final, and to lead nobody to a dead
 * process is always safe.
 *
 * Replicas: those that are ready. After a start of the scheduler, before their first report: those that were in sync with
 * this reign when they were last stored, so that a start takes no replica away. One that is silent stays until it is
 * expelled (rule 7): until then it may well serve, and whoever leads clients tries another where it does not answer.
 */
export function endpointsOf(cell: InstanceCell): InstanceEndpoints | null {
  const { stored } = cell;
  if (stored === null || stored.status === "DELETED") return null;
  const writer = writerOf(cell, stored);
  const master = writer === "none" ? undefined : masterOf(stored);
  const isDeleting = stored.status === "DELETING";
  const replicas = isDeleting
    ? []
    : stored.processes.filter((process) => isReadable(cell, stored, process)).sort(byId);
  return {
    name: stored.name,
    incarnation: stored.incarnation,
    type: stored.spec.slaves > 0 ? "MS" : "S",
    status: stored.status,
    epoch: stored.epoch,
    writer,
    master: master === undefined ? null : addressOf(master),
    replicas: replicas.map(addressOf),
    proxy: stored.proxy ?? null,
    ...(stored.spec.tls === undefined ? {} : { tls: stored.spec.tls }),
  };
}

/**
 * A text that is equal for equal endpoints: costs less than to compare them field by field with what was told last.
 */
export const endpointsKey = ({
  incarnation,
  status,
  epoch,
  writer,
  master,
  replicas,
  proxy,
}: InstanceEndpoints): string =>
  [
    incarnation,
    status,
    epoch,
    writer,
    master === null ? "-" : keyOf(master),
    proxy === null ? "-" : `${proxy.write},${proxy.read ?? "-"}`,
    ...replicas.map(keyOf),
  ].join(" ");

const keyOf = ({ processId, address, port }: ServerAddress): string =>
  `${processId} ${address} ${port}`;

const addressOf = ({ id, address, port }: ProcessRecord): ServerAddress => ({
  processId: id,
  address,
  port,
});

const byId = (a: ProcessRecord, b: ProcessRecord): number => (a.id < b.id ? -1 : 1);

/**
 * What may be done at the master of the stored reign.
 *
 * none:
 * - it is known to be dead (its record is gone, stored or not), or the instance is being deleted;
 * - it was never heard to be the master of this reign: a promotion that is stored and not yet seen;
 * - it cannot be reached and its replicas are being parked: from the first park on, whatever it still acknowledges will be
 *   given up unless it is heard again. To keep clients there would be safe (Redis fences it) and would lose their writes;
 *   to send them away costs one new connection when the failover is cancelled. Before the first park nothing is decided:
 *   silence alone cuts nobody.
 * - another master was chosen and its commit is on its way, whatever becomes of it.
 *
 * A hand-over that was asked for cuts nobody before its commit, not even while writes are paused: it may be given up.
 *
 * unheard: it was the master of this reign when it was last stored (its data are of this reign), and there is no report of
 * it, or its executor is silent. So a scheduler that has just started takes nothing away from anybody. Also: it is
 * closed for writes by its executor, or loads, after it was seen to accept writes. It answers that itself, it can be read,
 * and it mostly is over in a moment; a master that was never opened in this reign is none.
 */
function writerOf(cell: InstanceCell, stored: InstanceDocument): WriterState {
  const master = masterOf(stored);
  if (master === undefined || stored.status === "DELETING") return "none";
  const { document } = cell;
  if (processOf(document, master.id) === undefined) return "none";
  const isSucceeded = document.epoch !== stored.epoch || document.masterId !== stored.masterId;
  if (isSucceeded && !isHandedOver(document)) return "none";
  if (isParking(cell, master)) return "none";
  const report = cell.reports.get(master.id);
  if (isReady(stored, master, report)) {
    return cell.unreachableSinceMs.has(master.id) ? "unheard" : "ready";
  }
  const wasSeen = master.dataEpoch === stored.epoch;
  const isStill =
    report === undefined ||
    (report.phase === "serving" && report.role === "master" && report.epoch === stored.epoch);
  return wasSeen && isStill ? "unheard" : "none";
}

/** The last promotion was a hand-over: its old master has paused by its own word, and serves until the commit. */
const isHandedOver = ({ failovers, epoch }: InstanceDocument): boolean => {
  const newest = failovers.at(-1);
  return newest?.epoch === epoch && newest.kind === "planned";
};

/** True from the first park of a replica on; the master's own stop of writes in a hand-over is none. */
function isParking({ failover }: InstanceCell, master: ProcessRecord): boolean {
  if (failover === null) return false;
  for (const id of failover.parks.keys()) if (id !== master.id) return true;
  return false;
}

/** True for a replica that may be read; see {@link endpointsOf}. */
function isReadable(cell: InstanceCell, stored: InstanceDocument, process: ProcessRecord): boolean {
  if (process.id === stored.masterId) return false;
  const now = processOf(cell.document, process.id);
  if (now === undefined || now.expelled || process.expelled) return false;
  const report = cell.reports.get(process.id);
  if (report !== undefined) return isReady(stored, process, report);
  const { state, member, dataEpoch } = process;
  return (
    state === "running" && member && dataEpoch === stored.epoch && masterOf(stored) !== undefined
  );
}
