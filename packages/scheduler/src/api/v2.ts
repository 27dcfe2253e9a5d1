/**
 * Owns the routes of /v2 and of health and readiness.
 * Not: the shapes (schema.ts), waiting (waiters.ts), nor any decision (port.ts).
 * SPDX-License-Identifier: Apache-2.0
 */

import type { IncomingMessage } from "node:http";
import { type InstanceView, MrrError, parseCreate, unreachable } from "@mr-redis/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type IdempotencyKeys, isKey, keyCharsMax } from "./idempotency.js";
import { agentListJson, instanceJson, processJson } from "./instance-json.js";
import { pageLimitDefault } from "./limits.js";
import type { ControlPort, CreateOutcome, CreateRequest, Stance } from "./port.js";
import { invalidRequest } from "./problem.js";
import * as schema from "./schema.js";
import { registerConnection } from "./v2-connection.js";
import { registerEndpoints } from "./v2-endpoints.js";
import { registerEvents } from "./v2-events.js";
import { registerFailovers } from "./v2-failovers.js";
import { bodyOf, found, notFound, type TypedApp } from "./v2-parts.js";
import { registerRotation } from "./v2-rotation.js";
import { registerUpgrade } from "./v2-upgrade.js";
import type { Wait, Waiters } from "./waiters.js";

/** What /v2 needs. */
export interface V2Options {
  readonly port: ControlPort;
  readonly waiters: Waiters;
  readonly keys: IdempotencyKeys;
  readonly version: string;
  /** Where clients reach the proxies. */
  readonly proxyHost: string;
  /** Grace of a rotation that names none. */
  readonly secretGraceMs: number;
  /** Lets the connection of this request be silent for so much longer than others may. */
  readonly allowSilence: (request: IncomingMessage, durationMs: number) => void;
}

/** Registers every route of /v2 but the OpenAPI document (openapi.ts). */
export function registerV2(app: TypedApp, options: V2Options): void {
  registerInstances(app, options);
  registerCreate(app, options);
  registerFailovers(app, options.port);
  registerUpgrade(app, options.port);
  registerConnection(app, options.port, options.proxyHost);
  registerRotation(app, options.port, options.secretGraceMs);
  registerEndpoints(app, options.port);
  registerEvents(app, options.port);
  registerAbout(app, options);
}

