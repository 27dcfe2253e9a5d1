/**
 * Owns the shapes of `/v2/endpoints` and of the events: where instances are, for those who lead clients to them.
 * Not: the words themselves (core, endpoints/types.ts), nor the routes (v2-endpoints.ts, v2-events.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Static, Type } from "typebox";
import { pageLimitDefault, pageLimitMax } from "./limits.js";
import { statusWords } from "./schema.js";
import { nullable, ProxyPortsSchema, word } from "./schema-parts.js";

const ServerAddressSchema = Type.Object(
  {
    processId: Type.String(),
    address: Type.String({ description: "an IP address or a host name" }),
    port: Type.Integer(),
  },
  { title: "ServerAddress" },
);

/** Where one instance is. */
export const EndpointsSchema = Type.Object(
  {
    name: Type.String(),
    incarnation: Type.String({ description: "differs when the name was created again" }),
    type: word(["S", "MS"], "S: a single; MS: a master and replicas"),
    status: Type.Enum(statusWords),
    epoch: Type.Integer({ description: "grows with each new master" }),
    writer: word(
      ["ready", "unheard", "none"],
      "ready: the master was seen to accept writes; unheard: it was, and nothing was heard of it lately; none: there is none",
    ),
    master: nullable(ServerAddressSchema),
    replicas: Type.Array(ServerAddressSchema, { description: "those that are ready" }),
    proxy: nullable(ProxyPortsSchema),
    tls: Type.Optional(
      Type.Boolean({ description: "true: its redis-servers speak TLS only; absent: plain TCP" }),
    ),
  },
  { title: "Endpoints" },
);

/** A page of where instances are. */
export const EndpointsListSchema = Type.Object({
  instances: Type.Array(EndpointsSchema),
  next: nullable(
    Type.String({ description: "give as `after` for the next page; null: this is the last" }),
  ),
  lastEventId: nullable(
    Type.String({
      description:
        "give that of the first page as Last-Event-ID to /v2/events; null: from memory, nothing will change",
    }),
  ),
  stateAgeMs: Type.Integer({
    description: "since the store last confirmed that this is what counts",
  }),
});

/** The query of a page. */
export const EndpointsQuerySchema = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageLimitMax, default: pageLimitDefault }),
    ),
    after: Type.Optional(Type.String({ maxLength: 255, description: "name to continue behind" })),
  },
  { additionalProperties: false },
);

/** The stream of events, for the document only. */
export const EventStreamSchema = Type.String({
  contentMediaType: "text/event-stream",
  description:
    "server-sent events reset, instance, removed, complete; Last-Event-ID resumes; docs/reference/events.md",
});

/** Where an instance is, as JSON. */
export type EndpointsJson = Static<typeof EndpointsSchema>;
