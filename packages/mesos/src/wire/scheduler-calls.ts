/**
 * Owns the making of the scheduler calls that mr-redis sends: plain values in, messages out.
 * Not: the framework id (the session adds it), nor when to call. Called by the scheduler and by tests of servers.
 * Source of the rules: Apache Mesos, docs/scheduler-http-api.md and include/mesos/v1/scheduler/scheduler.proto.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  FrameworkInfo,
  InverseOffer,
  Offer,
  OfferOperation,
  Resource,
  SchedulerCall,
  SchedulerCallType,
  TaskInfo,
} from "./types.js";

/** A call without its framework id. */
export type SchedulerCallBody = Omit<SchedulerCall, "framework_id" | "type"> & {
  readonly type: SchedulerCallType;
};

/** Nanoseconds of a DurationInfo. */
const duration = (milliseconds: number) => ({ nanoseconds: Math.round(milliseconds * 1e6) });

const values = (ids: readonly string[]) => ids.map((value) => ({ value }));

/** `refuse_seconds` 0 means no filter; left out it would be 5 s. */
const filters = (refuseSeconds: number | undefined) =>
  refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } };

/** The call as it is sent. */
export function callOfFramework(frameworkId: string, body: SchedulerCallBody): SchedulerCall {
  return { framework_id: { value: frameworkId }, ...body };
}

/**
 * SUBSCRIBE, also anew: with `frameworkId` both places that must agree are filled. `suppressedRoles` replaces the
 * suppression that the master knows; leaving it out un-suppresses every role.
 */
export function subscribeCall(
  frameworkInfo: FrameworkInfo,
  options: { readonly frameworkId?: string; readonly suppressedRoles?: readonly string[] } = {},
): SchedulerCall {
  const { frameworkId, suppressedRoles } = options;
  const id = frameworkId === undefined ? {} : { id: { value: frameworkId } };
  return {
    ...(frameworkId === undefined ? {} : { framework_id: { value: frameworkId } }),
    type: "SUBSCRIBE",
    subscribe: {
      framework_info: { ...frameworkInfo, ...id },
      ...(suppressedRoles === undefined ? {} : { suppressed_roles: suppressedRoles }),
    },
  };
}

/** ACCEPT: all offers of one agent and one role; operations are applied in order. Never send one twice. */
export function acceptCall(accept: {
  readonly offerIds: readonly string[];
  readonly operations: readonly OfferOperation[];
  /** How long the rest of the offers is refused (default of Mesos: 5). */
  readonly refuseSeconds?: number;
}): SchedulerCallBody {
  const { offerIds, operations, refuseSeconds } = accept;
  return {
    type: "ACCEPT",
    accept: { offer_ids: values(offerIds), operations, ...filters(refuseSeconds) },
  };
}

/** The LAUNCH operation of an ACCEPT. */
export function launchOperation(tasks: readonly TaskInfo[]): OfferOperation {
  return { type: "LAUNCH", launch: { task_infos: tasks } };
}

const operationId = (id: string | undefined) => (id === undefined ? {} : { id: { value: id } });

/** The RESERVE operation: resources as offered with one more reservation pushed. Only one with an id is answered. */
export function reserveOperation(resources: readonly Resource[], id?: string): OfferOperation {
  return { type: "RESERVE", ...operationId(id), reserve: { resources } };
}

/** The UNRESERVE operation: resources exactly as they are reserved. Only one with an id is answered. */
export function unreserveOperation(resources: readonly Resource[], id?: string): OfferOperation {
  return { type: "UNRESERVE", ...operationId(id), unreserve: { resources } };
}

/** DECLINE; unknown offers are ignored by the master. `refuseSeconds`: 0 no filter, at most 365 days, default 5 s. */
export function declineCall(
  offers: readonly (string | Pick<Offer, "id">)[],
  refuseSeconds?: number,
): SchedulerCallBody {
  const ids = offers.map((offer) => (typeof offer === "string" ? offer : offer.id.value));
  return { type: "DECLINE", decline: { offer_ids: values(ids), ...filters(refuseSeconds) } };
}

