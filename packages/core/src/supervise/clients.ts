/**
 * Owns the users with which clients log in to a process: when they are those of a goal, and what has to change.
 * Not: users of replicas (goal.ts), nor how a change is made (packages/executor). Their hashes are read back with each look:
 * one command tells all users of a process, so nothing needs to be remembered of what was given.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Goal, GoalUser } from "../goal/types.js";
import type { RedisInfo, RedisUser } from "../redis/info.js";
import type { ClientUsersChange, Supervised } from "./types.js";

/** The user that a connection is, before it logs in. */
const defaultUser = "default";

const isAs = (shown: RedisUser | undefined, { hashes }: GoalUser): boolean =>
  shown?.on === true &&
  !shown.open &&
  shown.hashes.length === hashes.length &&
  hashes.every((hash) => shown.hashes.includes(hash));

function changeOf(wanted: readonly GoalUser[], shown: readonly RedisUser[]): ClientUsersChange {
  const names = new Set([defaultUser, ...wanted.map(({ user }) => user)]);
  return {
    drop: shown.map(({ name }) => name).filter((name) => !names.has(name)),
    set: wanted.filter(
      (each) =>
        !isAs(
          shown.find(({ name }) => name === each.user),
          each,
        ),
    ),
    closeDefault: shown.some(({ name, on }) => name === defaultUser && on),
  };
}

const isNothing = ({ drop, set, closeDefault }: ClientUsersChange): boolean =>
  drop.length === 0 && set.length === 0 && !closeDefault;

/** @internal True when the process shows exactly the users of the goal, or the goal says nothing of them. */
export function areClientsShown({ users }: Goal, info: RedisInfo): boolean {
  if (users === undefined) return true;
  return info.users !== undefined && isNothing(changeOf(users, info.users));
}

/** @internal What has to change so that exactly the users of the goal are there, by what was last seen; null: nothing. */
export function clientsToChange(
  { info }: Pick<Supervised, "info">,
  { users }: Goal,
): ClientUsersChange | null {
  if (users === undefined) return null;
  const change = changeOf(users, info?.users ?? []);
  return isNothing(change) ? null : change;
}

/** @internal A goal speaks of users exactly where the process was launched with them; any other is not for this process. */
export const fitsOrder = (goal: Goal, { order }: Pick<Supervised, "order">): boolean =>
  (goal.users !== undefined) === (order.auth === true);
