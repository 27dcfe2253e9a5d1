/**
 * Owns the routes of /v2 about failovers: the records, and a failover on request.
 * Not: the shapes (failover-schema.ts), nor any decision (port.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError, parseFailover, unreachable } from "@mr-redis/core";
import * as schema from "./failover-schema.js";
import { failoverJson } from "./instance-json.js";
import type { ControlPort } from "./port.js";
import { invalidRequest } from "./problem.js";
import { NameSchema, NoQuerySchema } from "./schema.js";
import { bodyOf, found, notFound, type TypedApp } from "./v2-parts.js";

/** Registers the routes. */
export function registerFailovers(app: TypedApp, port: ControlPort): void {
  app.get(
    "/v2/instances/:name/failovers",
    {
      schema: {
        summary: "The last failovers of an instance",
        params: NameSchema,
        querystring: NoQuerySchema,
        response: { 200: schema.FailoverListSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { document } = found(name, port.view(name));
      return { failovers: document.failovers.map(failoverJson) };
    },
  );
  app.post(
    "/v2/instances/:name/failover",
    {
      schema: {
        summary: "Make another process the master; the record of the new epoch shows the end",
        params: NameSchema,
        querystring: NoQuerySchema,
        body: schema.FailoverRequestSchema,
        response: { 202: schema.FailoverAcceptedSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const body: unknown = request.body;
      const isEmpty = body === undefined || body === null || body === "";
      const wish = parseFailover(name, isEmpty ? null : bodyOf(body));
      if (!wish.ok) throw invalidRequest(wish.problems);
      const outcome = await port.failover({ name, ...wish.value });
      switch (outcome.type) {
        case "accepted":
          return reply.code(202).send({ epoch: outcome.epoch });
        case "not-found":
          throw notFound(name);
        case "refused":
          throw new MrrError("failover-refused", outcome.text, {
            details: { reason: outcome.code },
          });
        case "failed":
          throw outcome.error;
        default:
          return unreachable(outcome);
      }
    },
  );
}
