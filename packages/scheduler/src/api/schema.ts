/**
 * Owns the shapes of /v2 as TypeBox schemas: they type the handlers, check queries and make the OpenAPI document.
 * Not: the check of a create's body (core, request/), which reports every problem in its own words.
 * SPDX-License-Identifier: Apache-2.0
 */

import {
  constraintLimits,
  constraintOperators,
  createLimits,
  instanceNamePattern,
} from "@mr-redis/core";
import { type Static, Type } from "typebox";
import { FailoverSchema } from "./failover-schema.js";
import { pageLimitDefault, pageLimitMax, waitSecondsMax } from "./limits.js";
import { BecauseSchema, instant, nullable, ProxyPortsSchema, word } from "./schema-parts.js";

/** One redis-server. */
export const ProcessSchema = Type.Object(
  {
    id: Type.String({ description: "also the Mesos task id" }),
    role: word(["master", "replica"], "what it is meant to be"),
    state: word(
      ["planned", "running", "unreachable"],
      "planned: has a place; launched: sent to Mesos; running: heard of; unreachable: may live, nobody can tell; killing: being ended",
    ),
    ip: Type.String(),
    port: Type.Integer(),
    agentId: Type.String(),
    hostname: Type.String(),
    ready: Type.Boolean({ description: "a master that serves, a replica whose link is up" }),
    memoryUsedBytes: nullable(Type.Integer()),
    uptimeSeconds: nullable(Type.Integer()),
    clients: nullable(Type.Integer()),
    lastIoSeconds: nullable(
      Type.Integer({
        description: "since the last byte from the master; 0 on a master, -1: link down",
      }),
    ),
    linkUp: nullable(Type.Boolean({ description: "link to the master; null on a master" })),
  },
  { title: "Process", description: "null: not known yet" },
);

const AgentReasonSchema = Type.Object({
  agentId: Type.String(),
  hostname: Type.String(),
  text: Type.String(),
});

/** Why something has no place. */
export const UnplacedSchema = Type.Object(
  {
    missing: Type.Integer({ description: "processes without a place" }),
    text: Type.String(),
    agents: Type.Array(AgentReasonSchema, { description: "a reason for each agent" }),
  },
  { title: "Unplaced" },
);

/** The statuses of an instance. */
export const statusWords = [
  "CREATING",
  "RUNNING",
  "DEGRADED",
  "FAILED",
  "DELETING",
  "DELETED",
] as const;

const FencingSchema = word(
  ["on", "off"],
  "on (the default): a master that loses touch refuses writes before another one is made; off: plain Redis",
);

const OnUnreachableSchema = word(
  ["replace", "wait"],
  "of a single that cannot be reached: replace it by a new and empty one once its lease is over (the default), or wait",
);

const ConstraintSchema = Type.Array(Type.String(), {
  title: "Constraint",
  minItems: 2,
  maxItems: 3,
  description: `[attribute, operator] or [attribute, operator, value]: attribute is the name of an attribute of agents, or hostname, @region, @zone; operator is one of ${constraintOperators.join(", ")}; docs/reference/constraints.md`,
});

/** One instance. */
export const InstanceSchema = Type.Object(
  {
    name: Type.String(),
    type: word(["S", "MS"], "S: a single; MS: a master and replicas"),
    status: word(statusWords, "DEGRADED: serves, but not as asked; FAILED: cannot serve"),
    reason: nullable(BecauseSchema),
    memory: Type.Integer({ description: "MiB for each process" }),
    slaves: Type.Integer({ description: "replicas asked for" }),
    masters: Type.Literal(1),
    distribution: nullable(
      Type.Integer({
        description: "most processes on one agent; null: spread as evenly as possible",
      }),
    ),
    config: Type.Record(Type.String(), Type.String(), { description: "Redis settings" }),
    constraints: Type.Array(ConstraintSchema, { description: "on the agents of its processes" }),
    fencing: FencingSchema,
    onUnreachable: OnUnreachableSchema,
    auth: Type.Boolean({ description: "clients log in as users of its own" }),
    tls: Type.Boolean({ description: "its redis-servers speak TLS only" }),
    epoch: Type.Integer({ description: "grows with each new master" }),
    createdAt: instant("when the create was accepted"),
    master: nullable(ProcessSchema),
    replicas: Type.Array(ProcessSchema),
    processes: Type.Array(ProcessSchema, { description: "master and replicas together" }),
    unplaced: nullable(UnplacedSchema),
    proxy: nullable(ProxyPortsSchema),
    failovers: Type.Array(FailoverSchema, { description: "the last ones, newest last" }),
  },
  { title: "Instance" },
);

