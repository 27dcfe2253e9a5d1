/**
 * Owns the proof that docs/reference/api.md and events.md say what the code says: routes, roles, errors, parameters, fields,
 * and that the OpenAPI document is whole. Each failure says what to write where.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import type { EndpointsEvent } from "@mr-redis/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeControlPort } from "../../test/fake-control-port.js";
import { machineClock } from "../../test/machine-clock.js";
import { createLog } from "../log.js";
import { ConnectionSchema } from "./connection-schema.js";
import { EndpointsSchema } from "./endpoints-schema.js";
import { FailoverSchema } from "./failover-schema.js";
import { routeRoles } from "./roles.js";
import { routeErrors } from "./route-errors.js";
import { CreateSchema, InstanceSchema, ProcessSchema } from "./schema.js";
import { UpgradeSchema } from "./schema-upgrade.js";
import { type ApiServer, createApiServer } from "./server.js";

const pageOf = (name: string): string =>
  readFileSync(new URL(`../../../../docs/reference/${name}`, import.meta.url), "utf8");

const api = pageOf("api.md");
const events = pageOf("events.md");

/** The part of a page below a heading, up to the next one of that level. */
const below = (page: string, heading: string): string => {
  const [level = ""] = heading.split(" ", 1);
  const [, part = ""] = page.split(`\n${heading}\n`, 2);
  return part.split(new RegExp(`^${level} `, "m"), 1)[0] ?? "";
};

const namesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

interface Operation {
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

let server: ApiServer;
// biome-ignore lint/suspicious/noExplicitAny: a document of JSON, looked at by path
let document: any;
const operations = new Map<string, Operation>();

beforeAll(async () => {
  server = createApiServer({
    ...{ port: new FakeControlPort(), clock: machineClock, corsOrigins: [], version: "9.9.9" },
    names: { bind: "127.0.0.1", advertise: "" },
    log: createLog({ program: "test", level: "silent", destination: { write: () => {} } }),
  });
  document = (await server.app.inject({ method: "GET", url: "/v2/openapi.json" })).json();
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      operations.set(`${method.toUpperCase()} ${path}`, operation);
    }
  }
});
afterAll(() => server.close());

const braced = (key: string): string => key.replaceAll(/:(\w+)/g, "{$1}");

describe("docs/reference/api.md", () => {
  const rows = [...below(api, "## /v2").matchAll(/^\| `([A-Z]+ \/\S*)` \| (.*) \|$/gm)].map(
    ([, route = "", cells = ""]) => {
      const [role = "", answer = "", parameters = "", errors = ""] = cells.split(" | ");
      return { route, role, answer, parameters, errors };
    },
  );

  it("has each route with its role and its errors", () => {
    const wanted = Object.entries(routeErrors).map(
      ([key, errors]) =>
        `| \`${braced(key)}\` | ${routeRoles[key]} | answer | parameters | ${errors.map((code) => `\`${code}\``).join(", ")} |`,
    );
    const found = rows.map(
      ({ route, role, errors }) =>
        `| \`${route}\` | ${role} | answer | parameters | ${errors.trim()} |`,
    );
    const lacks = wanted.filter((row) => !found.includes(row)).join("\n");
    const outdated = found.filter((row) => !wanted.includes(row)).join("\n");
    const where = "in the table of /v2 of docs/reference/api.md";
    expect(lacks, `write such rows ${where}, with answer and parameters`).toBe("");
    expect(outdated, `remove or correct these rows ${where}`).toBe("");
    expect(rows.length).toBe(wanted.length);
  });

  it("has each query parameter, and no other", () => {
    for (const { route, parameters } of rows) {
      const wanted = (operations.get(route)?.parameters ?? [])
        .filter(({ in: place }) => place === "query")
        .map(({ name }) => name);
      const found = namesIn(parameters.replace(/\([^)]*\)|headers? `[^`]+`/g, ""));
      expect([route, found.sort()], "the column parameters").toEqual([route, wanted.sort()]);
    }
  });

  it("has each route of /v1, and no other", () => {
    const found = [...below(api, "## /v1").matchAll(/^\| `([A-Z]+ \/v1\S*(?: [A-Z]+>\S*)*)` \|/gm)];
    const shape = (route: string): string => route.replace(/<[^>]+>|:\w+/g, "*");
    const wanted = Object.keys(routeRoles).filter((key) => key.includes(" /v1/"));
    expect(found.map(([, route = ""]) => shape(route)).sort()).toEqual(wanted.map(shape).sort());
  });

  it("has the fields of a create, and no other", () => {
    const found = [...below(api, "### Create").matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, name]) => name,
    );
    expect(found.sort(), "the table of ### Create").toEqual(
      Object.keys(CreateSchema.properties).sort(),
    );
  });

  it.each([
    ["Instance", "Instance and Process", InstanceSchema],
    ["Process", "Instance and Process", ProcessSchema],
    ["Upgrade", "Instance and Process", UpgradeSchema],
    ["Connection", "Connection", ConnectionSchema],
    ["Failover", "Failover", FailoverSchema],
  ])("has every field of %s below %s", (_name, heading, { properties }) => {
    const part = below(api, `### ${heading}`);
    expect(Object.keys(properties).filter((name) => !part.includes(`"${name}"`))).toEqual([]);
  });
});

