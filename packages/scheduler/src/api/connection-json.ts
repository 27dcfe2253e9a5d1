/**
 * Owns how clients are told to get to an instance: address, URLs, a command line, options of ioredis.
 * Not: its shape (connection-schema.ts), nor which ports there are (core). Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Because, InstanceEndpoints, ServerAddress } from "@mr-redis/core";
import type { ConnectionJson } from "./connection-schema.js";

/** `host:port`; an IPv6 address in brackets. */
export const hostPort = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

const directOf = ({ address, port }: ServerAddress): string => hostPort(address, port);

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

/** `host`: where clients reach the proxies. `problem`: why there are no ports. */
export function connectionJson(
  endpoints: InstanceEndpoints,
  problem: Because | null,
  host: string,
): ConnectionJson {
  const { name, type, writer, master, replicas, proxy } = endpoints;
  const direct = {
    master: master === null ? null : directOf(master),
    replicas: replicas.map(directOf),
  };
  if (proxy === null) return { name, type, writer, ...noAddress, problem, direct };
  const { write: port, read: readPort } = proxy;
  return {
    ...{ name, type, writer, host, port, readPort, user: null },
    url: `redis://${hostPort(host, port)}`,
    readUrl: readPort === null ? null : `redis://${hostPort(host, readPort)}`,
    redisCli: `redis-cli -h ${host} -p ${port}`,
    ioredis: { host, port },
    problem: null,
    direct,
  };
}
