/**
 * Owns the OpenAPI document: made from the schemas of the routes, so it cannot differ from them.
 * Not: the schemas (schema.ts). Called by the API at start; served at /v2/openapi.json.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { RouteOptions } from "fastify";
import { ProblemSchema } from "./schema.js";

type Json = { [key: string]: unknown };

interface RouteSchema {
  readonly summary?: string;
  readonly params?: Json;
  readonly querystring?: Json;
  readonly body?: Json;
  readonly response?: Readonly<Record<string, Json>>;
}

/** One route as Fastify announces it. */
export type AnnouncedRoute = Pick<RouteOptions, "method" | "url" | "schema">;

/** The document for those of `routes` that have a summary. Schemas with a title become components. */
export function openapiDocument(routes: readonly AnnouncedRoute[], version: string): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const schema = route.schema as RouteSchema | undefined;
    if (schema?.summary === undefined) continue;
    const url = route.url.replaceAll(/:(\w+)/g, "{$1}");
    const path = paths[url] ?? {};
    paths[url] = path;
    for (const method of [route.method].flat()) {
      if (method !== "HEAD") path[method.toLowerCase()] = operation(schema, components);
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "mr-redis", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: { schemas: components },
  };
}

function operation(schema: RouteSchema, components: Json): Json {
  const content = (type: string, body: Json): Json => ({
    [type]: { schema: refer(body, components) },
  });
  const responses: Json = {};
  for (const [status, body] of Object.entries(schema.response ?? {})) {
    responses[status] = {
      description: status.startsWith("2") ? "done" : "not now",
      content: content(String(body.contentMediaType ?? "application/json"), body),
    };
  }
  responses.default = {
    description: "an error; docs/reference/errors.md lists the codes",
    content: content("application/problem+json", ProblemSchema as unknown as Json),
  };
  const parameters = [
    ...parametersOf("path", schema.params),
    ...parametersOf("query", schema.querystring),
  ];
  return {
    summary: schema.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(schema.body === undefined
      ? {}
      : { requestBody: { required: true, content: content("application/json", schema.body) } }),
    responses,
  };
}

function parametersOf(place: "path" | "query", schema: Json | undefined): Json[] {
  const properties = (schema?.properties ?? {}) as Record<string, Json>;
  const required = (schema?.required ?? []) as string[];
  return Object.entries(properties).map(([name, part]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: structuredCloneJson(part),
  }));
}

/** A copy of `schema` in which every titled schema is a reference to a component. */
function refer(schema: unknown, components: Json): unknown {
  if (Array.isArray(schema)) return schema.map((part) => refer(part, components));
  if (typeof schema !== "object" || schema === null) return schema;
  const copy: Json = {};
  for (const [key, part] of Object.entries(schema)) copy[key] = refer(part, components);
  const title = copy.title;
  if (typeof title !== "string") return copy;
  components[title] = copy;
  return { $ref: `#/components/schemas/${title}` };
}

const structuredCloneJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
