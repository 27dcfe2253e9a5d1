/**
 * Owns the reading of Mesos' JSON mapping: a parsed JSON value to a message, by the schema.
 * Not: bytes and JSON syntax (json-codec.ts). Called by json-codec.ts.
 * Source of the rule: Apache Mesos, 3rdparty/stout/include/stout/protobuf.hpp (it is not the proto3 mapping).
 * Names in snake_case; unknown names are kept and not looked at; enums by name; `null` is unset; numbers may be strings;
 * one value may stand for a list.
 * SPDX-License-Identifier: Apache-2.0
 */
import { normalizeBase64 } from "./base64.js";
import type { Decoded, WireProblem } from "./codec.js";
import type { FieldPlan, MessagePlan } from "./message-plan.js";
import {
  isJsonObject,
  isJsonObjectOrArray,
  type JsonObject,
  missingFields,
} from "./missing-fields.js";

/** Deepest nesting of messages that is read; the deepest real one has 12 levels, protobuf itself stops at 100. */
export const messageDepthMax = 100;

/** Deepest nesting inside an unknown field, which is kept as it is; JSON.stringify would overflow the stack some day. */
export const unknownDepthMax = 100;

/** Thrown to leave the walk at the first value that does not fit; never leaves this file. */
class Misfit extends Error {
  readonly problem: WireProblem;
  constructor(path: string, rule: string) {
    super(rule);
    this.problem = { kind: "convert", path, rule };
  }
}

interface Walk {
  readonly path: (string | number)[];
  /** True on the second walk: Mesos looks at the names in alphabetical order and reports the first misfit. */
  readonly sorted: boolean;
  readonly depthMax: number;
  incomplete: boolean;
}

/** The message in a JSON value, or the first misfit, or all missing required fields. Copies only what it changes. */
export function decodeJsonMessage(
  plan: MessagePlan,
  value: unknown,
  depthMax: number = messageDepthMax,
): Decoded<JsonObject> {
  try {
    return walkOnce(plan, value, { path: [], sorted: false, depthMax, incomplete: false });
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
  }
  try {
    return walkOnce(plan, value, { path: [], sorted: true, depthMax, incomplete: false });
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return { ok: false, problems: [error.problem] };
  }
}

function walkOnce(plan: MessagePlan, value: unknown, walk: Walk): Decoded<JsonObject> {
  if (!isJsonObject(value)) throw new Misfit("", "Expecting a JSON object");
  const message = convertMessage(plan, value, walk);
  if (!walk.incomplete) return { ok: true, value: message };
  return { ok: false, problems: missingFields(plan, message) };
}

function convertMessage(plan: MessagePlan, raw: JsonObject, walk: Walk): JsonObject {
  if (walk.path.length > walk.depthMax) misfit(walk, `Nested deeper than ${walk.depthMax} levels`);
  let copy: Record<string, unknown> | null = null;
  let requiredSeen = 0;
  const names = Object.keys(raw);
  if (walk.sorted) names.sort();
  for (const name of names) {
    const field = plan.byName.get(name);
    const value = raw[name];
    walk.path.push(name);
    if (field === undefined) {
      if (!isShallow(value, unknownDepthMax)) {
        misfit(walk, `Nested deeper than ${unknownDepthMax} levels`);
      }
    } else {
      const converted = convertField(field, value, walk);
      if (converted !== value) {
        copy ??= { ...raw };
        if (converted === undefined) delete copy[name];
        else copy[name] = converted;
      }
      if (field.rule === "required" && converted !== undefined) requiredSeen += 1;
    }
    walk.path.pop();
  }
  if (requiredSeen < plan.requiredCount) walk.incomplete = true;
  return copy ?? raw;
}

/** The value as the schema wants it; undefined when it counts as unset. */
function convertField(field: FieldPlan, value: unknown, walk: Walk): unknown {
  if (value === null || value === undefined) return undefined;
  if (field.rule === "map") return convertMap(field, value, walk);
  if (field.rule !== "repeated") return convertOne(field, value, walk);
  if (!Array.isArray(value)) {
    const one = convertOne(field, value, walk);
    return one === undefined ? undefined : [one];
  }
  let changed = false;
  const items: unknown[] = [];
  for (const [index, item] of value.entries()) {
    walk.path.push(index);
    const converted = item === null ? undefined : convertOne(field, item, walk);
    walk.path.pop();
    if (converted !== item) changed = true;
    if (converted !== undefined) items.push(converted);
  }
  return changed ? items : value;
}

