/**
 * Owns the validation of calls by themselves, without the books: what is present, uuids, sources.
 * Source of the texts: reference sections 2.3 (row 9) and 11.1 (row 5); recordings wire/errors. Called by the endpoints.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type ExecutorCall,
  parseUuid,
  type SchedulerCall,
  type SchedulerCallType,
  type TaskStatus,
} from "@mr-redis/mesos";

const expecting = (name: string): string => `Expecting '${name}' to be present`;

/** The member that a call of this type must carry; null when none. */
const schedulerMembers = {
  UNKNOWN: null,
  SUBSCRIBE: "subscribe",
  TEARDOWN: null,
  ACCEPT: "accept",
  DECLINE: "decline",
  REVIVE: null,
  KILL: "kill",
  SHUTDOWN: "shutdown",
  ACKNOWLEDGE: "acknowledge",
  RECONCILE: "reconcile",
  MESSAGE: "message",
  REQUEST: "request",
  SUPPRESS: null,
  ACCEPT_INVERSE_OFFERS: "accept_inverse_offers",
  DECLINE_INVERSE_OFFERS: "decline_inverse_offers",
  ACKNOWLEDGE_OPERATION_STATUS: "acknowledge_operation_status",
  RECONCILE_OPERATIONS: "reconcile_operations",
  UPDATE_FRAMEWORK: "update_framework",
} as const satisfies Readonly<Record<SchedulerCallType, keyof SchedulerCall | null>>;

/** Why a scheduler's call is refused with 400; undefined when it is in order. */
export function schedulerCallProblem(call: SchedulerCall): string | undefined {
  const { type } = call;
  if (type === undefined) return expecting("type");
  const member = schedulerMembers[type];
  if (type === "SUBSCRIBE") {
    if (call.subscribe === undefined) return expecting("subscribe");
    const own = call.subscribe.framework_info.id?.value ?? "";
    return own === (call.framework_id?.value ?? "")
      ? undefined
      : "'framework_id' differs from 'subscribe.framework_info.id'";
  }
  if (call.framework_id === undefined) return expecting("framework_id");
  if (member !== null && call[member] === undefined) return expecting(member);
  const uuid =
    type === "ACKNOWLEDGE"
      ? call.acknowledge?.uuid
      : type === "ACKNOWLEDGE_OPERATION_STATUS"
        ? call.acknowledge_operation_status?.uuid
        : undefined;
  return uuid === undefined ? undefined : uuidProblem(uuid);
}

const uuidProblem = (uuid: string): string | undefined =>
  parseUuid(uuid).ok ? undefined : "Not a valid UUID";

/** Why an executor's call is refused with 400; undefined when it is in order. */
export function executorCallProblem(call: ExecutorCall): string | undefined {
  switch (call.type) {
    case undefined:
      return expecting("type");
    case "SUBSCRIBE":
      return call.subscribe === undefined ? expecting("subscribe") : undefined;
    case "UPDATE":
      return call.update === undefined
        ? expecting("update")
        : statusProblem(call, call.update.status);
    case "MESSAGE":
      return call.message === undefined ? expecting("message") : undefined;
    default:
      return undefined;
  }
}

function statusProblem(call: ExecutorCall, status: TaskStatus): string | undefined {
  if (status.uuid === undefined) return expecting("uuid");
  const uuid = uuidProblem(status.uuid);
  if (uuid !== undefined) return uuid;
  const executorId = call.executor_id.value;
  const named = status.executor_id?.value;
  if (named !== undefined && named !== executorId) {
    return `ExecutorID in Call: ${executorId} does not match ExecutorID in TaskStatus: ${named}`;
  }
  const who = `executor ${executorId} of framework ${call.framework_id.value}`;
  if (status.source !== "SOURCE_EXECUTOR") {
    return `Received Call from ${who} with invalid source, expecting 'SOURCE_EXECUTOR'`;
  }
  return status.state === "TASK_STAGING"
    ? `Received TASK_STAGING from ${who} which is not allowed`
    : undefined;
}