/** A page of instances. */
export const InstanceListSchema = Type.Object({
  instances: Type.Array(InstanceSchema),
  next: nullable(
    Type.String({ description: "give as `after` for the next page; null: this is the last" }),
  ),
  stateAgeMs: Type.Integer({
    description: "since the store last confirmed that this is what counts",
  }),
});

/** The processes of one instance. */
export const ProcessListSchema = Type.Object({ processes: Type.Array(ProcessSchema) });

/** The agents. */
export const AgentListSchema = Type.Object({
  agents: Type.Array(
    Type.Object(
      {
        agentId: Type.String(),
        hostname: Type.String(),
        processes: Type.Integer({ description: "of mr-redis on it" }),
        lastOfferAt: nullable(instant("when it last offered something")),
        offered: nullable(
          Type.Object(
            { cpus: Type.Number(), memMib: Type.Number(), ports: Type.Integer() },
            { description: "free, as far as it is offered right now" },
          ),
        ),
        attributes: nullable(
          Type.Array(Type.Object({ name: Type.String(), value: Type.String() }), {
            description: "as of its last offer; null: it has made none yet",
          }),
        ),
        region: nullable(Type.String({ description: "of its fault domain" })),
        zone: nullable(Type.String({ description: "of its fault domain" })),
      },
      { title: "Agent" },
    ),
  ),
});

/** The version. */
export const VersionSchema = Type.Object({
  version: Type.String(),
  apis: Type.Array(Type.String()),
});

/** Health and readiness. */
export const HealthSchema = Type.Object({ status: Type.Literal("ok") });
export const ReadySchema = Type.Object({
  ready: Type.Boolean(),
  reason: nullable(Type.String()),
  role: word(
    ["leader", "standby", "none"],
    "leader: this scheduler leads; standby: another one does; none: nobody does, as far as is known",
  ),
  leader: nullable(Type.String({ description: "URL of the other scheduler that leads" })),
  stateAgeMs: nullable(
    Type.Integer({
      description:
        "since the store last confirmed the state that reads show; null: nothing is shown",
    }),
  ),
});

/** Error body. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: "see docs/reference/errors.md" }),
    help: Type.String(),
    problems: Type.Optional(Type.Array(Type.Object({ path: Type.String(), rule: Type.String() }))),
  },
  { title: "Problem", description: "RFC 9457" },
);

/** Body of a create; for the document only. */
export const CreateSchema = Type.Object(
  {
    name: Type.String({ pattern: instanceNamePattern.source }),
    memory: Type.Integer({
      minimum: createLimits.memoryMibMin,
      maximum: createLimits.memoryMibMax,
      description: "MiB for each process",
    }),
    slaves: Type.Integer({ minimum: 0, maximum: createLimits.slavesMax, description: "replicas" }),
    masters: Type.Optional(Type.Literal(1)),
    distribution: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 1,
          maximum: createLimits.distributionMax,
          description: "most processes on one agent, the master included",
        }),
      ),
    ),
    config: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
        description: "Redis settings from the allow-list",
      }),
    ),
    constraints: Type.Optional(
      nullable(Type.Array(ConstraintSchema, { maxItems: constraintLimits.countMax })),
    ),
    fencing: Type.Optional(nullable(FencingSchema)),
    onUnreachable: Type.Optional(nullable(OnUnreachableSchema)),
    auth: Type.Optional(
      nullable(
        Type.Boolean({
          default: false,
          description: "with users of Redis; their passwords are told by its connection",
        }),
      ),
    ),
    tls: Type.Optional(nullable(Type.Boolean({ default: false, description: "TLS at Redis" }))),
  },
  { title: "CreateRequest", additionalProperties: false },
);

const waitSeconds = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: waitSecondsMax,
    description: "answer when the state is reached, or after this time with the present state",
  }),
);

/** Queries. */
export const ListQuerySchema = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageLimitMax, default: pageLimitDefault }),
    ),
    after: Type.Optional(Type.String({ maxLength: 255, description: "name to continue behind" })),
    status: Type.Optional(Type.Enum(statusWords)),
  },
  { additionalProperties: false },
);
export const CreateQuerySchema = Type.Object(
  { wait: waitSeconds },
  { additionalProperties: false },
);
export const GetQuerySchema = Type.Object(
  { wait: waitSeconds, until: Type.Optional(Type.Enum(["RUNNING", "DELETED"])) },
  { additionalProperties: false },
);
export const NoQuerySchema = Type.Object({}, { additionalProperties: false });
export const NameSchema = Type.Object({ name: Type.String() });

/** An instance as JSON. */
export type InstanceJson = Static<typeof InstanceSchema>;
/** A process as JSON. */
export type ProcessJson = Static<typeof ProcessSchema>;
/** The agents as JSON. */
export type AgentListJson = Static<typeof AgentListSchema>;
