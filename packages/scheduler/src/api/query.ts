/**
 * Owns the check of query strings and path parameters on /v2 against their schemas, in words that say what is allowed.
 * Not: bodies (core, request/). Called by Fastify through `setValidatorCompiler`.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Problem } from "@mr-redis/core";
import type { FastifySchemaCompiler } from "fastify";
import type { TObject, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Value } from "typebox/value";
import { invalidRequest } from "./problem.js";

/** Turns texts into the schema's types and refuses what does not fit, every problem at once. Bodies pass untouched. */
export const compileQueryCheck: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  if (httpPart === "body") return (value: unknown) => ({ value });
  const check = Compile(schema);
  return (value: unknown) => {
    const converted = Value.Convert(schema, structuredClone(value));
    if (check.Check(converted)) return { value: converted };
    return { error: invalidRequest(problemsOf(schema as TObject, converted)) };
  };
};

function problemsOf(schema: TObject, value: unknown): Problem[] {
  const known = schema.properties as Record<string, TSchema>;
  const problems: Problem[] = [];
  for (const [name, part] of Object.entries(value as Record<string, unknown>)) {
    const rule = Object.hasOwn(known, name) ? known[name] : undefined;
    if (rule === undefined) {
      const names = Object.keys(known).join(", ");
      problems.push({
        path: name,
        rule:
          names === ""
            ? "is unknown; this path takes no parameters"
            : `is unknown; known are ${names}`,
      });
    } else if (!Value.Check(rule, part)) {
      problems.push({ path: name, rule: ruleOf(rule) });
    }
  }
  return problems;
}

/** What a schema allows, for people. Only the kinds that schema.ts uses in queries. */
function ruleOf(schema: TSchema): string {
  const {
    enum: words,
    minimum,
    maximum,
    maxLength,
  } = schema as {
    enum?: string[];
    minimum?: number;
    maximum?: number;
    maxLength?: number;
  };
  if (words !== undefined) return `must be one of ${words.join(", ")}`;
  if (minimum !== undefined) return `must be a whole number from ${minimum} to ${maximum}`;
  return `must be one text of at most ${maxLength} characters`;
}
