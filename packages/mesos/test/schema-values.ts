/**
 * Owns random messages that fit the schema, with all kinds of fields set and unset. Called by tests of the codecs.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { type FieldPlan, messagePlan } from "../src/wire/message-plan.js";
import type { MessageType } from "../src/wire/message-types.js";
import type { MessageName } from "../src/wire/schema.js";

/** Deepest level with optional messages; below it only required ones are set. */
const depthMax = 5;

function scalar(field: FieldPlan): fc.Arbitrary<unknown> {
  const safe = { min: Math.max(field.minimum, Number.MIN_SAFE_INTEGER) };
  const range = { ...safe, max: Math.min(field.maximum, Number.MAX_SAFE_INTEGER) };
  switch (field.kind) {
    case "string":
      return fc.string({ unit: "grapheme", maxLength: 60 });
    case "bytes":
      return fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
    case "bool":
      return fc.boolean();
    case "enum":
      return fc.constantFrom(...field.names.keys());
    case "double":
      return (
        fc
          .oneof(fc.double({ noNaN: true }), fc.constantFrom(0, 0.1, 5, Infinity))
          // JSON has no -0.
          .map((number) => number + 0)
      );
    default:
      return fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -1, max: 70_000 })).map((number) => {
        return Math.min(Math.max(number, range.min), range.max);
      });
  }
}

function fieldValue(field: FieldPlan, depth: number): fc.Arbitrary<unknown> {
  const one =
    field.kind === "message"
      ? messageOf(field.message().name as MessageName, depth + 1)
      : scalar(field);
  // A list or map without entries is not on the wire, so it is left unset here.
  if (field.rule === "repeated") return fc.array(one, { minLength: 1, maxLength: 3 });
  if (field.rule !== "map") return one;
  return fc
    .dictionary(fc.string({ maxLength: 8 }), one, { minKeys: 1, maxKeys: 3 })
    .map((map) => ({ ...map }));
}

function messageOf(name: MessageName, depth: number): fc.Arbitrary<object> {
  const fields = messagePlan(name).fields.filter(
    (field) => field.rule === "required" || field.kind !== "message" || depth < depthMax,
  );
  const shape = Object.fromEntries(
    fields.map((field) => {
      const value = fc.constant(null).chain(() => fieldValue(field, depth));
      const isSet = field.rule === "required";
      const unset = fc.constant(undefined);
      return [
        field.name,
        isSet ? value : fc.oneof({ weight: 2, arbitrary: unset }, { weight: 1, arbitrary: value }),
      ];
    }),
  );
  return fc.record(shape).map((record) => {
    return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
  });
}

/** A message of that name. */
export function schemaValue<Name extends MessageName>(name: Name): fc.Arbitrary<MessageType<Name>> {
  return messageOf(name, 1) as fc.Arbitrary<object> as fc.Arbitrary<MessageType<Name>>;
}