function convertMap(field: FieldPlan, value: unknown, walk: Walk): JsonObject {
  if (!isJsonObject(value)) return unexpected(field, value, walk);
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    walk.path.push(key);
    const converted = convertOne(field, item, walk);
    walk.path.pop();
    return [key, converted];
  });
  return Object.fromEntries(entries);
}

function convertOne(field: FieldPlan, value: unknown, walk: Walk): unknown {
  switch (field.kind) {
    case "message":
      return isJsonObject(value)
        ? convertMessage(field.message(), value, walk)
        : unexpected(field, value, walk);
    case "string":
      return typeof value === "string" ? value : unexpected(field, value, walk);
    case "bytes":
      return typeof value === "string"
        ? convertBytes(field, value, walk)
        : unexpected(field, value, walk);
    case "bool":
      return convertBool(field, value, walk);
    case "enum":
      return convertEnum(field, value, walk);
    default:
      return convertNumber(field, value, walk);
  }
}

function convertBytes(field: FieldPlan, value: string, walk: Walk): string {
  const normal = normalizeBase64(value);
  if (normal.ok) return normal.value;
  const why = normal.problems[0]?.rule ?? "";
  return misfit(walk, `Failed to base64 decode bytes field '${field.name}': ${why}`);
}

function convertBool(field: FieldPlan, value: unknown, walk: Walk): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true") return true;
  if (value === "false") return false;
  if (typeof value !== "string") return unexpected(field, value, walk);
  return misfit(walk, `Failed to parse '${shortened(value)}' for field '${field.name}'`);
}

/** A name that is not known counts as unset (a newer Mesos may have it), except where the field is required. */
function convertEnum(field: FieldPlan, value: unknown, walk: Walk): string | undefined {
  if (typeof value !== "string") return unexpected(field, value, walk);
  if (field.names.has(value)) return value;
  if (field.rule !== "required") return undefined;
  return misfit(walk, `Failed to find enum for '${shortened(value)}'`);
}

const decimal = /^\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/;

function convertNumber(field: FieldPlan, value: unknown, walk: Walk): number {
  let number = value;
  if (typeof value === "string") {
    const infinite = value === "Infinity" || value === "-Infinity";
    if (!decimal.test(value) && !(infinite && field.kind === "double")) {
      return misfit(walk, `Failed to parse '${shortened(value)}' for field '${field.name}'`);
    }
    number = Number(value);
  }
  if (typeof number !== "number") return unexpected(field, value, walk);
  if (Number.isNaN(number)) {
    return misfit(walk, `The number for field '${field.name}' is not a number`);
  }
  if (field.kind === "double") return number;
  const whole = Math.trunc(number);
  if (whole >= field.minimum && whole <= field.maximum) return whole;
  return misfit(walk, `The number for field '${field.name}' is out of range`);
}

/** True when a JSON value has at most `depthMax` levels; without recursion, since the value is hostile. */
function isShallow(value: unknown, depthMax: number): boolean {
  if (!isJsonObjectOrArray(value)) return true;
  let level: readonly object[] = [value];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > depthMax) return false;
    level = level.flatMap((item) => Object.values(item).filter(isJsonObjectOrArray));
  }
  return true;
}

function unexpected(field: FieldPlan, value: unknown, walk: Walk): never {
  const what = Array.isArray(value) ? "array" : typeof value;
  return misfit(walk, `Not expecting a JSON ${what} for field '${field.name}'`);
}

function misfit(walk: Walk, rule: string): never {
  let path = "";
  for (const part of walk.path) {
    if (typeof part === "number") path += `[${part}]`;
    else path += path === "" ? part : `.${part}`;
  }
  throw new Misfit(path, rule);
}

/** A piece of hostile text that fits into a message for people. */
function shortened(text: string): string {
  return text.length <= 80 ? text : `${excerpt(text, 0)}…`;
}

/** 80 characters as a string of their own: a slice would keep the whole text in memory. */
export const excerpt = (text: string, start: number): string =>
  [...text.slice(start, start + 80)].join("");
