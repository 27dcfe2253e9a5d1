/**
 * Owns the rotation of an instance's passwords: taken up, stored, told to every process, the previous ones dropped when
 * their time is over; and which passwords the master is known to accept.
 * Not: the users as values (users.ts), nor the sending of goals (control/send-goals.ts). Called by control/requests.ts
 * and control/review.ts. The end of a grace is in the document: the next leader keeps it.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type InstanceCell, isSettled } from "../control/cell.js";
import type { Reply } from "../control/effects.js";
import type { ControlEvent } from "../control/events.js";
import type { ReviewHost } from "../control/review-host.js";
import { isActive, masterOf } from "../control/transitions.js";
import { isReachable } from "../failover/contact.js";
import type { FencingRules } from "../failover/rules.js";
import { readOnlyUser, readWriteUser, type Secret } from "../goal/types.js";
import type { InstanceUser, InstanceUsers, ProcessRecord } from "../instance/types.js";
import { goalUsersOf, usersKey, withGraceUntil, withoutPast, withRotation } from "./users.js";

/**
 * A rotation that is asked for so soon after another one, or before the master has confirmed that one, is taken for the
 * same: whoever got no answer asks again, and a second rotation would end the grace of the first one, with it the passwords
 * that clients still use.
 */
export const rotationRepeatMs = 30_000;

/** A rotation is told at the latest after this time, with the processes that have not confirmed it: a client waits for it. */
export const rotationTellMs = 5_000;

/** Longest grace: a week of rolling out is enough, and whatever was leaked is worth nothing after it. */
export const rotationGraceMsMax = 7 * 24 * 3_600_000;

/** Somebody who waits to hear of a rotation. */
interface Waiting {
  readonly requestId: string;
  /** The rotation of this time, or a later one. */
  readonly rotatedAtMs: number;
  /** Monotonic. */
  readonly tellByMs: number;
}

type Rotation = Pick<
  Extract<ControlEvent, { type: "rotation-requested" }>,
  "requestId" | "graceMs"
>;

/** See the head of this file. */
export class UserDesk {
  readonly #waiting = new Map<string, Waiting[]>();

  /** Takes up a rotation, or refuses it. The answer comes at once only where nothing is changed. */
  rotate(cell: InstanceCell | undefined, { requestId, graceMs }: Rotation, host: ReviewHost): void {
    const reply = (reply: Reply): void => host.emit({ type: "reply", requestId, reply });
    if (cell === undefined || cell.removing || cell.document.status === "DELETED") {
      reply({ type: "not-found" });
      return;
    }
    const { users } = cell.document;
    if (!isActive(cell.document)) {
      reply(deleting);
      return;
    }
    if (users === undefined) {
      const text = "it was created without Auth: its clients need no password";
      reply({ type: "rotation-refused", code: "no-users", text });
      return;
    }
    const next = rotated(cell, users, Math.min(graceMs, rotationGraceMsMax), host);
    if (next !== users) cell.document = { ...cell.document, users: next };
    const tellByMs = host.monotonicMs + rotationTellMs;
    const list = this.#waiting.get(cell.name) ?? [];
    list.push({ requestId, rotatedAtMs: next.rotatedAtMs, tellByMs });
    this.#waiting.set(cell.name, list);
  }

  /** Before goals are sent: passwords whose time is over go, with a commit of their own. */
  reviewGrace(cell: InstanceCell, host: ReviewHost): void {
    const { users } = cell.document;
    if (users === undefined) return;
    const next = withoutPast(users, host.atMs);
    if (next !== users) cell.document = { ...cell.document, users: next };
    else if (users.previousUntilMs !== null) {
      host.wakeAt(cell.name, host.monotonicMs + users.previousUntilMs - host.atMs);
    }
  }

  /** After goals were sent: tells those who wait what has become of their rotation. */
  review(cell: InstanceCell, host: ReviewHost): void {
    const waiting = this.#waiting.get(cell.name);
    if (waiting === undefined) return;
    const still = waiting.filter((each) => {
      const reply = replyTo(each, cell, host);
      if (reply === null) {
        host.wakeAt(cell.name, each.tellByMs);
        return true;
      }
      host.emit({ type: "reply", requestId: each.requestId, reply });
      return false;
    });
    if (still.length > 0) this.#waiting.set(cell.name, still);
    else this.#waiting.delete(cell.name);
  }