describe("docs/reference/events.md", () => {
  it("has each event, and no other", () => {
    const types: Readonly<Record<EndpointsEvent["type"], true>> = {
      ...{ reset: true, instance: true, removed: true, complete: true },
    };
    const rows = [...below(events, "## The events").matchAll(/^\| `(\w+)` \|/gm)];
    expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(types).sort());
  });

  it("has each field of Endpoints, and no other", () => {
    const rows = [...below(events, "## Endpoints").matchAll(/^\| `(\w+)` \|/gm)];
    expect(
      rows.map(([, name]) => name),
      "the table of ## Endpoints",
    ).toEqual(Object.keys(EndpointsSchema.properties));
  });
});

describe("the OpenAPI document", () => {
  it("names the role of each operation, and what refuses it", () => {
    expect(document.components.securitySchemes.bearer).toMatchObject({
      ...{ type: "http", scheme: "bearer" },
    });
    for (const [key, role] of Object.entries(routeRoles)) {
      const operation = operations.get(braced(key));
      if (operation === undefined) continue;
      const isOpen = role === "open";
      expect([key, operation.security]).toEqual([key, isOpen ? [] : [{ bearer: [role] }]]);
      const refusals = ["401", "403", "429"].map((status) => operation.responses[status]?.$ref);
      const name = (word: string): string => `#/components/responses/${word}`;
      expect([key, ...refusals]).toEqual([
        key,
        ...(isOpen ? [undefined, undefined] : [name("Unauthenticated"), name("Forbidden")]),
        name("RateLimited"),
      ]);
    }
  });

  it("is whole: references lead somewhere, paths have their parameters, answers their words", () => {
    expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "mr-redis" } });
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path);
    expect(references.length).toBeGreaterThan(50);
    for (const reference of new Set(references)) {
      let part = document;
      for (const word of reference.split("/")) part = part?.[word];
      expect([reference, part]).toEqual([reference, expect.any(Object)]);
    }
    for (const [key, { parameters = [], responses }] of operations) {
      const inPath = parameters.filter((each) => each.in === "path").map(({ name }) => name);
      const wanted = [...key.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([key, inPath]).toEqual([key, wanted]);
      const statuses = Object.keys(responses);
      expect([key, statuses.some((status) => /^2\d\d$/.test(status))]).toEqual([key, true]);
      for (const status of statuses) expect(status).toMatch(/^(?:[2-5]\d\d|default)$/);
      for (const response of Object.values(responses)) {
        const isWhole = "$ref" in response || typeof response.description === "string";
        expect([key, isWhole]).toEqual([key, true]);
      }
    }
  });
});
