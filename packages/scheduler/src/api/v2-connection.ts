/**
 * Owns the route that tells clients how to get to an instance. Not: what is told (connection-json.ts), nor its shape
 * (connection-schema.ts). Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError } from "@mr-redis/core";
import { connectionJson } from "./connection-json.js";
import { ConnectionSchema } from "./connection-schema.js";
import type { ControlPort } from "./port.js";
import { NameSchema, NoQuerySchema } from "./schema.js";
import { notFound, type TypedApp } from "./v2-parts.js";

/** Registers `GET /v2/instances/{name}/connection`. `proxyHost`: where clients reach the proxies. */
export function registerConnection(app: TypedApp, port: ControlPort, proxyHost: string): void {
  app.get(
    "/v2/instances/:name/connection",
    {
      schema: {
        summary: "How clients get to an instance: an address that follows its master",
        params: NameSchema,
        querystring: NoQuerySchema,
        response: { 200: ConnectionSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const connection = port.connection(name);
      if (connection === null) throw notFound(name);
      const { endpoints } = connection;
      if (endpoints === null)
        throw new MrrError("instance-deleted", `Instance ${name} is deleted.`);
      return connectionJson({ ...connection, endpoints }, proxyHost);
    },
  );
}
