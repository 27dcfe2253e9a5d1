/**
 * Owns the search for required fields that are not set, with their paths, in a message of either encoding.
 * Not: the decoding. Called by both decoders when one of them has seen that something is missing.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { WireProblem } from "./codec.js";
import type { MessagePlan } from "./message-plan.js";

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Most missing fields that are listed; more help nobody and would make the answer as long as the question. */
export const missingPathsMax = 64;

/** A problem for each unset required field, at most {@link missingPathsMax}; none for a whole message. */
export function missingFields(plan: MessagePlan, message: JsonObject): readonly WireProblem[] {
  const paths: string[] = [];
  findMissing(plan, message, "", paths);
  return paths.map((path) => ({ kind: "missing", path, rule: "is a missing required field" }));
}

/** Collects the unset required fields below `message`: its own first, then those of its parts, as protobuf lists them. */
function findMissing(
  plan: MessagePlan,
  message: JsonObject,
  prefix: string,
  paths: string[],
): void {
  for (const field of plan.fields) {
    if (paths.length >= missingPathsMax) return;
    if (field.rule === "required" && message[field.name] === undefined) {
      paths.push(prefix + field.name);
    }
  }
  for (const field of plan.fields) {
    const value = message[field.name];
    if (field.kind !== "message" || !isJsonObjectOrArray(value)) continue;
    const inner = field.message();
    const parts = field.rule === "map" ? Object.values(value) : value;
    if (!Array.isArray(parts)) {
      findMissing(inner, parts, `${prefix}${field.name}.`, paths);
      continue;
    }
    const suffix = field.rule === "map" ? ".value." : ".";
    for (const [index, part] of parts.entries()) {
      if (paths.length >= missingPathsMax) return;
      if (isJsonObject(part)) {
        findMissing(inner, part, `${prefix}${field.name}[${index}]${suffix}`, paths);
      }
    }
  }
}

/** True for an object that is no list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for an object or a list. */
export function isJsonObjectOrArray(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null;
}
