/**
 * Owns protobufjs' own reflection (Root and Type) over our schema: another implementation that the codec is compared with.
 * Called by tests of the protobuf codec.
 * SPDX-License-Identifier: Apache-2.0
 */
import protobuf from "protobufjs/light.js";
import {
  enumSchemas,
  type FieldSchema,
  type MessageName,
  messageSchemas,
} from "../src/wire/schema.js";

const flat = (name: string): string => name.replaceAll(".", "_");
const isScalar = (type: string): boolean => Object.hasOwn(protobuf.types.basic, type);

function buildRoot(): protobuf.Root {
  const root = protobuf.Root.fromJSON({ edition: "proto2", nested: {} } as protobuf.INamespace);
  for (const [name, values] of Object.entries(enumSchemas)) {
    root.add(new protobuf.Enum(flat(name), { ...values }));
  }
  for (const [name, fields] of Object.entries(messageSchemas)) {
    const type = new protobuf.Type(flat(name));
    for (const [field, schema] of Object.entries<FieldSchema>(fields)) {
      const inner = isScalar(schema.type) ? schema.type : flat(schema.type);
      const rule = schema.rule === "repeated" ? "repeated" : "optional";
      type.add(
        schema.rule === "map"
          ? new protobuf.MapField(field, schema.number, "string", inner)
          : new protobuf.Field(field, schema.number, inner, rule),
      );
    }
    root.add(type);
  }
  root.resolveAll();
  return root;
}

let root: protobuf.Root | null = null;

function typeOf(name: MessageName): protobuf.Type {
  root ??= buildRoot();
  return root.lookupType(flat(name));
}

/** The bytes of a value of our form, as protobufjs writes them. */
export function reflectedBytes(name: MessageName, value: object): Uint8Array {
  const type = typeOf(name);
  return new Uint8Array(type.encode(type.fromObject(value)).finish());
}

/** The value in the bytes in our form (enums by name, bytes as base64, 64 bits as numbers), as protobufjs reads them. */
export function reflectedValue(name: MessageName, bytes: Uint8Array): object {
  const type = typeOf(name);
  const options = { enums: String, bytes: String, longs: Number } as const;
  return type.toObject(type.decode(bytes), options);
}
