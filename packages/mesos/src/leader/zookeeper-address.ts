/**
 * Owns the reading of `zk://` addresses.
 * Not: the connection (zookeeper-detector.ts). Pure.
 * Source of the rule: Apache Mesos, include/mesos/zookeeper/url.hpp.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";

/** Where masters announce themselves. */
export interface ZookeeperAddress {
  /** `host:port,host:port`, as the C client wants it: IPv6 without brackets. */
  readonly servers: string;
  /** Of the directory of the masters; begins with a slash and does not end with one. */
  readonly path: string;
  /** `user:password` of the scheme `digest`, or null. Never log it. */
  readonly secret: string | null;
  /** The address without the secret, for people. */
  readonly text: string;
}

/** The port of a server that names none. */
const portDefault = 2181;

const rule = "must be zk://host:port,host:port/path or zk://user:password@host:port/path";

/** True for what {@link parseZookeeperAddress} is for. */
export const isZookeeperAddress = (text: string): boolean => text.startsWith("zk://");

/** The parts of `zk://[user:password@]host:port,host:port/path`. Problems do not repeat the address: it has a secret. */
export function parseZookeeperAddress(text: string): Parsed<ZookeeperAddress> {
  if (!isZookeeperAddress(text)) return refused("master", rule);
  const rest = text.slice("zk://".length);
  const slashAt = rest.indexOf("/");
  const authority = slashAt === -1 ? rest : rest.slice(0, slashAt);
  const path = slashAt === -1 ? "" : rest.slice(slashAt).replace(/\/$/, "");
  if (!/^(\/[^/\s?#]+)+$/.test(path) || /\/\.{1,2}(\/|$)/.test(path)) {
    return refused("master", `${rule}, with a path other than /`);
  }
  const atAt = authority.lastIndexOf("@");
  const secret = atAt === -1 ? null : authority.slice(0, atAt);
  if (secret !== null && !/^[^:]+:./.test(secret)) return refused("master", rule);
  const servers = authority
    .slice(atAt + 1)
    .split(",")
    .map(serverOf);
  if (servers.includes(null)) return refused("master", rule);
  const list = servers.join(",");
  return parsed({
    servers: list.replace(/[[\]]/g, ""),
    path,
    secret,
    text: `zk://${list}${path}`,
  });
}

/** `host:port`; null when it is none. */
function serverOf(text: string): string | null {
  const match = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1];
  const port = Number(match?.[2] ?? portDefault);
  if (host === undefined || port < 1 || port > 65_535) return null;
  return `${host}:${port}`;
}
