/**
 * Owns the OpenAPI document: made from the schemas of the routes, their roles and their errors, so it cannot differ from them.
 * Not: the schemas (schema.ts), roles (roles.ts) and errors (route-errors.ts). Called by the API at start; served at /v2/openapi.json.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type ErrorCode, errorTable } from "@mr-redis/core";
import type { RouteOptions } from "fastify";
import { type RouteRole, roleOf } from "./roles.js";
import { errorsOf } from "./route-errors.js";
import { ProblemSchema } from "./schema.js";
import { ownPaths } from "./stance.js";

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
      if (method === "HEAD") continue;
      const role = roleOf(method, route.url);
      const errors = errorsOf(`${method} ${route.url}`, role) ?? [];
      const isOwn = ownPaths.has(route.url);
      path[method.toLowerCase()] = operation(schema, components, { role, errors, isOwn });
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "mr-redis", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      schemas: components,
      responses: refusals,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "A token of `HTTPTokenFile`; a scheduler without that file asks nobody. The role that an operation needs is named with it; operate may all that read may, admin everything.",
        },
      },
    },
  };
}

const problemContent = {
  "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
};

const header = (description: string): Json => ({ description, schema: { type: "string" } });

/** Answers that are the same everywhere. */
const refusals = {
  Unauthenticated: {
    description: "unauthenticated: no token, or one that is not known",
    headers: { "WWW-Authenticate": header("Bearer") },
    content: problemContent,
  },
  Forbidden: {
    description: "forbidden: the token has a smaller role",
    headers: { "WWW-Authenticate": header("Bearer, with the scope that is needed") },
    content: problemContent,
  },
  RateLimited: {
    description: "rate-limited: too many requests",
    headers: { "Retry-After": header("seconds") },
    content: problemContent,
  },
} as const;

/** Errors whose answer is the same everywhere. */
const refusalOf: Partial<Record<ErrorCode, keyof typeof refusals>> = {
  unauthenticated: "Unauthenticated",
  forbidden: "Forbidden",
  "rate-limited": "RateLimited",
};

interface Access {
  readonly role: RouteRole;
  readonly errors: readonly ErrorCode[];
  /** True: answered by every scheduler about itself. */
  readonly isOwn: boolean;
}

/** The answers to errors, by status. What has no status of its own, as a wrong Host, is the `default`. */
function errorResponses(errors: readonly ErrorCode[]): Json {
  const responses: Json = {};
  const codes = new Map<string, ErrorCode[]>();
  for (const code of errors) {
    const refusal = refusalOf[code];
    const status = String(errorTable[code].httpStatus);
    if (refusal !== undefined) responses[status] = { $ref: `#/components/responses/${refusal}` };
    else if (code !== "unsupported-request")
      codes.set(status, [...(codes.get(status) ?? []), code]);
  }
  for (const [status, of] of codes) {
    responses[status] = { description: of.join(", "), content: problemContent };
  }
  return responses;
}

function operation(schema: RouteSchema, components: Json, { role, errors, isOwn }: Access): Json {
  const content = (type: string, body: Json): Json => ({
    [type]: { schema: refer(body, components) },
  });
  const responses = errorResponses(errors);
  if (!isOwn) {
    responses["307"] = {
      description: "another scheduler leads: the same request there",
      headers: { Location: header("a URL of the leader") },
    };
  }
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
    security: role === "open" ? [] : [{ bearer: [role] }],
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
