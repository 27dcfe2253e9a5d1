/**
 * Owns how the record of a failover is shown. Pure. Called by failover and failovers.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Failover } from "../api/types.js";
import { printable } from "../io.js";

const milliseconds = (value: number): string => `${Math.round(value)} ms`;

const given = (bytes: number | null): string =>
  bytes === null ? "not known" : `${bytes} bytes of the replication stream`;

const candidateLine = ({
  processId,
  hostname,
  offset,
  dataEpoch,
  diverged,
}: Failover["candidates"][number]): string => {
  const where = `${printable(processId)} on ${printable(hostname)}`;
  const what = offset < 0 ? "did not answer" : `offset ${offset}, data of reign ${dataEpoch}`;
  return `\tCandidate ${where}: ${what}${diverged ? ", diverged" : ""}`;
};

/** All lines of one record, each with its newline. */
export const failoverText = (failover: Failover): string =>
  [
    `Failover ${failover.epoch} = ${printable(failover.kind)} at ${printable(failover.startedAt)}`,
    `\tBecause ${printable(failover.because)}`,
    `\tOld master = ${failover.oldMaster === null ? "none" : printable(failover.oldMaster)}`,
    `\tNew master = ${printable(failover.newMaster)}`,
    ...failover.seen.map(
      ({ by, what, atMs }) =>
        `\tSeen +${milliseconds(atMs)} by ${printable(by)}: ${printable(what)}`,
    ),
    ...failover.candidates.map(candidateLine),
    ...failover.steps.map(({ name, atMs }) => `\tStep +${milliseconds(atMs)} ${printable(name)}`),
    `\tGiven up = ${given(failover.bytesGivenUp)}`,
    `\tWithout a writer = ${failover.writerlessMs === null ? "not over" : milliseconds(failover.writerlessMs)}`,
  ]
    .map((line) => `${line}\n`)
    .join("");