  /** The instance is no more. */
  dropped(name: string, host: Pick<ReviewHost, "emit">): void {
    for (const { requestId } of this.#waiting.get(name) ?? []) {
      host.emit({ type: "reply", requestId, reply: { type: "not-found" } });
    }
    this.#waiting.delete(name);
  }
}

const deleting: Reply = {
  type: "rotation-refused",
  code: "deleting",
  text: "it is being deleted",
};

function rotated(
  cell: InstanceCell,
  users: InstanceUsers,
  graceMs: number,
  host: ReviewHost,
): InstanceUsers {
  const { atMs, settings } = host;
  const sinceMs = atMs - users.rotatedAtMs;
  const isRecent = sinceMs >= 0 && sinceMs < rotationRepeatMs;
  // Without a grace there is none that could end.
  const isRepeated =
    users.previousUntilMs !== null && (isRecent || !isKnownToMaster(cell, users, settings.rules));
  return isRepeated
    ? withGraceUntil(users, atMs + graceMs)
    : withRotation(users, settings.nextUserPassword, atMs, graceMs);
}

/**
 * False while a rotation is not stored, or its master has not confirmed it: clients know none but the passwords of before, and
 * another rotation would drop those.
 */
function isKnownToMaster(
  cell: InstanceCell,
  users: InstanceUsers,
  rules: Pick<FencingRules, "reportCounts">,
): boolean {
  const master = masterOf(cell.document);
  return cell.stored?.users === users && master !== undefined && hasUsers(cell, master, rules);
}

/** What is to be told now; null: nothing yet. */
function replyTo(waiting: Waiting, cell: InstanceCell, host: ReviewHost): Reply | null {
  const { document } = cell;
  if (!isActive(document) || document.users === undefined) return deleting;
  const isLate = host.monotonicMs >= waiting.tellByMs;
  if (!isSettled(cell) || document.users.rotatedAtMs < waiting.rotatedAtMs) {
    return isLate ? { type: "store-failed", text: "the store has not confirmed it in time" } : null;
  }
  const { rules } = host.settings;
  const pending = document.processes.filter((process) => !hasUsers(cell, process, rules));
  const isTold = pending.every((process) => !isReachable(process, host));
  if (!isTold && !isLate) return null;
  return { type: "rotated", pending: pending.map(({ id }) => id) };
}

/** True when the process has confirmed that the users of the stored document are in force at it. */
function hasUsers(
  cell: InstanceCell,
  { id }: ProcessRecord,
  rules: Pick<FencingRules, "reportCounts">,
): boolean {
  const users = cell.stored?.users;
  const sent = cell.sentGoals.get(id);
  const report = cell.reports.get(id);
  if (users === undefined || sent === undefined || report?.phase !== "serving") return false;
  return (
    sent.users === usersKey(goalUsersOf(users)) && rules.reportCounts(report.stamp, sent.stamp)
  );
}

/** The passwords of an instance's users, for those who may know them. */
export interface ConnectionUsers {
  readonly readWrite: { readonly user: string; readonly password: Secret };
  readonly readOnly: { readonly user: string; readonly password: Secret };
  readonly rotatedAtMs: number;
  /** Until when the passwords of before the last rotation are accepted as well; null: they are not. */
  readonly previousUntilMs: number | null;
}

/**
 * The newest passwords that the master is known to accept, as far as they are stored; null for an instance without
 * `auth`. While a rotation is on its way to the master they are those of before, which it accepts in any case.
 */
export function connectionUsersOf(
  cell: InstanceCell,
  rules: Pick<FencingRules, "reportCounts">,
): ConnectionUsers | null {
  const { stored } = cell;
  if (stored?.users === undefined || stored.status === "DELETED") return null;
  const { readWrite, readOnly, rotatedAtMs, previousUntilMs } = stored.users;
  const master = masterOf(stored);
  const isKnown = master !== undefined && hasUsers(cell, master, rules);
  const secretOf = ({ current, previous }: InstanceUser): Secret =>
    (isKnown || previous === null ? current : previous).secret;
  return {
    readWrite: { user: readWriteUser, password: secretOf(readWrite) },
    readOnly: { user: readOnlyUser, password: secretOf(readOnly) },
    rotatedAtMs,
    previousUntilMs,
  };
}
