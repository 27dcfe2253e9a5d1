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
  const { document, stored, failover } = cell;
  const master = masterOf(document);
  for (const process of document.processes) {
    if (process.id !== master?.id) host.setLeased(process, false);
  }
  if (master === undefined) return;
  const isStoredMaster =
    isActive(document) && stored?.masterId === master.id && stored.epoch === document.epoch;
  const isFailingOver = failover?.kind === "death" || failover?.kind === "unreachable";
  const closed = cell.reports.get(master.id)?.closed ?? null;
  const needs = document.spec.fencing === "on" && (cell.writeQuorum === 0 || closed !== null);
  const leased = needs && host.settings.rules.mayLease({ isStoredMaster, isFailingOver });
  host.setLeased(master, leased);
  if (leased && closed !== null) host.leaseWanted(master);
}

/** Monotonic end of every lease that a leader can have given to this master: this one by its answers, others before. */
export const leaseEndMs = (master: ProcessRecord, host: ReviewHost): number => {
  const { masterLeaseMs: leaseMs, marginMs, rules } = host.settings;
  const { electedAtMs } = host;
  return rules.leaseEndMs({ heardAtMs: host.heardAtMs(master), electedAtMs, leaseMs, marginMs });
};
