/**
 * Owns the call for how clients get to an instance, typed. Not: HTTP (client.ts), nor texts (text/connection.ts).
 * Called by commands.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";
import type { ApiClient } from "./client.js";
import { read } from "./instances.js";

/** As whom clients log in. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** How clients get to an instance. Everything that needs an address is null where there is none. */
export interface Connection {
  readonly name: string;
  /** "ready", "unheard" or "none"; a later version may say more. */
  readonly writer: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly readPort: number | null;
  readonly user: string | null;
  readonly password: string | null;
  readonly readOnly: Login | null;
  readonly previousUntil: string | null;
  readonly tls: boolean;
  /** PEM: whom to trust; null: plain TCP, or the authority of the directory on the agents. */
  readonly ca: string | null;
  readonly url: string | null;
  readonly readUrl: string | null;
  readonly redisCli: string | null;
  /** Options, as JSON. */
  readonly ioredis: string | null;
  /** Why there is no address; null: there is one. */
  readonly problem: { readonly code: string; readonly text: string } | null;
  readonly direct: { readonly master: string | null; readonly replicas: readonly string[] };
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

const portOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isInteger(value) ? value : null;

function loginOf(value: unknown): Login | null {
  const fields = fieldsOf(value);
  const [user, password] = [textOf(fields?.user), textOf(fields?.password)];
  return user === null || password === null ? null : { user, password };
}

/** Needs a name; everything else may be missing. */
export function parseConnection(value: unknown): Parsed<Connection> {
  const fields = fieldsOf(value);
  const name = textOf(fields?.name);
  if (fields === null || name === null) return refused("the answer", "must have a name");
  const problem = fieldsOf(fields.problem);
  const direct = fieldsOf(fields.direct);
  const replicas: readonly unknown[] = Array.isArray(direct?.replicas) ? direct.replicas : [];
  const ioredis = fieldsOf(fields.ioredis);
  return parsed({
    name,
    writer: textOf(fields.writer) ?? "",
    host: textOf(fields.host),
    port: portOf(fields.port),
    readPort: portOf(fields.readPort),
    user: textOf(fields.user),
    password: textOf(fields.password),
    readOnly: loginOf(fields.readOnly),
    previousUntil: textOf(fields.previousUntil),
    tls: fields.tls === true,
    ca: textOf(fields.ca),
    url: textOf(fields.url),
    readUrl: textOf(fields.readUrl),
    redisCli: textOf(fields.redisCli),
    ioredis: ioredis === null ? null : JSON.stringify(ioredis),
    problem:
      problem === null
        ? null
        : { code: textOf(problem.code) ?? "", text: textOf(problem.text) ?? "" },
    direct: {
      master: textOf(direct?.master),
      replicas: replicas.filter((each) => typeof each === "string"),
    },
  });
}

/** GET /v2/instances/{name}/connection, and the text that it came as. */
export async function readConnection(
  client: ApiClient,
  name: string,
): Promise<{ readonly connection: Connection; readonly text: string }> {
  const path = `/v2/instances/${encodeURIComponent(name)}/connection`;
  const answer = await client.request({ method: "GET", path });
  return { connection: read(answer, parseConnection), text: answer.text };
}
