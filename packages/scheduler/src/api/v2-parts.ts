/**
 * Owns what the routes of /v2 have in common: the type of the app, the reading of a body, the refusal of a name.
 * Not: any route (v2.ts, v2-failovers.ts, v2-upgrade.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { type InstanceView, MrrError, type Parsed, refused } from "@mr-redis/core";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { invalidRequest } from "./problem.js";

/** A Fastify instance whose handlers are typed by their schemas. */
export type TypedApp = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Nobody has this name. */
export const notFound = (name: string): MrrError =>
  new MrrError("instance-not-found", `Instance ${name} does not exist.`);

/** The view, or a refusal. */
export function found(name: string, view: InstanceView | null): InstanceView {
  if (view === null) throw notFound(name);
  return view;
}

/** The body as JSON, whatever its content type says: curl calls everything a form unless it is told otherwise. */
export function bodyOf(body: unknown): unknown {
  const parse = (): Parsed<unknown> => {
    if (typeof body !== "string" || body === "") return refused("body", "must be a JSON object");
    try {
      return { ok: true, value: JSON.parse(body) };
    } catch {
      return refused("body", "must be a JSON object; this is no JSON");
    }
  };
  const json = parse();
  if (!json.ok) throw invalidRequest(json.problems);
  return json.value;
}