/**
 * DECLINE_INVERSE_OFFERS: the machines are not promised to be empty when their maintenance begins. A hint and nothing
 * more, which is asked for again after `refuseSeconds` (default 5 s).
 */
export function declineInverseOffersCall(
  offers: readonly Pick<InverseOffer, "id">[],
  refuseSeconds?: number,
): SchedulerCallBody {
  const ids = values(offers.map((offer) => offer.id.value));
  return {
    type: "DECLINE_INVERSE_OFFERS",
    decline_inverse_offers: { inverse_offer_ids: ids, ...filters(refuseSeconds) },
  };
}

/** REVIVE: clears filters and suppression of the roles (none: all) and lets the master offer at once. */
export function reviveCall(roles: readonly string[] = []): SchedulerCallBody {
  return roles.length === 0 ? { type: "REVIVE" } : { type: "REVIVE", revive: { roles } };
}

/** SUPPRESS: no more offers for the roles (none: all). Offers that are out stay out: decline them. */
export function suppressCall(roles: readonly string[] = []): SchedulerCallBody {
  return { type: "SUPPRESS", suppress: roles.length === 0 ? {} : { roles } };
}

/** KILL of a task; not certain to arrive, so repeat it. Always name the agent. */
export function killCall(kill: {
  readonly taskId: string;
  readonly agentId?: string;
  readonly gracePeriodMs?: number;
}): SchedulerCallBody {
  const { taskId, agentId, gracePeriodMs } = kill;
  return {
    type: "KILL",
    kill: {
      task_id: { value: taskId },
      ...(agentId === undefined ? {} : { agent_id: { value: agentId } }),
      ...(gracePeriodMs === undefined
        ? {}
        : { kill_policy: { grace_period: duration(gracePeriodMs) } }),
    },
  };
}

/** SHUTDOWN of an executor with all its tasks. */
export function shutdownCall(executorId: string, agentId: string): SchedulerCallBody {
  return {
    type: "SHUTDOWN",
    shutdown: { executor_id: { value: executorId }, agent_id: { value: agentId } },
  };
}

/** ACKNOWLEDGE of an update that carried a `uuid`; the three values are copied from it. */
export function acknowledgeCall(acknowledge: {
  readonly agentId: string;
  readonly taskId: string;
  /** As received, base64. */
  readonly uuid: string;
}): SchedulerCallBody {
  const { agentId, taskId, uuid } = acknowledge;
  return {
    type: "ACKNOWLEDGE",
    acknowledge: { agent_id: { value: agentId }, task_id: { value: taskId }, uuid },
  };
}

/** RECONCILE; without tasks the implicit one, for all that the master knows. Name the agent: without it an unreachable task is answered UNKNOWN. */
export function reconcileCall(
  tasks: readonly { readonly taskId: string; readonly agentId?: string }[] = [],
): SchedulerCallBody {
  return {
    type: "RECONCILE",
    reconcile: {
      tasks: tasks.map(({ taskId, agentId }) => ({
        task_id: { value: taskId },
        ...(agentId === undefined ? {} : { agent_id: { value: agentId } }),
      })),
    },
  };
}

/** MESSAGE to an executor: at most once, without any answer. `data` is base64. */
export function messageCall(message: {
  readonly agentId: string;
  readonly executorId: string;
  readonly data: string;
}): SchedulerCallBody {
  const { agentId, executorId, data } = message;
  return {
    type: "MESSAGE",
    message: { agent_id: { value: agentId }, executor_id: { value: executorId }, data },
  };
}

/** TEARDOWN: ends the framework and all its tasks; its id can never be used again. */
export function teardownCall(): SchedulerCallBody {
  return { type: "TEARDOWN" };
}
