/**
 * Owns the reign that a candidate's data has reached, as far as the records of failovers tell.
 * Not: the order of candidates (rules.ts), nor who is one (step.ts). Pure.
 * Source: a Redis that continues with a promoted master takes over its replication id at once, and the bytes after that; a
 * promoted master goes on counting from its own offset. So the offsets of all reigns lie on one line.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FailoverRecord } from "../instance/types.js";
import type { Candidate } from "./rules.js";

/** Offset at which the reign began, or null where no record tells it. */
function startOf(epoch: number, failovers: readonly FailoverRecord[]): number | null {
  const record = failovers.find((each) => each.epoch === epoch);
  const chosen = record?.candidates.find((each) => each.processId === record.newMaster);
  return chosen === undefined || chosen.offset < 0 ? null : chosen.offset;
}

/**
 * The candidate with the reign that it has reached: below the offset at which its reign began, its data are a part of those
 * of the reign before, however far that one went.
 */
export function withReach(candidate: Candidate, failovers: readonly FailoverRecord[]): Candidate {
  let reachedEpoch = candidate.dataEpoch;
  while (reachedEpoch > 1) {
    const start = startOf(reachedEpoch, failovers);
    if (start === null || candidate.offset >= start) break;
    reachedEpoch -= 1;
  }
  return reachedEpoch === candidate.dataEpoch ? candidate : { ...candidate, reachedEpoch };
}
