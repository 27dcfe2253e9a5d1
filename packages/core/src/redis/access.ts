/**
 * Owns what the ACL users of clients may do in Redis: the words of each access, and the commands and lines that say so.
 * Not: which users there are (users/), nor when they are given (supervise/, packages/executor).
 * Source: ACL SETUSER of Redis 6.2 to 7.2; every word is known to all of them.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { GoalUser, GoalUserAccess } from "../goal/types.js";

/** What the user `default` may where no password is asked for, as Redis is set up without any user. */
export const openRules = ["sanitize-payload", "~*", "&*", "+@all"] as const;

/**
 * What each access may do.
 *
 * read-only: everything that only reads, transactions and subscriptions of it, and what clients say of themselves. Of the
 * dangerous commands INFO alone, which clients ask when they connect. No KEYS, no scripts, no PUBLISH.
 */
export const accessRules: Readonly<Record<GoalUserAccess, readonly string[]>> = {
  "read-write": openRules,
  "read-only": [
    "sanitize-payload",
    "~*",
    "&*",
    "-@all",
    "+@read",
    "+@connection",
    "+@transaction",
    "+subscribe",
    "+psubscribe",
    "+unsubscribe",
    "+punsubscribe",
    "+time",
    "+command",
    "-@write",
    "-@admin",
    "-@dangerous",
    "+info",
    "+client|setname",
    "+client|getname",
    "+client|id",
    "+acl|whoami",
  ],
};

/** The words that make a user exactly this one, behind its name: in `ACL SETUSER`, which puts all of them in force at once, or in redis.conf. */
export const userWords = ({ access, hashes }: GoalUser): readonly string[] => [
  "reset",
  "on",
  ...hashes.map((hash) => `#${hash}`),
  ...accessRules[access],
];
