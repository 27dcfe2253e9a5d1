/**
 * Owns the one-line wording of calls, events and answers for the evidence. Pure; what was random stays as it is.
 * Not: where the lines go. Called by the session and checks.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { SchedulerCall, SchedulerEvent, TaskStatus } from "@mr-redis/mesos";
import { brief } from "./verdict.js";

/** Most ids that are spelled out. */
const idsMax = 4;

const list = (ids: readonly string[]): string =>
  ids.length > idsMax
    ? `${ids.slice(0, idsMax).join(", ")} and ${ids.length - idsMax} more`
    : ids.join(", ");

const ofFilters = (filters: { readonly refuse_seconds?: number } | undefined): string =>
  filters === undefined
    ? "without filters"
    : `with refuse_seconds ${filters.refuse_seconds ?? "unset"}`;

/** A task status: id, state, source, reason, whether it has a uuid, message. */
export function statusText(status: TaskStatus): string {
  const words = [status.task_id.value, status.state, status.source, status.reason];
  const uuid = status.uuid === undefined ? "no uuid" : "uuid";
  const message =
    status.message === undefined ? "" : ` "${brief(status.message, 120).slice(1, -1)}"`;
  return `${words.filter((word) => word !== undefined).join(" ")} (${uuid})${message}`;
}

/** A call of the scheduler API. */
export function callText(call: SchedulerCall): string {
  const type = call.type ?? "a call without type";
  if (call.accept !== undefined) {
    const operations = (call.accept.operations ?? []).map((operation) => {
      const tasks = operation.launch?.task_infos?.map((task) => task.task_id.value);
      return tasks === undefined ? String(operation.type) : `LAUNCH ${list(tasks)}`;
    });
    const offers = list((call.accept.offer_ids ?? []).map(({ value }) => value));
    return `ACCEPT [${operations.join("; ")}] of ${offers} ${ofFilters(call.accept.filters)}`;
  }
  if (call.decline !== undefined) {
    const ids = (call.decline.offer_ids ?? []).map(({ value }) => value);
    return `DECLINE ${list(ids)} ${ofFilters(call.decline.filters)}`;
  }
  if (call.kill !== undefined) return `KILL ${call.kill.task_id.value}`;
  if (call.acknowledge !== undefined) return `ACKNOWLEDGE ${call.acknowledge.task_id.value}`;
  if (call.shutdown !== undefined) return `SHUTDOWN ${call.shutdown.executor_id.value}`;
  if (call.message !== undefined) {
    const text = Buffer.from(call.message.data, "base64").toString();
    return `MESSAGE to ${call.message.executor_id.value}: ${brief(text, 200)}`;
  }
  const { framework_id: _id, type: _type, ...rest } = call;
  return `${type}${Object.keys(rest).length === 0 ? "" : ` ${brief(rest, 200)}`}`;
}

/** An event of the scheduler API. */
export function eventText(event: SchedulerEvent): string {
  if (event.update !== undefined) return `UPDATE ${statusText(event.update.status)}`;
  if (event.offers !== undefined) {
    const offers = (event.offers.offers ?? []).map(
      (offer) => `${offer.id.value} of agent ${offer.agent_id.value}`,
    );
    return `OFFERS ${list(offers)}`;
  }
  if (event.rescind !== undefined) return `RESCIND ${event.rescind.offer_id.value}`;
  if (event.error !== undefined) return `ERROR "${event.error.message}"`;
  if (event.failure !== undefined) return `FAILURE ${brief(event.failure)}`;
  if (event.message !== undefined) {
    return `MESSAGE from ${event.message.executor_id.value}`;
  }
  if (event.subscribed !== undefined) {
    const { framework_id, heartbeat_interval_seconds } = event.subscribed;
    return `SUBSCRIBED ${framework_id.value}, heartbeat interval ${heartbeat_interval_seconds ?? "unset"} s`;
  }
  if (event.update_operation_status !== undefined) {
    const { operation_id, state, message } = event.update_operation_status.status;
    return `UPDATE_OPERATION_STATUS ${operation_id?.value ?? ""} ${state} ${message ?? ""}`;
  }
  return String(event.type);
}

/** An answer: status and the beginning of the body. */
export const answerText = (answer: { readonly status: number; readonly text: string }): string =>
  `${answer.status}${answer.text === "" ? "" : ` "${brief(answer.text, 200).slice(1, -1)}"`}`;
