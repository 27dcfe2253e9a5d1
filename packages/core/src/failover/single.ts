/**
 * Owns the end of an instance's only process that cannot be reached: once its lease is over, a new and empty one takes
 * its place, where the owner did not choose to wait. Not: the place of the new one (control/placement.ts).
 * Source of the rules: docs/internals/fencing.md, rule 10.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceCell } from "../control/cell.js";
import type { ReviewHost } from "../control/review-host.js";
import { masterOf, withProcess } from "../control/transitions.js";
import type { Because, ProcessRecord } from "../instance/types.js";
import { isMasterSilent } from "./contact.js";
import { leaseEndMs } from "./lease.js";
import { fenceEndMs, fenceFactsOf } from "./step.js";

/** The only process, where it cannot be reached and may be replaced. */
function replaceableOf(cell: InstanceCell, host: ReviewHost): ProcessRecord | null {
  const { document } = cell;
  const { slaves, fencing, onUnreachable } = document.spec;
  const master = masterOf(document);
  if (master === undefined || slaves > 0 || !isMasterSilent(master, host)) return null;
  return fencing === "off" || onUnreachable === "wait" ? null : master;
}

/** Gives up the only process when nothing can be written to it any more. */
export function reviewSingle(cell: InstanceCell, host: ReviewHost): void {
  const master = replaceableOf(cell, host);
  if (master === null) return;
  const facts = fenceFactsOf(cell, master, new Set(), host);
  if (!host.settings.rules.isFenced(facts)) {
    for (const atMs of [leaseEndMs(master, host), fenceEndMs(cell, host)]) {
      if (atMs > host.monotonicMs) host.wakeAt(cell.name, atMs);
    }
    return;
  }
  const text =
    `${master.id} on ${master.hostname} could not be reached for ${host.settings.masterLeaseMs} ms and had no replica: ` +
    "it is given up with its data, and a new and empty process takes its place";
  cell.lastFailure = { code: "given-up", text };
  cell.lostAtMs = host.atMs;
  cell.document = {
    ...withProcess(cell.document, master.id, { expelled: true, member: false, role: "replica" }),
    masterId: null,
  };
}

/** What becomes of a single that cannot be reached; null: it can, or the instance has replicas. */
export function singleBecause(cell: InstanceCell, host: ReviewHost): Because | null {
  const { document } = cell;
  const master = masterOf(document);
  if (master === undefined || document.spec.slaves > 0 || !isMasterSilent(master, host)) {
    return null;
  }
  const what = `its only process cannot be reached (${master.id} on ${master.hostname})`;
  if (replaceableOf(cell, host) === null) {
    return { code: "unreachable", text: `${what}; waits until it comes back` };
  }
  // No time that runs down: each change of the text is a commit.
  const leaseMs = host.settings.masterLeaseMs + host.settings.marginMs;
  return {
    code: "unreachable",
    text: `${what}; ${leaseMs} ms after it was last heard a new and empty one takes its place`,
  };
}
