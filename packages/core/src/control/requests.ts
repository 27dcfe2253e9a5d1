/**
 * Owns what the API's requests change: creates, deletes, failovers and rotations are taken up, or answered at once.
 * Not: their parsing (request/), nor their course (review.ts, failover/, users/desk.ts). Called by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { unreachable } from "../assert.js";
import { requestFailover } from "../failover/request.js";
import type { InstanceDocument } from "../instance/types.js";
import type { UserDesk } from "../users/desk.js";
import { newUsers } from "../users/users.js";
import { createCell, type InstanceCell, recreate } from "./cell.js";
import type { Effect, Reply } from "./effects.js";
import type { ControlEvent } from "./events.js";
import type { ProxyPortDesk } from "./proxy-ports.js";
import type { ReviewHost } from "./review-host.js";
import { asDeleting, isActive, newDocument } from "./transitions.js";

/** What a request needs from its owner. */
export interface RequestHost extends ReviewHost {
  readonly cells: ReadonlyMap<string, InstanceCell>;
  readonly proxyPorts: ProxyPortDesk;
  readonly users: UserDesk;
  /** The cell is looked at again before this event is over. */
  touch(cell: InstanceCell): void;
  /** A new instance. */
  addCell(cell: InstanceCell): void;
  /** Done once all that is known of the instance now is durable. */
  hold(cell: InstanceCell, effect: Effect): void;
}

/** One of the API's requests. */
export type Request = Extract<
  ControlEvent,
  {
    readonly type:
      | "create-requested"
      | "delete-requested"
      | "failover-requested"
      | "rotation-requested";
  }
>;

/** Takes up a request, or answers it. */
export function takeRequest(request: Request, host: RequestHost): void {
  switch (request.type) {
    case "create-requested":
      create(request, host);
      break;
    case "delete-requested":
      remove(request, host);
      break;
    case "failover-requested": {
      const cell = host.cells.get(request.name);
      const reply = requestFailover(cell, request, host);
      host.emit({ type: "reply", requestId: request.requestId, reply });
      if (cell !== undefined) host.touch(cell);
      break;
    }
    case "rotation-requested": {
      const cell = host.cells.get(request.name);
      host.users.rotate(cell, request, host);
      if (cell !== undefined) host.touch(cell);
      break;
    }
    default:
      unreachable(request);
  }
}

type Create = Extract<Request, { readonly type: "create-requested" }>;

function create(request: Create, host: RequestHost): void {
  const reply = (reply: Reply): Effect => ({
    type: "reply",
    requestId: request.requestId,
    reply,
  });
  const present = host.cells.get(request.name);
  if (present !== undefined && present.document.status !== "DELETED") {
    // The answer waits for what it speaks of: a create on its way may still fail.
    const exists = reply({ type: "exists" });
    if (present.stored?.incarnation === present.document.incarnation) host.emit(exists);
    else host.hold(present, exists);
    return;
  }
  const refusal = refusalOf(request, host);
  if (refusal !== null) {
    host.emit(reply(refusal));
    return;
  }
  const document = documentOf(request, host);
  if (present === undefined) {
    const cell = createCell(document, null);
    cell.held.push(reply({ type: "created", recreated: false }));
    host.addCell(cell);
    return;
  }
  recreate(present, document);
  host.hold(present, reply({ type: "created", recreated: true }));
}

/** Passwords and keys are not stored for everybody to read who can read the store. */
function refusalOf({ spec }: Create, { settings }: RequestHost): Reply | null {
  const isKeyNeeded =
    spec.auth !== undefined || (spec.tls !== undefined && !settings.certificatesGiven);
  if (settings.secretsKept || !isKeyNeeded) return null;
  const what = spec.auth === undefined ? "Tls" : "Auth";
  const text =
    `${what} needs a key with which the scheduler seals secrets in its store: name a file with one as SecretKeyFile ` +
    "in its configuration and start it again";
  return { type: "create-refused", code: "secret-key-missing", text };
}

function documentOf({ name, spec }: Create, host: RequestHost): InstanceDocument {
  const { settings, atMs } = host;
  const incarnation = settings.nextId();
  const users = spec.auth === undefined ? {} : { users: newUsers(settings.nextUserPassword, atMs) };
  return host.proxyPorts.given(
    newDocument({ name, spec, incarnation, atMs, ...users }),
    host.cells.get(name),
  );
}

function remove(
  { requestId, name }: Extract<Request, { readonly type: "delete-requested" }>,
  host: RequestHost,
): void {
  const cell = host.cells.get(name);
  if (cell === undefined || cell.removing) {
    host.emit({ type: "reply", requestId, reply: { type: "not-found" } });
    return;
  }
  if (cell.document.status === "DELETED") {
    host.hold(cell, { type: "reply", requestId, reply: { type: "already-deleted" } });
    return;
  }
  if (isActive(cell.document)) cell.document = asDeleting(cell.document);
  host.hold(cell, { type: "reply", requestId, reply: { type: "delete-accepted" } });
}
