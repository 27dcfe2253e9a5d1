/**
 * Owns the choice of the next master after a confirmed death, from park confirmations only.
 * Not: parking itself nor the commit (control.ts). Pure. Source of the rules: ARCHITECTURE.md, rules 8 and 9.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "../assert.js";
import type { ProcessReport, Stamp } from "../goal/types.js";
import type { InstanceDocument } from "../instance/types.js";
import { compareStamps } from "./goals.js";
import { masterOf } from "./transitions.js";

/** A replica whose park is confirmed: nothing flows into it any more, so its offset is final. */
export interface Candidate {
  readonly processId: string;
  readonly diverged: boolean;
  readonly dataEpoch: number;
  readonly offset: number;
}

/** The candidate of a report, or null when the report does not confirm the park with this stamp. */
export function candidateOf(report: ProcessReport | undefined, park: Stamp): Candidate | null {
  if (report === undefined || report.phase !== "serving" || report.role !== "parked") return null;
  if (report.loading || compareStamps(report.stamp, park) < 0) return null;
  return {
    processId: report.processId,
    diverged: report.diverged,
    dataEpoch: report.dataEpoch,
    offset: report.offset,
  };
}

/** Best first: not diverged, latest reign synced with, most data; then by id, so that the order is total. */
export const compareCandidates = (a: Candidate, b: Candidate): number =>
  Number(a.diverged) - Number(b.diverged) ||
  b.dataEpoch - a.dataEpoch ||
  b.offset - a.offset ||
  (a.processId < b.processId ? -1 : 1);

/**
 * The next master. The caller has seen the old one's confirmed death; a promotion without it is a defect,
 * so that is asserted here: no record of the old master, and at least one candidate.
 */
export function choosePromotion(
  document: InstanceDocument,
  candidates: readonly Candidate[],
): Candidate {
  assert(masterOf(document) === undefined, "a promotion needs the confirmed death of the master");
  const best = [...candidates].sort(compareCandidates)[0];
  assert(best !== undefined, "a promotion needs a parked candidate");
  return best;
}
