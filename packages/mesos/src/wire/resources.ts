/**
 * Owns the algebra of resource lists: add, subtract, contains; scalars are whole thousandths, ranges intervals.
 * Not: what may be placed where (core), nor who owns what (the master's books). Called by both.
 * Every result keeps all fields of the Resource objects it came from, the unknown ones too: a dropped field
 * would be another resource to Mesos.
 * SPDX-License-Identifier: Apache-2.0
 */
import { isIndivisible, isSameKind } from "./resources-kind.js";
import {
  addRanges,
  containsRanges,
  equalRanges,
  normalizeRanges,
  subtractRanges,
} from "./resources-ranges.js";
import type { Resource, ValueRange } from "./types.js";

/** Mesos compares scalars after rounding to three decimals; sums are made of these whole numbers. */
export const thousandthsOf = (value: number): number => Math.round(value * 1000);

/** A scalar value from whole thousandths. */
export const scalarOf = (thousandths: number): number => thousandths / 1000;

/** The amount of a SCALAR resource in whole thousandths; 0 for other types. */
export const amountOf = (resource: Resource): number => thousandthsOf(resource.scalar?.value ?? 0);

/** The ranges of a RANGES resource, as they stand. */
export const rangesIn = (resource: Resource): readonly ValueRange[] => resource.ranges?.range ?? [];

const itemsIn = (resource: Resource): readonly string[] => resource.set?.item ?? [];

/** True when there is nothing of it. */
export function isEmptyResource(resource: Resource): boolean {
  switch (resource.type) {
    case "SCALAR":
      return amountOf(resource) === 0;
    case "RANGES":
      return normalizeRanges(rangesIn(resource)).length === 0;
    default:
      return itemsIn(resource).length === 0;
  }
}

/** The sum of two resources of one kind, with the fields of the first. */
function addSame(a: Resource, b: Resource): Resource {
  switch (a.type) {
    case "SCALAR":
      return { ...a, scalar: { ...a.scalar, value: scalarOf(amountOf(a) + amountOf(b)) } };
    case "RANGES":
      return { ...a, ranges: { ...a.ranges, range: addRanges(rangesIn(a), rangesIn(b)) } };
    default:
      return { ...a, set: { ...a.set, item: [...new Set([...itemsIn(a), ...itemsIn(b)])] } };
  }
}

function containsSame(a: Resource, b: Resource): boolean {
  if (isIndivisible(a)) return isEqualAmount(a, b);
  switch (a.type) {
    case "SCALAR":
      return amountOf(a) >= amountOf(b);
    case "RANGES":
      return containsRanges(rangesIn(a), rangesIn(b));
    default: {
      const have = new Set(itemsIn(a));
      return itemsIn(b).every((item) => have.has(item));
    }
  }
}

function isEqualAmount(a: Resource, b: Resource): boolean {
  switch (a.type) {
    case "SCALAR":
      return amountOf(a) === amountOf(b);
    case "RANGES":
      return equalRanges(rangesIn(a), rangesIn(b));
    default:
      return new Set([...itemsIn(a), ...itemsIn(b)]).size === new Set(itemsIn(a)).size;
  }
}

function subtractSame(a: Resource, b: Resource): Resource {
  switch (a.type) {
    case "SCALAR":
      return { ...a, scalar: { ...a.scalar, value: scalarOf(amountOf(a) - amountOf(b)) } };
    case "RANGES":
      return { ...a, ranges: { ...a.ranges, range: subtractRanges(rangesIn(a), rangesIn(b)) } };
    default: {
      const gone = new Set(itemsIn(b));
      return { ...a, set: { ...a.set, item: itemsIn(a).filter((item) => !gone.has(item)) } };
    }
  }
}

/** One entry for each kind, in the order of first appearance; empty ones vanish, ranges are sorted and merged. */
export function addResources(...lists: readonly (readonly Resource[])[]): readonly Resource[] {
  const sum: Resource[] = [];
  for (const resource of lists.flat()) {
    if (isEmptyResource(resource)) continue;
    const index = isIndivisible(resource)
      ? -1
      : sum.findIndex((entry) => isSameKind(entry, resource));
    const entry = sum[index];
    const canonical = { ...resource, ...canonicalAmount(resource) };
    if (entry === undefined) sum.push(canonical);
    else sum[index] = addSame(entry, resource);
  }
  return sum;
}

function canonicalAmount(resource: Resource): Partial<Resource> {
  switch (resource.type) {
    case "SCALAR":
      return { scalar: { ...resource.scalar, value: scalarOf(amountOf(resource)) } };
    case "RANGES":
      return { ranges: { ...resource.ranges, range: normalizeRanges(rangesIn(resource)) } };
    default:
      return {};
  }
}

/**
 * `have` without `want`, or undefined when `have` does not contain it. Buckets do not help each other out:
 * what is wanted unreserved is taken from unreserved resources only.
 */
export function subtractResources(
  have: readonly Resource[],
  want: readonly Resource[],
): readonly Resource[] | undefined {
  const rest = [...addResources(have)];
  for (const wanted of addResources(want)) {
    const index = rest.findIndex(
      (entry) => isSameKind(entry, wanted) && containsSame(entry, wanted),
    );
    const entry = rest[index];
    if (entry === undefined) return undefined;
    const left = isIndivisible(entry) ? undefined : subtractSame(entry, wanted);
    if (left === undefined || isEmptyResource(left)) rest.splice(index, 1);
    else rest[index] = left;
  }
  return rest;
}

/** True when `have` holds everything in `want`, bucket by bucket. */
export const containsResources = (have: readonly Resource[], want: readonly Resource[]): boolean =>
  subtractResources(have, want) !== undefined;

/** True when both hold the same. */
export const equalResources = (a: readonly Resource[], b: readonly Resource[]): boolean =>
  subtractResources(a, b)?.length === 0;

/** The sum of a scalar over all buckets (reserved or not), in whole thousandths. */
export const sumScalar = (resources: readonly Resource[], name: string): number =>
  resources.reduce(
    (sum, resource) =>
      resource.name === name && resource.type === "SCALAR" ? sum + amountOf(resource) : sum,
    0,
  );

/** The same resources allocated to a role, as they stand in an offer. */
export const allocateResources = (
  resources: readonly Resource[],
  role: string,
): readonly Resource[] => resources.map((resource) => ({ ...resource, allocation_info: { role } }));

/** The same resources without the role they are allocated to. */
export const unallocateResources = (resources: readonly Resource[]): readonly Resource[] =>
  resources.map(({ allocation_info: _role, ...resource }) => resource);

/** What `have` holds beyond `base`, kind by kind; nothing where `base` holds as much or more. */
export function excessResources(
  have: readonly Resource[],
  base: readonly Resource[],
): readonly Resource[] {
  const left = [...addResources(base)];
  return addResources(have).flatMap((resource) => {
    const index = left.findIndex(
      (entry) =>
        isSameKind(entry, resource) && (!isIndivisible(entry) || isEqualAmount(entry, resource)),
    );
    const other = left[index];
    if (other === undefined) return [resource];
    left.splice(index, 1);
    if (isIndivisible(resource)) return [];
    const isLess = resource.type === "SCALAR" && amountOf(resource) <= amountOf(other);
    const rest = isLess ? undefined : subtractSame(resource, other);
    return rest === undefined || isEmptyResource(rest) ? [] : [rest];
  });
}
