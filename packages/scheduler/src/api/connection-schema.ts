/**
 * Owns the shape of `/v2/instances/{name}/connection`: how clients get to an instance, ready to paste.
 * Not: how it is made (connection-json.ts), nor its route (v2-connection.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Static, Type } from "typebox";
import { BecauseSchema, instant, nullable, word } from "./schema-parts.js";

const LoginSchema = Type.Object(
  { user: Type.String(), password: Type.String() },
  { description: "who may read, on the master and on replicas" },
);

/** How clients get to one instance. */
export const ConnectionSchema = Type.Object(
  {
    name: Type.String(),
    type: word(["S", "MS"], "S: a single; MS: a master and replicas"),
    writer: word(
      ["ready", "unheard", "none"],
      "ready: the master was seen to accept writes; unheard: it was, and nothing was heard of it lately; none: clients wait for one",
    ),
    host: nullable(Type.String({ description: "of the proxy, which follows the master" })),
    port: nullable(
      Type.Integer({ description: "leads to the master; the same as long as the instance lives" }),
    ),
    readPort: nullable(
      Type.Integer({
        description: "spreads connections over ready replicas; null: there are none",
      }),
    ),
    user: nullable(
      Type.String({ description: "who may read and write; null: it needs no password" }),
    ),
    password: nullable(Type.String({ description: "of `user`" })),
    readOnly: nullable(LoginSchema),
    rotatedAt: nullable(instant("when the passwords were made")),
    previousUntil: nullable(
      instant("until when the passwords of before are accepted as well; null: they are not"),
    ),
    tls: Type.Boolean({ description: "its redis-servers speak TLS only" }),
    ca: nullable(
      Type.String({
        description:
          "PEM: the authority that vouches for its redis-servers; null: plain TCP, or the authority of the directory on the agents",
      }),
    ),
    url: nullable(
      Type.String({
        description:
          "redis://host:port, with user and password where there are some; rediss:// with TLS",
      }),
    ),
    readUrl: nullable(Type.String()),
    redisCli: nullable(
      Type.String({ description: "a command line; a password is taken from REDISCLI_AUTH" }),
    ),
    ioredis: nullable(
      Type.Object(
        {
          host: Type.String(),
          port: Type.Integer(),
          username: Type.Optional(Type.String()),
          password: Type.Optional(Type.String()),
          tls: Type.Optional(Type.Object({ ca: Type.Optional(Type.String()) })),
        },
        { description: "options of a client that reconnects by itself" },
      ),
    ),
    problem: nullable(BecauseSchema),
    direct: Type.Object(
      { master: nullable(Type.String()), replicas: Type.Array(Type.String()) },
      { description: "host:port of the redis-servers as of now; they change with each failover" },
    ),
  },
  { title: "Connection" },
);

/** How clients get to one instance, as JSON. */
export type ConnectionJson = Static<typeof ConnectionSchema>;
