/**
 * Owns the one table of routes and the errors that their callers have to expect: the OpenAPI document and the page
 * docs/reference/api.md have them from here, and tests provoke them.
 * Not: the errors (core, error.ts), nor the texts of /v1 (v1.ts). Called by openapi.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ErrorCode } from "@mr-redis/core";
import type { RouteRole } from "./roles.js";
import { ownPaths } from "./stance.js";

/** By method and path as they are registered, as in roles.ts: what is the route's own. Of /v1 none: its errors are texts. */
export const routeErrors: Readonly<Record<string, readonly ErrorCode[]>> = {
  "GET /healthz": [],
  "GET /readyz": [],
  "GET /metrics": ["invalid-request"],

  "GET /v2/openapi.json": [],
  "GET /v2/version": ["invalid-request"],
  "GET /v2/agents": ["invalid-request"],
  "GET /v2/events": ["invalid-request", "overloaded"],
  "GET /v2/endpoints": ["invalid-request"],
  "GET /v2/upgrade": ["invalid-request"],
  "POST /v2/upgrade": ["invalid-request", "body-too-large", "store-unavailable"],
  "GET /v2/instances": ["invalid-request"],
  "POST /v2/instances": [
    ...(["invalid-request", "body-too-large", "instance-exists", "instance-deleted"] as const),
    ...(["secret-key-missing", "store-unavailable"] as const),
  ],
  "GET /v2/instances/:name": ["invalid-request", "instance-not-found", "overloaded"],
  "DELETE /v2/instances/:name": [
    ...(["invalid-request", "body-too-large", "instance-not-found", "instance-deleted"] as const),
    "store-unavailable",
  ],
  "GET /v2/instances/:name/processes": ["invalid-request", "instance-not-found"],
  "GET /v2/instances/:name/failovers": ["invalid-request", "instance-not-found"],
  "POST /v2/instances/:name/failover": [
    ...(["invalid-request", "body-too-large", "instance-not-found", "failover-refused"] as const),
    "store-unavailable",
  ],
  "POST /v2/instances/:name/rotate-secret": [
    ...(["invalid-request", "body-too-large", "instance-not-found", "rotation-refused"] as const),
    "store-unavailable",
  ],
  "GET /v2/instances/:name/connection": [
    ...(["invalid-request", "instance-not-found", "instance-deleted"] as const),
  ],
};

/** What any route may answer besides: a wrong Host, a page of another origin, too many requests, a defect. */
export const commonErrors = ["unsupported-request", "rate-limited", "internal"] as const;

/** Every error of a route, its own ones first; undefined for one that is not in the table. */
export function errorsOf(key: string, role: RouteRole): readonly ErrorCode[] | undefined {
  const own = routeErrors[key];
  if (own === undefined) return undefined;
  const path = key.split(" ", 2)[1] ?? "";
  return [
    ...own,
    ...(role === "open" ? [] : (["unauthenticated", "forbidden"] as const)),
    ...(ownPaths.has(path) ? [] : (["not-ready"] as const)),
    ...commonErrors,
  ];
}
