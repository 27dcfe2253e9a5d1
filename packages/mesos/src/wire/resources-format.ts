/**
 * Owns three things around resource lists: what makes one invalid, the old and new form of reservations, and
 * the one-line text that Mesos prints. Not: the arithmetic (resources.ts). Called by the embedded master.
 * SPDX-License-Identifier: Apache-2.0
 */
import { amountOf, rangesIn, scalarOf } from "./resources.js";
import { reservationsOf } from "./resources-kind.js";
import { overlapsItself } from "./resources-ranges.js";
import type { Resource, ResourceReservationInfo } from "./types.js";

/** Why a resource list is malformed, in one line; undefined when it is well formed. */
export function resourcesProblem(resources: readonly Resource[]): string | undefined {
  for (const resource of resources) {
    const problem = resourceProblem(resource);
    if (problem !== undefined) return `Invalid resource '${resource.name}': ${problem}`;
  }
  return undefined;
}

function resourceProblem(resource: Resource): string | undefined {
  if (resource.name === "") return "Empty resource name";
  const mixed =
    resource.reservations !== undefined &&
    resource.reservations.length > 0 &&
    (resource.role !== undefined || resource.reservation !== undefined);
  if (mixed) return "'role' and 'reservation' may not be used together with 'reservations'";
  const old = resource.reservation !== undefined && (resource.role ?? "*") === "*";
  if (old) return "a reservation needs a role other than '*'";
  return amountProblem(resource) ?? diskProblem(resource);
}

function amountProblem(resource: Resource): string | undefined {
  switch (resource.type) {
    case "SCALAR": {
      const value = resource.scalar?.value;
      if (value === undefined || resource.ranges !== undefined || resource.set !== undefined) {
        return "Invalid scalar resource";
      }
      return Number.isFinite(value) && value >= 0
        ? undefined
        : "Invalid scalar resource: value < 0";
    }
    case "RANGES": {
      if (resource.scalar !== undefined || resource.set !== undefined)
        return "Invalid ranges resource";
      const ranges = rangesIn(resource);
      if (ranges.some((range) => range.begin > range.end))
        return "Invalid ranges resource: begin > end";
      return overlapsItself(ranges) ? "Invalid ranges resource: overlapping ranges" : undefined;
    }
    case "SET":
      return resource.scalar !== undefined || resource.ranges !== undefined
        ? "Invalid set resource"
        : undefined;
    default:
      return "Unsupported resource type";
  }
}

const diskProblem = (resource: Resource): string | undefined =>
  resource.disk !== undefined && resource.name !== "disk"
    ? `DiskInfo should not be set for ${resource.name} resource`
    : undefined;

/** The form with a stack of reservations (`role` and `reservation` unset), whatever form came in. */
export function withReservationStack(resource: Resource): Resource {
  const { role: _role, reservation: _reservation, reservations: _stack, ...rest } = resource;
  const stack = reservationsOf(resource);
  return stack.length === 0 ? rest : { ...rest, reservations: stack };
}

/**
 * The old form with `role` and `reservation`, as frameworks without RESERVATION_REFINEMENT get it; undefined for
 * a resource that the old form cannot express (more than one reservation).
 */
export function withSingleReservation(resource: Resource): Resource | undefined {
  const stack = reservationsOf(resource);
  const { role: _role, reservation: _reservation, reservations: _stack, ...rest } = resource;
  const top = stack[0];
  if (top === undefined) return { ...rest, role: "*" };
  if (stack.length > 1) return undefined;
  const { role, type, ...details } = top;
  const reserved = { ...rest, role: role ?? "*" };
  return type === "STATIC" ? reserved : { ...reserved, reservation: details };
}

/** The list as Mesos prints it: `ports(allocated: kv):[31000-31009]; cpus(allocated: kv):0.5`. */
export const formatResources = (resources: readonly Resource[]): string =>
  resources.length === 0 ? "{}" : resources.map(formatResource).join("; ");

function formatResource(resource: Resource): string {
  const marks = [
    ...(resource.allocation_info?.role === undefined
      ? []
      : [`(allocated: ${resource.allocation_info.role})`]),
    ...formatStack(reservationsOf(resource)),
    ...(resource.disk?.persistence === undefined
      ? []
      : [`[${resource.disk.persistence.id}:${resource.disk.volume?.container_path ?? ""}]`]),
  ];
  return `${resource.name}${marks.join("")}:${formatAmount(resource)}`;
}

const formatStack = (stack: readonly ResourceReservationInfo[]): readonly string[] =>
  stack.length === 0
    ? []
    : [
        `(reservations: [${stack
          .map((entry) => `(${entry.type ?? "DYNAMIC"},${entry.role ?? "*"})`)
          .join(",")}])`,
      ];

function formatAmount(resource: Resource): string {
  switch (resource.type) {
    case "SCALAR":
      return String(scalarOf(amountOf(resource)));
    case "RANGES":
      return `[${rangesIn(resource)
        .map((range) => `${range.begin}-${range.end}`)
        .join(", ")}]`;
    default:
      return `{${(resource.set?.item ?? []).join(", ")}}`;
  }
}
