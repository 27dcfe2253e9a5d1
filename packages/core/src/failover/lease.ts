/**
 * Owns the leases of masters without a write quorum, as the leader sees them: whom its answers may name, and until when
 * a master that is not heard may have been named.
 * Not: the closing of a master (supervise/), nor the way of the answers (control/control.ts).
 * Source of the rules: docs/internals/fencing.md, rule 10 (V7).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceCell } from "../control/cell.js";
import type { ReviewHost } from "../control/review-host.js";
import { isActive, masterOf } from "../control/transitions.js";
import type { ProcessRecord } from "../instance/types.js";

/** Leases are renewed when the last answer is older than this part of them: few messages, many tries. */
export const leaseRenewShare = 0.1;

/** Says who may be named in answers to executors now. */
export function reviewLease(cell: InstanceCell, host: ReviewHost): void {
  const master = masterOf(cell.document);
  const leased = master !== undefined && isLeased(cell, master, host) ? master : null;
  if (cell.leased?.id !== leased?.id) {
    if (cell.leased !== null) host.setLeased(cell.leased, false);
    if (leased !== null) host.setLeased(leased, true);
  }
  cell.leased = leased;
  if (leased !== null && closedOf(cell, leased) !== null) host.leaseWanted(leased);
}

const closedOf = (cell: InstanceCell, master: ProcessRecord) =>
  cell.reports.get(master.id)?.closed ?? null;

function isLeased(cell: InstanceCell, master: ProcessRecord, host: ReviewHost): boolean {
  const { document, stored, failover } = cell;
  if (document.spec.fencing === "off") return false;
  if (cell.writeQuorum > 0 && closedOf(cell, master) === null) return false;
  const isStoredMaster =
    isActive(document) && stored?.masterId === master.id && stored.epoch === document.epoch;
  const isFailingOver = failover?.kind === "death" || failover?.kind === "unreachable";
  return host.settings.rules.mayLease({ isStoredMaster, isFailingOver });
}

/** Monotonic end of every lease that a leader can have given to this master: this one by its answers, others before. */
export const leaseEndMs = (master: ProcessRecord, host: ReviewHost): number => {
  const { masterLeaseMs: leaseMs, marginMs, rules } = host.settings;
  const { electedAtMs } = host;
  const heardAtMs = host.heardAtMs(master);
  const outliveMs = rules.outliveMs(master.runtime ?? "process");
  return rules.leaseEndMs({ heardAtMs, electedAtMs, leaseMs, marginMs, outliveMs });
};
