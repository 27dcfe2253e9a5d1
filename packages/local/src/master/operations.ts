/**
 * Owns RESERVE, UNRESERVE, CREATE and DESTROY: their checks, their effect on the books at once (speculatively, as
 * a real master does), and the feedback of those with an id. Not: LAUNCH (accept.ts). Called by accept.ts, master.ts.
 * Source of the rules: reference section 8.4.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import {
  addResources,
  isVolume,
  type OfferOperation,
  type OperationStatus,
  type Resource,
  reservationsOf,
  resourcesProblem,
  subtractResources,
  unallocateResources,
} from "@mr-redis/mesos";
import type { MasterMessage } from "../border/messages.js";
import type { AcceptSession } from "./accept.js";
import { type Books, type FrameworkBook, rolesOf } from "./books.js";
import { allocatedTo } from "./charge.js";
import { idProblem } from "./framework-info.js";

type ConversionKind = Extract<MasterMessage, { type: "apply-operation" }>["kind"];

/** What an operation turns into what, or why it does not. */
type Conversion =
  | {
      readonly ok: true;
      readonly kind: ConversionKind;
      readonly consumed: readonly Resource[];
      readonly converted: readonly Resource[];
    }
  | { readonly ok: false; readonly problem: string };

const refusedFor = (problem: string): Conversion => ({ ok: false, problem });

/** Applies an operation to what is left of the offers; a bad one is dropped, or answered when it has an id. */
export function applyOperation(
  books: Books,
  session: AcceptSession,
  operation: OfferOperation,
): void {
  const conversion = conversionOf(session, operation);
  const left = conversion.ok
    ? subtractResources(session.available, conversion.consumed)
    : undefined;
  if (!conversion.ok || left === undefined) {
    const problem = conversion.ok ? "The resources are not part of the offers" : conversion.problem;
    refuseOperation(books, session.framework, operation, problem);
    return;
  }
  const { agent, framework } = session;
  session.available = addResources(left, conversion.converted);
  const consumed = unallocateResources(conversion.consumed);
  const converted = unallocateResources(conversion.converted);
  const rest = subtractResources(agent.total, consumed);
  assert(rest !== undefined, "what is offered is part of the agent");
  agent.total = addResources(rest, converted);
  const operationId = operation.id?.value;
  if (operationId !== undefined) {
    framework.operations.set(operationId, { agentId: agent.id, state: "OPERATION_PENDING" });
  }
  books.out.push({
    type: "send-agent",
    agentId: agent.id,
    message: {
      type: "apply-operation",
      frameworkId: framework.id,
      ...(operationId === undefined ? {} : { operationId }),
      consumed,
      converted,
      kind: conversion.kind,
    },
  });
}

/** An operation with an id that was not applied is answered OPERATION_ERROR; others vanish silently. */
export function refuseOperation(
  books: Books,
  framework: FrameworkBook,
  operation: OfferOperation,
  message: string,
): void {
  if (operation.id === undefined) return;
  sendOperationStatus(books, framework, {
    operation_id: operation.id,
    state: "OPERATION_ERROR",
    message,
  });
}

/** Tells the framework about an operation; lost when it is not connected. */
export function sendOperationStatus(
  books: Books,
  framework: FrameworkBook,
  status: OperationStatus,
): void {
  if (framework.streamId === null) return;
  books.out.push({
    type: "send-event",
    streamId: framework.streamId,
    event: { type: "UPDATE_OPERATION_STATUS", update_operation_status: { status } },
  });
}

