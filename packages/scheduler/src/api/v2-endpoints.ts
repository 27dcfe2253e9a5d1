/**
 * Owns the route that tells page by page where instances are. Not: the stream of changes (v2-events.ts), nor the shapes
 * (endpoints-schema.ts). Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import * as schema from "./endpoints-schema.js";
import { pageLimitDefault } from "./limits.js";
import type { ControlPort } from "./port.js";
import type { TypedApp } from "./v2-parts.js";

/** Registers `GET /v2/endpoints`. */
export function registerEndpoints(app: TypedApp, port: ControlPort): void {
  app.get(
    "/v2/endpoints",
    {
      schema: {
        summary: "Where the instances are, in the order of their names",
        querystring: schema.EndpointsQuerySchema,
        response: { 200: schema.EndpointsListSchema },
      },
    },
    async (request) => {
      const { after, limit } = request.query;
      const page = port.endpoints({ after: after ?? null, limit: limit ?? pageLimitDefault });
      const stance = port.stance();
      return {
        instances: page.instances.map((each) => ({ ...each, replicas: [...each.replicas] })),
        next: page.next,
        lastEventId: page.lastEventId,
        stateAgeMs: "stateAgeMs" in stance ? stance.stateAgeMs : 0,
      };
    },
  );
}