function registerInstances(app: TypedApp, options: V2Options): void {
  const { port } = options;
  app.get(
    "/v2/instances",
    {
      schema: {
        summary: "List instances, in the order of their names",
        querystring: schema.ListQuerySchema,
        response: { 200: schema.InstanceListSchema },
      },
    },
    async (request) => {
      const { after, limit, status } = request.query;
      const page = port.list({
        after: after ?? null,
        limit: limit ?? pageLimitDefault,
        status: status ?? null,
      });
      const { stateAgeMs } = standingOf(port.stance());
      return {
        instances: page.instances.map(instanceJson),
        next: page.next,
        stateAgeMs: stateAgeMs ?? 0,
      };
    },
  );
  app.get(
    "/v2/instances/:name",
    {
      schema: {
        summary: "One instance; with `wait`, once it is RUNNING (or cannot be) or DELETED",
        params: schema.NameSchema,
        querystring: schema.GetQuerySchema,
        response: { 200: schema.InstanceSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { wait = 0, until = "RUNNING" } = request.query;
      return instanceJson(
        found(name, await waitFor(options, request, reply, { name, until, wait })),
      );
    },
  );
  app.delete(
    "/v2/instances/:name",
    {
      schema: {
        summary: "Delete an instance; its processes end after the answer",
        params: schema.NameSchema,
        querystring: schema.NoQuerySchema,
        response: { 202: schema.InstanceSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const outcome = await port.remove(name);
      switch (outcome.type) {
        case "accepted":
          return reply.code(202).send(instanceJson(outcome.view));
        case "not-found":
          throw notFound(name);
        case "already-deleted":
          throw new MrrError("instance-deleted", `Instance ${name} is already deleted.`);
        case "failed":
          throw outcome.error;
        default:
          return unreachable(outcome);
      }
    },
  );
  app.get(
    "/v2/instances/:name/processes",
    {
      schema: {
        summary: "The processes of an instance",
        params: schema.NameSchema,
        querystring: schema.NoQuerySchema,
        response: { 200: schema.ProcessListSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      return { processes: found(name, port.view(name)).processes.map(processJson) };
    },
  );
}

function registerCreate(app: TypedApp, options: V2Options): void {
  app.post(
    "/v2/instances",
    {
      schema: {
        summary: "Create an instance; with `wait`, answered once it is RUNNING or cannot be",
        querystring: schema.CreateQuerySchema,
        body: schema.CreateSchema,
        response: { 201: schema.InstanceSchema },
      },
    },
    async (request, reply) => {
      const wanted = parseCreate(bodyOf(request.body));
      if (!wanted.ok) throw invalidRequest(wanted.problems);
      const created = await createOnce(options, keyOf(request), wanted.value);
      const { name } = wanted.value;
      const wait = request.query.wait ?? 0;
      // It is created: a full house of waiters is no reason to answer with an error.
      const view = options.waiters.hasRoom
        ? await waitFor(options, request, reply, { name, until: "RUNNING", wait })
        : null;
      return reply
        .code(201)
        .header("location", `/v2/instances/${encodeURIComponent(name)}`)
        .send(instanceJson(view ?? created));
    },
  );
}

function registerAbout(app: TypedApp, { port, version }: V2Options): void {
  const querystring = schema.NoQuerySchema;
  app.get(
    "/v2/agents",
    {
      schema: {
        summary: "The agents that the scheduler has heard of",
        querystring,
        response: { 200: schema.AgentListSchema },
      },
    },
    async () => agentListJson(port.agents()),
  );
  app.get(
    "/v2/version",
    { schema: { summary: "The version", querystring, response: { 200: schema.VersionSchema } } },
    async () => ({ version, apis: ["v1", "v2"] }),
  );
  app.get(
    "/healthz",
    { schema: { summary: "200 while the process works", response: { 200: schema.HealthSchema } } },
    async () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    {
      schema: {
        summary:
          "200 when creates are carried out: leading and subscribed to Mesos; else 503, also of a standby",
        response: { 200: schema.ReadySchema, 503: schema.ReadySchema },
      },
    },
    async (_request, reply) => {
      const { ok, reason } = port.ready();
      return reply
        .code(ok ? 200 : 503)
        .send({ ready: ok, reason: ok ? null : reason, ...standingOf(port.stance()) });
    },
  );
}

/** Who leads, for /readyz. */
function standingOf(stance: Stance) {
  switch (stance.type) {
    case "leading":
      return { role: "leader" as const, leader: null, stateAgeMs: stance.stateAgeMs };
    case "memory":
      return { role: "none" as const, leader: null, stateAgeMs: stance.stateAgeMs };
    case "standby":
      return { role: "standby" as const, leader: stance.leaderUrl, stateAgeMs: null };
    case "leaderless":
      return { role: "none" as const, leader: null, stateAgeMs: null };
  }
}

function keyOf(request: { readonly headers: FastifyRequest["headers"] }): string | null {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key === "string" && isKey(key)) return key;
  throw invalidRequest([
    { path: "Idempotency-Key", rule: `must be 1 to ${keyCharsMax} visible ASCII characters` },
  ]);
}

async function createOnce(
  { port, keys }: V2Options,
  key: string | null,
  request: CreateRequest,
): Promise<InstanceView> {
  if (key === null) return createdView(request.name, await port.create(request));
  const once = await keys.once(key, request, () => port.create(request));
  switch (once.type) {
    case "done":
      return createdView(request.name, once.outcome);
    case "other":
      throw invalidRequest([
        {
          path: "Idempotency-Key",
          rule: "was used for another create; use a new one for each create",
        },
      ]);
    case "replayed": {
      const view = port.view(request.name);
      if (view?.document.incarnation === once.incarnation) return view;
      throw new MrrError(
        "instance-deleted",
        `Instance ${request.name} was created under this Idempotency-Key and has been deleted since.`,
      );
    }
    default:
      return unreachable(once);
  }
}

function createdView(name: string, outcome: CreateOutcome): InstanceView {
  switch (outcome.type) {
    case "created":
    case "recreated":
      return outcome.view;
    case "exists":
      throw new MrrError("instance-exists", `Instance ${name} exists already.`);
    case "failed":
      throw outcome.error;
    default:
      return unreachable(outcome);
  }
}

/** Waits as asked; ends when the client is gone, and keeps the silence of the wait from closing the connection. */
async function waitFor(
  { waiters, allowSilence }: V2Options,
  request: { readonly raw: IncomingMessage },
  reply: { readonly raw: FastifyReply["raw"] },
  { name, until, wait }: Pick<Wait, "name" | "until"> & { readonly wait: number },
): Promise<InstanceView | null> {
  const gone = new AbortController();
  const abort = () => gone.abort();
  const waitMs = wait * 1_000;
  if (waitMs > 0) allowSilence(request.raw, waitMs);
  reply.raw.once("close", abort);
  try {
    return await waiters.wait({ name, until, waitMs, signal: gone.signal });
  } finally {
    reply.raw.removeListener("close", abort);
  }
}