function conversionOf(session: AcceptSession, operation: OfferOperation): Conversion {
  const asked = {
    RESERVE: operation.reserve?.resources,
    UNRESERVE: operation.unreserve?.resources,
    CREATE: operation.create?.volumes,
    DESTROY: operation.destroy?.volumes,
  };
  const { type } = operation;
  if (type !== "RESERVE" && type !== "UNRESERVE" && type !== "CREATE" && type !== "DESTROY") {
    return refusedFor(`Operation ${type} is not supported`);
  }
  const resources = asked[type] ?? [];
  if (resources.length === 0) return refusedFor("No resources were given");
  const problem = resourcesProblem(resources);
  if (problem !== undefined) return refusedFor(problem);
  const written = allocatedTo(resources, session.role);
  switch (type) {
    case "RESERVE":
      return reserve(session, written);
    case "UNRESERVE":
      return unreserve(written);
    case "CREATE":
      return create(session, written);
    case "DESTROY":
      return destroy(written);
  }
}

function reserve(session: AcceptSession, resources: readonly Resource[]): Conversion {
  const { framework, role } = session;
  for (const resource of resources) {
    const top = reservationsOf(resource).at(-1);
    if (top === undefined || top.type !== "DYNAMIC") {
      return refusedFor("A dynamic reservation is needed on every resource");
    }
    if (top.role !== role || role === "*" || !rolesOf(framework.info).includes(role)) {
      return refusedFor(`The reservation's role must be the offer's: '${role}'`);
    }
    if (top.principal !== framework.info.principal) {
      return refusedFor("The reservation's principal must be the framework's");
    }
    if (resource.revocable !== undefined || isVolume(resource)) {
      return refusedFor("Revocable resources and volumes cannot be reserved");
    }
  }
  return { ok: true, kind: "reserve", consumed: resources.map(withoutTop), converted: resources };
}

function unreserve(resources: readonly Resource[]): Conversion {
  if (resources.some((resource) => reservationsOf(resource).at(-1)?.type !== "DYNAMIC")) {
    return refusedFor("Only dynamic reservations can be taken back");
  }
  if (resources.some(isVolume)) return refusedFor("Destroy the persistent volume first");
  return { ok: true, kind: "unreserve", consumed: resources, converted: resources.map(withoutTop) };
}

function create(session: AcceptSession, volumes: readonly Resource[]): Conversion {
  const { framework, agent } = session;
  for (const volume of volumes) {
    const persistence = volume.disk?.persistence;
    const mount = volume.disk?.volume;
    if (persistence === undefined) return refusedFor("A volume needs a persistence id");
    const problem = idProblem(persistence.id);
    if (problem !== undefined) return refusedFor(`The persistence id is invalid: ${problem}`);
    if (mount === undefined || mount.mode !== "RW" || mount.host_path !== undefined) {
      return refusedFor("A volume needs a container_path, the mode RW and no host_path");
    }
    if (persistence.principal !== framework.info.principal) {
      return refusedFor("The volume's principal must be the framework's");
    }
    const owner = reservationsOf(volume).at(-1)?.role;
    if (owner === undefined) return refusedFor("A volume is made of reserved disk");
    const isTaken = agent.total.some(
      (resource) =>
        resource.disk?.persistence?.id === persistence.id &&
        reservationsOf(resource).at(-1)?.role === owner,
    );
    if (isTaken) return refusedFor(`Persistence ID ${persistence.id} exists already`);
  }
  return { ok: true, kind: "create", consumed: volumes.map(withoutVolume), converted: volumes };
}

const destroy = (volumes: readonly Resource[]): Conversion =>
  volumes.every(isVolume)
    ? { ok: true, kind: "destroy", consumed: volumes, converted: volumes.map(withoutVolume) }
    : refusedFor("Only persistent volumes can be destroyed");

function withoutTop(resource: Resource): Resource {
  const { reservations: _stack, ...rest } = resource;
  const stack = reservationsOf(resource).slice(0, -1);
  return stack.length === 0 ? rest : { ...rest, reservations: stack };
}

function withoutVolume(resource: Resource): Resource {
  const { disk, ...rest } = resource;
  const { persistence: _persistence, volume: _volume, ...source } = disk ?? {};
  return Object.keys(source).length === 0 ? rest : { ...rest, disk: source };
}
