/**
 * Owns the one table of routes and the roles that they need. A route that is not in it cannot be registered.
 * Not: who has which role (tokens.ts), nor asking for it (guard.ts). Called by the server for every route.
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert, type Role } from "@mr-redis/core";

/** What a route needs; `open`: nothing, so that balancers and agents can ask whether this scheduler lives. */
export type RouteRole = Role | "open";

/** By method and path as they are registered; HEAD is as GET. */
export const routeRoles: Readonly<Record<string, RouteRole>> = {
  "GET /healthz": "open",
  "GET /readyz": "open",
  "GET /metrics": "read",

  "GET /v1/STATUS": "read",
  "GET /v1/STATUS/:name": "read",
  "POST /v1/CREATE/:name/:memory/:masters/:slaves": "operate",
  "DELETE /v1/DELETE/:name": "operate",
  "PUT /v1/UPDATE/:name/Memory/:memory": "operate",
  "PUT /v1/UPDATE/:name/SLAVES/:slaves": "operate",

  "GET /v2/openapi.json": "read",
  "GET /v2/version": "read",
  "GET /v2/agents": "read",
  "GET /v2/events": "read",
  "GET /v2/endpoints": "read",
  "GET /v2/upgrade": "read",
  "POST /v2/upgrade": "operate",
  "GET /v2/instances": "read",
  "POST /v2/instances": "operate",
  "GET /v2/instances/:name": "read",
  "DELETE /v2/instances/:name": "operate",
  "GET /v2/instances/:name/processes": "read",
  "GET /v2/instances/:name/failovers": "read",
  "POST /v2/instances/:name/failover": "operate",
  "POST /v2/instances/:name/rotate-secret": "operate",
  // How to connect, with what is secret of it where there is something.
  "GET /v2/instances/:name/connection": "operate",
};

/** Of what no route takes: to nobody is told what there is. */
const roleOfNothing: RouteRole = "read";

/** Throws for a route that has no role: nothing is served of which nobody has decided who may use it. */
export function assertRole(method: string | readonly string[], url: string): void {
  for (const each of [method].flat()) {
    const key = `${each === "HEAD" ? "GET" : each} ${url}`;
    assert(routeRoles[key] !== undefined, `${key} needs a role in api/roles.ts`);
  }
}

/** The role for a request; `url` of the route that takes it, undefined for none. */
export function roleOf(method: string, url: string | undefined): RouteRole {
  if (url === undefined) return roleOfNothing;
  return routeRoles[`${method === "HEAD" ? "GET" : method} ${url}`] ?? roleOfNothing;
}
