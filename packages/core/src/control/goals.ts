/**
 * Owns what each process should be, and whether a report agrees with it.
 * Not: when goals are sent (control.ts). Pure. Source of the rules: ARCHITECTURE.md, rules 1 and 2 of fencing.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Follower, Goal, MasterAddress, ProcessReport, Stamp } from "../goal/types.js";
import { followerUserPrefix, parkAddress } from "../goal/types.js";
import type { InstanceDocument, ProcessRecord } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { masterOf } from "./transitions.js";

/** A goal without its stamp: what is wanted, not yet when it was said. */
export type GoalContent = Omit<Goal, "stamp">;

/** Negative when `a` is older than `b`, 0 when equal. */
export const compareStamps = (a: Stamp, b: Stamp): number =>
  a.term === b.term ? a.counter - b.counter : a.term - b.term;

/** `min-replicas-max-lag` of every process, in seconds. */
const lagSecondsMax = 3;

/** The ACL user of one replica at its master. */
const userOf = (process: ProcessRecord): string =>
  `${followerUserPrefix}${process.id.slice(process.id.indexOf("::") + 2)}`;

const addressOf = (master: ProcessRecord, process: ProcessRecord): MasterAddress => ({
  processId: master.id,
  address: master.address,
  port: master.port,
  user: userOf(process),
  secret: master.secret,
});

const followersOf = (document: InstanceDocument, master: ProcessRecord): readonly Follower[] =>
  document.processes
    .filter((process) => process !== master)
    .map((process) => ({ user: userOf(process), password: master.secret }));

/** What `process` should be. Everything parks while no master is known. */
export function goalContentOf(
  document: InstanceDocument,
  process: ProcessRecord,
  parking: boolean,
): GoalContent {
  // Asked for each process with each of its reports, so nothing is copied that need not be.
  const { epoch, writeQuorum } = document;
  const same = { processId: process.id, epoch, writeQuorum, lagSecondsMax, leaseMs: null };
  const master = masterOf(document);
  if (parking || master === undefined) {
    return { ...same, role: "parked", master: null, followers: [] };
  }
  if (master.id === process.id) {
    const followers = followersOf(document, master);
    return { ...same, role: "master", master: null, followers };
  }
  return { ...same, role: "replica", master: addressOf(master, process), followers: [] };
}

/** A text that is equal for equal contents. */
export const goalKey = (content: GoalContent): string =>
  [
    content.epoch,
    content.role,
    content.master?.processId ?? "-",
    content.writeQuorum,
    ...content.followers.map((follower) => follower.user),
  ].join("|");

/** `address:port` that a process with this goal is seen to follow; null for a master. */
export function followingOf(content: GoalContent): string | null {
  switch (content.role) {
    case "master":
      return null;
    case "parked":
      return `${parkAddress.address}:${parkAddress.port}`;
    case "replica":
      return content.master === null ? null : `${content.master.address}:${content.master.port}`;
  }
}

/** True when what the executor read back is what is wanted; Redis holds no larger quorum than {@link writeQuorumMax}. */
export const reportAgrees = (report: ProcessReport, content: GoalContent): boolean =>
  report.phase === "serving" &&
  report.epoch === content.epoch &&
  report.role === content.role &&
  report.writeQuorum === Math.min(content.writeQuorum, writeQuorumMax) &&
  report.following === followingOf(content);

/** True when the process does what it is for: a master that serves, a replica that is synced with this master. */
export const isReady = (
  document: InstanceDocument,
  process: ProcessRecord,
  report: ProcessReport | undefined,
): boolean => {
  if (report === undefined || report.phase !== "serving" || report.loading) return false;
  const content = goalContentOf(document, process, false);
  if (content.role === "parked") return false;
  return reportAgrees(report, content) && (content.role === "master" || report.linkUp);
};
