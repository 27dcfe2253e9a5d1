/**
 * Owns handing the mastership over on purpose: the master refuses writes, a replica has all that it had, the master ends;
 * what follows is the failover of a certain death. Writes pause for about the interval of reports; none is lost.
 * Not: when that is wanted (upgrade.ts), nor the failover (review.ts). Called by upgrade.ts and review.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ProcessRecord } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";
import type { InstanceCell } from "./cell.js";
import { type GoalContent, goalContentOf } from "./goals.js";

/** A hand-over that takes longer is given up: a replica that does not catch up must not keep writers waiting. */
export const handOverMsMax = 10_000;

/** A master that hands over. */
export interface HandOver {
  readonly masterId: string;
  /** Monotonic. */
  readonly sinceMs: number;
}

/** True while this process is the master and hands over. */
export const isHandingOver = (
  { handOver, document }: InstanceCell,
  process: ProcessRecord,
): boolean => handOver?.masterId === process.id && document.masterId === process.id;

/** What the process should be now: while it hands over, a master that can never have enough replicas to accept a write. */
export function goalContentIn(
  cell: InstanceCell,
  process: ProcessRecord,
  parking: boolean,
): GoalContent {
  const content = goalContentOf(cell.document, process, parking);
  if (!isHandingOver(cell, process) || content.role !== "master") return content;
  return { ...content, writeQuorum: writeQuorumMax };
}

/**
 * True when the master has confirmed that it refuses writes, and a replica has reached the offset of that confirmation: it is
 * read after the refusal is in force.
 */
export function hasHandedOver(cell: InstanceCell): boolean {
  const { document, handOver, reports } = cell;
  const master = handOver === null ? undefined : reports.get(handOver.masterId);
  if (master === undefined || master.phase !== "serving") return false;
  if (master.role !== "master" || master.epoch !== document.epoch) return false;
  if (master.writeQuorum !== writeQuorumMax) return false;
  return document.processes.some(({ id }) => {
    const report = reports.get(id);
    if (id === handOver?.masterId || report === undefined) return false;
    return report.role === "replica" && report.linkUp && report.offset >= master.offset;
  });
}
