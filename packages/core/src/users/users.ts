/**
 * Owns the users of an instance as values: how they are made, rotated, and told to Redis.
 * Not: when that happens (desk.ts), nor what users may do in Redis (redis/access.ts). Pure; passwords are handed in.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type GoalUser, readOnlyUser, readWriteUser } from "../goal/types.js";
import type { InstanceUser, InstanceUsers, UserPassword } from "../instance/types.js";

const fresh = (current: UserPassword): InstanceUser => ({ current, previous: null });

/** The users of a new instance. */
export const newUsers = (nextPassword: () => UserPassword, atMs: number): InstanceUsers => ({
  readWrite: fresh(nextPassword()),
  readOnly: fresh(nextPassword()),
  rotatedAtMs: atMs,
  previousUntilMs: null,
});

/** With new passwords. Those of now are accepted for `graceMs` more, those of before no more; without any grace, neither. */
export function withRotation(
  { readWrite, readOnly }: InstanceUsers,
  nextPassword: () => UserPassword,
  atMs: number,
  graceMs: number,
): InstanceUsers {
  const rotated = ({ current }: InstanceUser): InstanceUser => ({
    current: nextPassword(),
    previous: graceMs > 0 ? current : null,
  });
  return {
    readWrite: rotated(readWrite),
    readOnly: rotated(readOnly),
    rotatedAtMs: atMs,
    previousUntilMs: graceMs > 0 ? atMs + graceMs : null,
  };
}

/** The previous passwords are accepted until then at the latest; the same object when nothing changes. */
export function withGraceUntil(users: InstanceUsers, untilMs: number): InstanceUsers {
  const { previousUntilMs } = users;
  return previousUntilMs === null || previousUntilMs <= untilMs
    ? users
    : { ...users, previousUntilMs: untilMs };
}

/** Without previous passwords, once their time is over; the same object when nothing changes. */
export function withoutPast(users: InstanceUsers, atMs: number): InstanceUsers {
  const { readWrite, readOnly, previousUntilMs } = users;
  if (previousUntilMs === null || atMs < previousUntilMs) return users;
  return {
    ...users,
    readWrite: fresh(readWrite.current),
    readOnly: fresh(readOnly.current),
    previousUntilMs: null,
  };
}

const hashesOf = ({ current, previous }: InstanceUser): readonly string[] =>
  previous === null ? [current.hash] : [current.hash, previous.hash];

/** What every process of the instance is told: hashes alone. */
export const goalUsersOf = ({ readWrite, readOnly }: InstanceUsers): readonly GoalUser[] => [
  { user: readWriteUser, access: "read-write", hashes: hashesOf(readWrite) },
  { user: readOnlyUser, access: "read-only", hashes: hashesOf(readOnly) },
];

/** A text that is equal for equal users; empty for none. */
export const usersKey = (users: readonly GoalUser[] | undefined): string =>
  (users ?? [])
    .map(({ user, access, hashes }) => `${user} ${access} ${hashes.join(" ")}`)
    .join(",");
