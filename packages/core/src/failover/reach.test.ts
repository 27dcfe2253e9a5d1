/**
 * Owns the tests of the reign that a candidate's data has reached.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import type { FailoverRecord } from "../instance/types.js";
import { withReach } from "./reach.js";
import { type Candidate, fencingRules } from "./rules.js";

const candidate = (change: Partial<Candidate>): Candidate => ({
  processId: "i::a",
  diverged: false,
  dataEpoch: 4,
  offset: 1_144,
  ...change,
});

/** The reign `epoch` began at `offset`. */
const began = (epoch: number, offset: number): FailoverRecord => ({
  epoch,
  kind: "death",
  oldMaster: null,
  newMaster: `i::m${epoch}`,
  because: { code: "process-exited", text: "it ended" },
  startedAtMs: 0,
  seen: [],
  steps: [],
  candidates: [
    { processId: `i::m${epoch}`, hostname: "h", offset, dataEpoch: epoch - 1, diverged: false },
  ],
  bytesGivenUp: 0,
  writerlessMs: null,
});

const records = [began(2, 500), began(3, 900), began(4, 1_144)];

test.each([
  ["at the begin of its reign", { offset: 1_144 }, 4],
  ["beyond it", { offset: 2_000 }, 4],
  ["before it", { offset: 1_143 }, 3],
  ["before that of the reign before", { offset: 899 }, 2],
  ["before everything", { offset: 3 }, 1],
  ["of the first reign", { dataEpoch: 1, offset: 3 }, 1],
  ["empty", { dataEpoch: 0, offset: 0 }, 0],
])("%s", (_what, change, reached) => {
  const result = withReach(candidate(change), records);
  expect(result.reachedEpoch ?? result.dataEpoch).toBe(reached);
});

test("a begin that nobody recorded tells nothing", () => {
  expect(withReach(candidate({ offset: 1 }), [])).toEqual(candidate({ offset: 1 }));
  expect(withReach(candidate({ offset: 1 }), [began(4, -1)])).toEqual(candidate({ offset: 1 }));
});

test("a replica that only has the new id does not win over one that has more", () => {
  const early = withReach(candidate({ processId: "i::early", offset: 1_143 }), records);
  const level = withReach(candidate({ processId: "i::level", dataEpoch: 3 }), records);
  const real = withReach(candidate({ processId: "i::real", offset: 1_145 }), records);
  const order = [early, level, real].sort(fencingRules.compareCandidates);
  expect(order.map(({ processId }) => processId)).toEqual(["i::real", "i::level", "i::early"]);
});
