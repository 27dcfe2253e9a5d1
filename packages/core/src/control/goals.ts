/**
 * Owns what each process should be, and whether a report agrees with it.
 * Not: when goals are sent (send-goals.ts). Pure. Source of the rules: docs/internals/fencing.md, rules 1, 2, 5 and 12.
 * SPDX-License-Identifier: Apache-2.0
 */
import { compareStamps } from "../failover/rules.js";
import type { Follower, Goal, MasterAddress, ProcessReport } from "../goal/types.js";
import { parkAddress } from "../goal/types.js";
import type { InstanceDocument, InstanceUsers, ProcessRecord } from "../instance/types.js";
import { writeQuorumMax } from "../redis/info.js";
import { goalUsersOf, usersKey } from "../users/users.js";
import type { ControlSettings } from "./settings.js";
import { masterOf } from "./transitions.js";

export { compareStamps };

/** A goal without its stamp: what is wanted, not yet when it was said. */
export type GoalContent = Omit<Goal, "stamp">;

/** What a goal is made of besides the document. */
export interface GoalTerms {
  /** True for one that is to keep what it has and follow nobody. */
  readonly parked: boolean;
  /** `min-replicas-to-write` of the master. */
  readonly writeQuorum: number;
  /** Users for clients that are stored, or will be before the goal is told. */
  readonly users: InstanceUsers | undefined;
  readonly settings: Pick<ControlSettings, "lagMs" | "masterLeaseMs">;
}

/**
 * Password of `replica` at `master`: both halves differ for each process, so neither a stranger on a reused port nor
 * another replica can stand in for the one that is meant.
 */
const passwordOf = (master: ProcessRecord, replica: ProcessRecord): string =>
  `${master.secret}.${replica.replicaSecret}`;

const addressOf = (master: ProcessRecord, replica: ProcessRecord): MasterAddress => ({
  processId: master.id,
  address: master.address,
  port: master.port,
  user: replica.replicaUser,
  secret: passwordOf(master, replica),
});

/** Members and nobody else have a user at their master; whoever is being expelled has none any more. */
const followersOf = (document: InstanceDocument, master: ProcessRecord): readonly Follower[] =>
  document.processes
    .filter((process) => process !== master && process.member && !process.expelled)
    .map((process) => ({ user: process.replicaUser, password: passwordOf(master, process) }));

/** What `process` should be. Everything parks while no master is known. */
export function goalContentOf(
  document: InstanceDocument,
  process: ProcessRecord,
  { parked, writeQuorum, users, settings }: GoalTerms,
): GoalContent {
  const { epoch } = document;
  const guard = users === undefined ? {} : { users: goalUsersOf(users) };
  const processId = process.id;
  const lagSecondsMax = lagSecondsOf(settings.lagMs);
  const master = masterOf(document);
  if (master?.id === processId && !parked) {
    const leased = writeQuorum === 0 && document.spec.fencing === "on";
    const leaseMs = leased ? settings.masterLeaseMs : null;
    const followers = followersOf(document, master);
    const role = "master";
    const terms = { writeQuorum, lagSecondsMax, followers, leaseMs };
    return { processId, epoch, role, master: null, ...terms, ...guard };
  }
  const isParked = parked || master === undefined;
  return {
    processId,
    epoch,
    role: isParked ? "parked" : "replica",
    master: isParked ? null : addressOf(master, process),
    // Whoever is no master would refuse every write, should anything make it one.
    writeQuorum: writeQuorumMax,
    lagSecondsMax,
    followers: nobody,
    leaseMs: null,
    ...guard,
  };
}

const nobody: readonly Follower[] = [];

/** `min-replicas-max-lag` for a lag in milliseconds. */
export const lagSecondsOf = (lagMs: number): number => Math.max(1, Math.round(lagMs / 1_000));

/** A text that is equal for equal contents. */
export const goalKey = (content: GoalContent): string =>
  [
    content.epoch,
    content.role,
    content.master === null ? "-" : `${content.master.processId} ${content.master.user}`,
    content.writeQuorum,
    content.lagSecondsMax,
    content.leaseMs ?? "-",
    ...content.followers.map((follower) => follower.user),
    ...(content.users === undefined ? [] : [usersKey(content.users)]),
  ].join("|");

/** `address:port` that a process with this goal is seen to follow; null for a master. */
export function followingOf(content: Pick<GoalContent, "role" | "master">): string | null {
  switch (content.role) {
    case "master":
      return null;
    case "parked":
      return `${parkAddress.address}:${parkAddress.port}`;
    case "replica":
      return content.master === null ? null : `${content.master.address}:${content.master.port}`;
  }
}

/**
 * True when what the executor read back is what is wanted; Redis holds no larger quorum than {@link writeQuorumMax}. A
 * master that its executor has closed holds that one: it is as it should be but for the lease.
 */
export const reportAgrees = (report: ProcessReport, content: GoalContent): boolean =>
  report.phase === "serving" &&
  report.epoch === content.epoch &&
  report.role === content.role &&
  (report.closed !== null ||
    report.writeQuorum === Math.min(content.writeQuorum, writeQuorumMax)) &&
  report.lagSecondsMax === content.lagSecondsMax &&
  report.following === followingOf(content);

/**
 * A replica over whose link nothing came for so long is in sync no more, although Redis calls the link up for a minute:
 * that is how a link looks that was cut. Masters ping once a second, and whole seconds are counted: 2 can be a blink.
 */
const linkSilentSeconds = 3;

/** True when the process does what it is for: a master that takes writes, a replica that is synced with this master. */
export const isReady = (
  document: InstanceDocument,
  process: ProcessRecord,
  report: ProcessReport | undefined,
): boolean => {
  if (report === undefined || report.phase !== "serving" || report.loading) return false;
  const master = masterOf(document);
  if (master === undefined || report.epoch !== document.epoch) return false;
  if (process.id === master.id) return report.role === "master" && report.closed === null;
  if (report.role !== "replica" || !report.linkUp || process.expelled) return false;
  if ((report.stats?.lastIoSeconds ?? 0) >= linkSilentSeconds) return false;
  return report.following === `${master.address}:${master.port}`;
};
