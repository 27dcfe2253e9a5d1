/**
 * Owns the question when two resources are the same kind, so that they add up and subtract.
 * Not: the arithmetic (resources.ts). Called by resources.ts and by the validation of the embedded master.
 * Source of the rule: Mesos resource identity: name, type, allocation role, the stack of reservations (presence
 * of labels included), disk source and persistence id, provider, revocable, shared. `volume` and
 * `persistence.principal` do not count. Fields this program does not know count as they stand.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Labels, Resource, ResourceDiskInfo, ResourceReservationInfo } from "./types.js";
import { equalUnknownFields } from "./unknown-fields.js";

/**
 * Deep equality of JSON values; the order of object keys does not matter, the order of arrays does. Unknown fields of
 * protobuf messages count.
 */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equalJson(item, b[index]));
  }
  const left = definedEntries(a);
  const right = new Map(definedEntries(b));
  return (
    left.length === right.size &&
    equalUnknownFields(a, b) &&
    left.every(([key, value]) => right.has(key) && equalJson(value, right.get(key)))
  );
}

const definedEntries = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, item]) => item !== undefined);

/** Labels are equal when both are unset, or both set with the same pairs in the same order. `{}` is not unset. */
export const equalLabels = (a: Labels | undefined, b: Labels | undefined): boolean =>
  a === undefined || b === undefined ? a === b : equalJson(a.labels ?? [], b.labels ?? []);

const equalReservation = (a: ResourceReservationInfo, b: ResourceReservationInfo): boolean =>
  a.type === b.type &&
  a.role === b.role &&
  a.principal === b.principal &&
  equalLabels(a.labels, b.labels);

/** The stack of reservations, top last; the old form (`role` and `reservation`) is read as well. */
export function reservationsOf(resource: Resource): readonly ResourceReservationInfo[] {
  if (resource.reservations !== undefined) return resource.reservations;
  if (resource.role === undefined || resource.role === "*") return [];
  return [
    resource.reservation === undefined
      ? { type: "STATIC", role: resource.role }
      : { ...resource.reservation, type: "DYNAMIC", role: resource.role },
  ];
}

function equalDisk(a: ResourceDiskInfo | undefined, b: ResourceDiskInfo | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const { volume: _aVolume, persistence: aPersistence, ...aRest } = a;
  const { volume: _bVolume, persistence: bPersistence, ...bRest } = b;
  return aPersistence?.id === bPersistence?.id && equalJson(aRest, bRest);
}

const isEqualStack = (a: Resource, b: Resource): boolean => {
  const left = reservationsOf(a);
  const right = reservationsOf(b);
  return (
    left.length === right.length &&
    left.every((reservation, index) => {
      const other = right[index];
      return other !== undefined && equalReservation(reservation, other);
    })
  );
};

/** True when the two differ in nothing but their amount. */
export function isSameKind(a: Resource, b: Resource): boolean {
  return (
    a.name === b.name &&
    a.type === b.type &&
    a.allocation_info?.role === b.allocation_info?.role &&
    a.provider_id?.value === b.provider_id?.value &&
    (a.revocable === undefined) === (b.revocable === undefined) &&
    (a.shared === undefined) === (b.shared === undefined) &&
    isEqualStack(a, b) &&
    equalDisk(a.disk, b.disk) &&
    equalJson(newerFields(a), newerFields(b))
  );
}

/** What a newer Mesos added to the resource, in either encoding. */
function newerFields(resource: Resource): Readonly<Record<string, unknown>> {
  const {
    name: _name,
    type: _type,
    scalar: _scalar,
    ranges: _ranges,
    set: _set,
    role: _role,
    disk: _disk,
    reservation: _reservation,
    revocable: _revocable,
    shared: _shared,
    allocation_info: _allocation,
    provider_id: _provider,
    reservations: _reservations,
    ...newer
  } = resource;
  return newer;
}

/** True for a persistent volume. */
export const isVolume = (resource: Resource): boolean => resource.disk?.persistence !== undefined;

/** Persistent volumes and MOUNT, BLOCK and RAW disks are used whole or not at all. */
export const isIndivisible = (resource: Resource): boolean =>
  isVolume(resource) || ["MOUNT", "BLOCK", "RAW"].includes(resource.disk?.source?.type ?? "");
