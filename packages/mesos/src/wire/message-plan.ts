/**
 * Owns the schema in the form that codecs walk: fields by name, what each holds, limits of integers.
 * Not: the schema itself (schema.ts), nor an encoding. Called by the codecs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import { enumSchemas, type FieldSchema, type MessageName, messageSchemas } from "./schema.js";

/** What one value of a field holds. */
export type FieldKind = "string" | "bytes" | "bool" | "integer" | "double" | "enum" | "message";

/** One field, ready to walk. */
export interface FieldPlan {
  readonly name: string;
  readonly number: number;
  readonly kind: FieldKind;
  /** The type as the schema names it. */
  readonly type: string;
  readonly rule: "optional" | "required" | "repeated" | "map";
  /** The proto2 default that Mesos writes in JSON for an unset field; undefined when there is none to write. */
  readonly defaultWritten: string | number | boolean | undefined;
  /** Limits of an integer; 64-bit ones are not checked beyond their sign, they lose digits in JSON anyway. */
  readonly minimum: number;
  readonly maximum: number;
  /** Names of an enum with their numbers; empty for other kinds. */
  readonly names: ReadonlyMap<string, number>;
  /** The message of a message field, or of the values of a map. */
  readonly message: () => MessagePlan;
}

/** One message, ready to walk. Fields in the order of declaration. */
export interface MessagePlan {
  readonly name: string;
  readonly fields: readonly FieldPlan[];
  readonly byName: ReadonlyMap<string, FieldPlan>;
  readonly requiredCount: number;
}

const scalarKinds: Readonly<Record<string, FieldKind>> = {
  string: "string",
  bytes: "bytes",
  bool: "bool",
  int32: "integer",
  int64: "integer",
  uint32: "integer",
  uint64: "integer",
  double: "double",
};

const integerLimits: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
};

const messages: Readonly<Record<string, Readonly<Record<string, FieldSchema>>>> = messageSchemas;
const enums: Readonly<Record<string, Readonly<Record<string, number>>>> = enumSchemas;
const plans = new Map<string, MessagePlan>();
const enumNames = new Map<string, ReadonlyMap<string, number>>();

/** The plan of a message. */
export function messagePlan(name: MessageName): MessagePlan {
  return planOf(name);
}

function planOf(name: string): MessagePlan {
  const known = plans.get(name);
  if (known !== undefined) return known;
  const schema = messages[name];
  assert(schema !== undefined, `the schema names a message that it does not have: ${name}`);
  const fields = Object.entries(schema).map(([field, entry]) => fieldPlan(field, entry));
  const plan: MessagePlan = {
    name,
    fields,
    byName: new Map(fields.map((field) => [field.name, field])),
    requiredCount: fields.filter((field) => field.rule === "required").length,
  };
  plans.set(name, plan);
  return plan;
}

function fieldPlan(name: string, schema: FieldSchema): FieldPlan {
  const names = namesOf(schema.type);
  const [minimum, maximum] = integerLimits[schema.type] ?? [0, 0];
  return {
    name,
    number: schema.number,
    kind: scalarKinds[schema.type] ?? (names.size === 0 ? "message" : "enum"),
    type: schema.type,
    rule: schema.rule ?? "optional",
    defaultWritten: schema.deprecated === true ? undefined : schema.default,
    minimum,
    maximum,
    names,
    message: () => planOf(schema.type),
  };
}

function namesOf(type: string): ReadonlyMap<string, number> {
  const known = enumNames.get(type);
  if (known !== undefined) return known;
  const names = new Map(Object.entries(enums[type] ?? {}));
  enumNames.set(type, names);
  return names;
}
