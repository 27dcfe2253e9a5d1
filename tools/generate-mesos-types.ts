/**
 * Owns the writing of types.ts and message-types.ts in packages/mesos/src/wire from schema.ts, so that they agree.
 * Not: the schema itself. Called by packages/testing/test/mesos-types.test.ts, which wants no difference
 * or, with -u (`npm run generate`), writes the file.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  enumSchemas,
  type FieldSchema,
  messageSchemas,
} from "../packages/mesos/src/wire/schema.js";

const scalars: Readonly<Record<string, string>> = {
  string: "string",
  bytes: "string",
  bool: "boolean",
  int32: "number",
  int64: "number",
  uint32: "number",
  uint64: "number",
  double: "number",
};

const typeName = (name: string): string =>
  name
    .split(".")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");

function fieldLine(name: string, field: FieldSchema): string {
  const base = scalars[field.type] ?? typeName(field.type);
  if (field.rule === "repeated") return `  readonly ${name}?: readonly ${base}[];`;
  if (field.rule === "map") return `  readonly ${name}?: Readonly<Record<string, ${base}>>;`;
  return `  readonly ${name}${field.rule === "required" ? "" : "?"}: ${base};`;
}

/** The text of message-types.ts for the present schema. */
export function renderMessageTypes(): string {
  const names = Object.keys(messageSchemas);
  return [
    "/**",
    " * Owns the map from the name of a Mesos v1 message (schema.ts) to its TypeScript shape (types.ts).",
    " * Generated from schema.ts by tools/generate-mesos-types.ts: change the schema, then run `npm run generate`.",
    " * SPDX-License-Identifier: Apache-2.0",
    " */",
    'import type { MessageName } from "./schema.js";',
    'import type * as types from "./types.js";',
    "",
    "/** The shape of each message by its name. */",
    "export interface MessageTypes extends Record<MessageName, unknown> {",
    ...names.map((name) => `  "${name}": types.${typeName(name)};`),
    "}",
    "",
    "/** The shape of the message of that name. */",
    "export type MessageType<Name extends MessageName> = MessageTypes[Name];",
    "",
  ].join("\n");
}

/** The text of types.ts for the present schema. */
export function renderTypes(): string {
  const lines = [
    "/**",
    " * Owns the TypeScript shapes of the Mesos v1 messages as JSON values (snake_case; bytes are base64 strings).",
    " * Generated from schema.ts by tools/generate-mesos-types.ts: change the schema, then run `npm run generate`.",
    " * SPDX-License-Identifier: Apache-2.0",
    " */",
    "",
  ];
  for (const [name, values] of Object.entries(enumSchemas)) {
    const union = Object.keys(values).map((value) => `"${value}"`);
    lines.push(`/** Mesos v1 enum \`${name}\`. */`);
    lines.push(`export type ${typeName(name)} = ${union.join(" | ")};`, "");
  }
  for (const [name, fields] of Object.entries(messageSchemas)) {
    lines.push(`/** Mesos v1 message \`${name}\`. */`);
    const body = Object.entries(fields).map(([field, schema]) => fieldLine(field, schema));
    if (body.length === 0)
      lines.push(`export type ${typeName(name)} = Readonly<Record<string, never>>;`, "");
    else lines.push(`export interface ${typeName(name)} {`, ...body, "}", "");
  }
  return lines.join("\n");
}
