/**
 * Owns the route of `/metrics`, and what the API server asks of those who count. Every scheduler answers it about itself.
 * Not: what is counted (metrics/). Called by server.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { Type } from "typebox";
import { NoQuerySchema } from "./schema.js";
import type { TypedApp } from "./v2-parts.js";

/** What the server tells, and asks for its answer; metrics/ implements it. */
export interface ApiMetrics {
  /** A request was answered; `route` as it is registered, undefined where none takes it. */
  answered(request: {
    readonly method: string;
    readonly route: string | undefined;
    readonly status: number;
    readonly durationMs: number;
  }): void;
  /** A request ended with this error. */
  failed(error: unknown): void;
  /** The exposition. */
  text(connections: {
    readonly count: number;
    readonly busyCount: number;
    readonly evictedCount: number;
  }): Promise<string>;
}

/** Nothing is counted. */
export const noMetrics: ApiMetrics = {
  answered: () => {},
  failed: () => {},
  text: async () => "",
};

/** What Prometheus asks for and understands. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Registers `GET /metrics`. */
export function registerMetrics(
  app: TypedApp,
  metrics: ApiMetrics,
  connections: Parameters<ApiMetrics["text"]>[0],
): void {
  app.get(
    "/metrics",
    {
      schema: {
        summary: "Metrics of this scheduler, and where it leads of the cluster, for Prometheus",
        querystring: NoQuerySchema,
        response: {
          200: Type.String({
            contentMediaType: "text/plain",
            description: "text format 0.0.4; docs/reference/metrics.md",
          }),
        },
      },
    },
    async (request, reply) => {
      reply.type(metricsContentType).header("cache-control", "no-store");
      return reply.send(request.method === "HEAD" ? "" : await metrics.text(connections));
    },
  );
}
