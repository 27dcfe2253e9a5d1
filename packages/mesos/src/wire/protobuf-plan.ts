/**
 * Owns the schema in the form that the protobuf codec walks: fields by number, wire types, enums by number.
 * Not: the schema itself (schema.ts), nor the bytes. Called by the protobuf codec; each message is built when first met.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";
import type { FieldPlan, MessagePlan } from "./message-plan.js";

/** How a value is framed: 0 varint, 1 eight bytes, 2 a length and bytes. */
export type WireType = 0 | 1 | 2;

/** One field as protobuf sees it. */
export interface WireField {
  readonly plan: FieldPlan;
  readonly name: string;
  /** Of one value; a list of numbers may also come packed, as one value of type 2. */
  readonly wireType: WireType;
  /** Number and wire type as they are written before each value. */
  readonly tag: number;
  /** Its bit among the required fields of its message; 0 for others. */
  readonly requiredBit: number;
  readonly enumNames: ReadonlyMap<number, string>;
  /** The message of a message field, or of the values of a map. */
  readonly message: () => WirePlan;
}

/** One message as protobuf sees it. */
export interface WirePlan {
  readonly plan: MessagePlan;
  /** Indexed by field number, with holes. */
  readonly byNumber: readonly (WireField | undefined)[];
  /** In the order of their numbers, as protobuf writes them. */
  readonly ordered: readonly WireField[];
  /** The bits of all required fields. */
  readonly requiredBits: number;
}

const plans = new WeakMap<MessagePlan, WirePlan>();
const enumNames = new WeakMap<ReadonlyMap<string, number>, ReadonlyMap<number, string>>();

/** The protobuf view of a message. */
export function wirePlan(plan: MessagePlan): WirePlan {
  const known = plans.get(plan);
  if (known !== undefined) return known;
  const byNumber: (WireField | undefined)[] = [];
  assert(plan.requiredCount < 31, "the required fields of a message fit into the bits of a number");
  const required = plan.fields.filter((field) => field.rule === "required");
  const ordered = plan.fields
    .map((field) => wireField(field, required.indexOf(field)))
    .sort((a, b) => a.plan.number - b.plan.number);
  for (const field of ordered) byNumber[field.plan.number] = field;
  const built = { plan, byNumber, ordered, requiredBits: 2 ** required.length - 1 };
  plans.set(plan, built);
  return built;
}

function wireField(plan: FieldPlan, requiredIndex: number): WireField {
  const wireType = wireTypeOf(plan);
  // A map is a list of entries, each a message of its own.
  const tagType = plan.rule === "map" ? 2 : wireType;
  let message: WirePlan | null = null;
  return {
    plan,
    name: plan.name,
    wireType,
    tag: plan.number * 8 + tagType,
    requiredBit: requiredIndex === -1 ? 0 : 2 ** requiredIndex,
    enumNames: enumNamesOf(plan.names),
    message: () => {
      message ??= wirePlan(plan.message());
      return message;
    },
  };
}

function wireTypeOf(plan: FieldPlan): WireType {
  switch (plan.kind) {
    case "string":
    case "bytes":
    case "message":
      return 2;
    case "double":
      return 1;
    default:
      return 0;
  }
}

function enumNamesOf(names: ReadonlyMap<string, number>): ReadonlyMap<number, string> {
  const known = enumNames.get(names);
  if (known !== undefined) return known;
  const byNumber = new Map([...names].map(([name, number]) => [number, name]));
  enumNames.set(names, byNumber);
  return byNumber;
}
