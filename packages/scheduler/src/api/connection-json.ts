/**
 * Owns how clients are told to get to an instance: address, URLs, a command line, options of ioredis.
 * Not: its shape (connection-schema.ts), nor which ports there are (core). Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { ConnectionUsers, InstanceEndpoints, ServerAddress } from "@mr-redis/core";
import type { ConnectionJson } from "./connection-schema.js";
import type { ConnectionView } from "./port.js";

/** `host:port`; an IPv6 address in brackets. */
export const hostPort = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

const directOf = ({ address, port }: ServerAddress): string => hostPort(address, port);

/** Where `redisCli` looks for the authority: redis-cli takes it from a file only. */
const caFileName = "ca.crt";

/** Everything that needs an address, where there is none. */
const noAddress = {
  host: null,
  port: null,
  readPort: null,
  url: null,
  readUrl: null,
  redisCli: null,
  ioredis: null,
} as const;

/** What is told of an instance. `problem`: why there are no ports. */
export type ConnectionParts = Pick<ConnectionView, "problem" | "tls" | "users"> & {
  readonly endpoints: InstanceEndpoints;
};

const noLogin = {
  user: null,
  password: null,
  readOnly: null,
  rotatedAt: null,
  previousUntil: null,
} as const;

const iso = (atMs: number): string => new Date(atMs).toISOString();

/** Who may log in, as far as the master is known to let them in. */
function loginOf(users: ConnectionUsers | null) {
  if (users === null) return noLogin;
  const { readWrite, readOnly, rotatedAtMs, previousUntilMs } = users;
  return {
    ...readWrite,
    readOnly: { ...readOnly },
    rotatedAt: iso(rotatedAtMs),
    previousUntil: previousUntilMs === null ? null : iso(previousUntilMs),
  };
}

/** The part of a URL before its host. */
const inUrl = (login: { readonly user: string; readonly password: string } | undefined): string =>
  login === undefined
    ? ""
    : `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@`;

/** `host`: where clients reach the proxies, which pass TLS through. */
export function connectionJson(
  { endpoints, problem, tls, users }: ConnectionParts,
  host: string,
): ConnectionJson {
  const secure = { tls: tls !== null, ca: tls?.ca ?? null };
  const login = loginOf(users);
  const { name, type, writer, master, replicas, proxy } = endpoints;
  const direct = {
    master: master === null ? null : directOf(master),
    replicas: replicas.map(directOf),
  };
  if (proxy === null) {
    return { name, type, writer, ...noAddress, ...login, ...secure, problem, direct };
  }
  const { write: port, read: readPort } = proxy;
  const scheme = tls === null ? "redis" : "rediss";
  return {
    ...{ name, type, writer, host, port, readPort, ...login, ...secure },
    url: `${scheme}://${inUrl(users?.readWrite)}${hostPort(host, port)}`,
    readUrl:
      readPort === null ? null : `${scheme}://${inUrl(users?.readOnly)}${hostPort(host, readPort)}`,
    // The password is no part of it: whoever is on the machine reads command lines.
    redisCli: `redis-cli -h ${host} -p ${port}${users === null ? "" : ` --user ${users.readWrite.user}`}${tls === null ? "" : ` --tls --cacert ${caFileName}`}`,
    ioredis: {
      host,
      port,
      ...(users === null
        ? {}
        : { username: users.readWrite.user, password: users.readWrite.password }),
      ...(tls === null ? {} : { tls: tls.ca === null ? {} : { ca: tls.ca } }),
    },
    problem: null,
    direct,
  };
}
