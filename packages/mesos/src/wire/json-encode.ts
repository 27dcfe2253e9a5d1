/**
 * Owns the writing of Mesos' JSON mapping: a message to a value for JSON.stringify, fields in the order of declaration.
 * Not: bytes (json-codec.ts), nor the check of the value. Called by json-codec.ts.
 * SPDX-License-Identifier: Apache-2.0
 */

import type { FieldPlan, MessagePlan } from "./message-plan.js";
import { isJsonObject, type JsonObject } from "./missing-fields.js";

/**
 * The message as a JSON value. With `defaults`, unset fields with a proto2 default are written as a real master does
 * (`failover_timeout`, `checkpoint`, `shell`, `extract`, `refuse_seconds`, `port`; not deprecated ones like `role`).
 * Fields that the schema does not know follow at the end.
 */
export function encodeJsonMessage(
  plan: MessagePlan,
  message: JsonObject,
  defaults: boolean,
): JsonObject {
  const json: Record<string, unknown> = {};
  let known = 0;
  for (const field of plan.fields) {
    const value = message[field.name];
    if (value !== undefined) known += 1;
    if (value !== undefined && value !== null) {
      json[field.name] = encodeField(field, value, defaults);
    } else if (defaults && field.defaultWritten !== undefined) {
      json[field.name] = field.defaultWritten;
    }
  }
  const names = Object.keys(message);
  return names.length === known ? json : withUnknown(plan, message, json);
}

/** Built from entries, since a name may be __proto__. */
function withUnknown(plan: MessagePlan, message: JsonObject, json: JsonObject): JsonObject {
  const unknown = Object.entries(message).filter(
    ([name, value]) => !plan.byName.has(name) && value !== undefined,
  );
  return Object.fromEntries([...Object.entries(json), ...unknown]);
}

function encodeField(field: FieldPlan, value: unknown, defaults: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => encodeOne(field, item, defaults));
  if (field.rule !== "map" || !isJsonObject(value)) return encodeOne(field, value, defaults);
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    encodeOne(field, item, defaults),
  ]);
  return Object.fromEntries(entries);
}

function encodeOne(field: FieldPlan, value: unknown, defaults: boolean): unknown {
  if (field.kind === "message" && isJsonObject(value)) {
    return encodeJsonMessage(field.message(), value, defaults);
  }
  // JSON has no infinity; Mesos reads and writes it as a string (`limits` of a task).
  if (value === Infinity) return "Infinity";
  if (value === -Infinity) return "-Infinity";
  return value;
}
