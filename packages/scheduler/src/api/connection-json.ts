/**
 * Owns how clients are told to get to an instance: address, URLs, a command line, options of ioredis.
 * Not: its shape (connection-schema.ts), nor which ports there are (core). Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { InstanceEndpoints, ServerAddress } from "@mr-redis/core";
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
  user: null,
  url: null,
  readUrl: null,
  redisCli: null,
  ioredis: null,
} as const;

/** What is told of an instance. `problem`: why there are no ports. */
export type ConnectionParts = Pick<ConnectionView, "problem" | "tls"> & {
  readonly endpoints: InstanceEndpoints;
};

/** `host`: where clients reach the proxies, which pass TLS through. */
export function connectionJson(
  { endpoints, problem, tls }: ConnectionParts,
  host: string,
): ConnectionJson {
  const secure = { tls: tls !== null, ca: tls?.ca ?? null };
  const { name, type, writer, master, replicas, proxy } = endpoints;
  const direct = {
    master: master === null ? null : directOf(master),
    replicas: replicas.map(directOf),
  };
  if (proxy === null) return { name, type, writer, ...noAddress, ...secure, problem, direct };
  const { write: port, read: readPort } = proxy;
  const scheme = tls === null ? "redis" : "rediss";
  return {
    ...{ name, type, writer, host, port, readPort, user: null, ...secure },
    url: `${scheme}://${hostPort(host, port)}`,
    readUrl: readPort === null ? null : `${scheme}://${hostPort(host, readPort)}`,
    redisCli: `redis-cli -h ${host} -p ${port}${tls === null ? "" : ` --tls --cacert ${caFileName}`}`,
    ioredis: {
      host,
      port,
      ...(tls === null ? {} : { tls: tls.ca === null ? {} : { ca: tls.ca } }),
    },
    problem: null,
    direct,
  };
}
