/**
 * Owns how masters announce themselves in ZooKeeper: which node is the leader's, and what it says.
 * Not: reading it (zookeeper-detector.ts). Pure.
 * Source of the rules: Apache Mesos, src/master/contender/zookeeper.cpp, src/master/detector/zookeeper.cpp and
 * recordings of two masters.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused } from "@mr-redis/core";
import type { Leader } from "./leader-detector.js";

/** Ephemeral and sequential; beside them the directory holds `log_replicas` and, of old masters, `info_...`. */
const nodePattern = /^json\.info_(\d{1,15})$/;

/** Most bytes that a leader may say; a real one says 300, and 2 kB with every optional field. */
export const leaderBytesMax = 64 * 1024;

const hostnamePattern = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/;
const ipv4Pattern = /^(\d{1,3}\.){3}\d{1,3}$/;
const ipv6Pattern = /^[0-9A-Fa-f:.]{2,45}$/;

/** The name of the leader's node: the lowest sequence number; null when no master is there. */
export function leaderNode(children: readonly string[]): string | null {
  let lowest: { readonly name: string; readonly sequence: number } | null = null;
  for (const name of children) {
    const digits = nodePattern.exec(name)?.[1];
    if (digits === undefined) continue;
    const sequence = Number(digits);
    if (lowest === null || sequence < lowest.sequence) lowest = { name, sequence };
  }
  return lowest === null ? null : lowest.name;
}

/** What the node holds: JSON of MasterInfo. Its integer `ip` is not decoded: its byte order is that of the writer. */
export function parseLeader(data: Uint8Array): Parsed<Leader> {
  if (data.length > leaderBytesMax) return refused("", `is over ${leaderBytesMax} bytes`);
  const info = jsonObject(new TextDecoder().decode(data));
  if (info === null) return refused("", "is no JSON object");
  const address = isObject(info.address) ? info.address : {};
  const port = address.port ?? info.port;
  if (!isPort(port)) return refused("address.port", "must be a port");
  const ip = textOf(address.ip);
  const hostname = textOf(address.hostname) ?? textOf(info.hostname);
  if (ip !== null && !isIp(ip)) return refused("address.ip", "must be an address");
  if (hostname !== null && !hostnamePattern.test(hostname) && !isIp(hostname)) {
    return refused("address.hostname", "must be a host name");
  }
  if (ip === null && hostname === null) return refused("address", "names neither ip nor hostname");
  return parsed({ id: textOf(info.id), hostname, ip, port });
}

function isIp(text: string): boolean {
  return ipv4Pattern.test(text) || (text.includes(":") && ipv6Pattern.test(text));
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

const textOf = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
