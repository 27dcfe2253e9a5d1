/**
 * Owns what `mrr up` says when it is ready and when it fails. Pure.
 * Not: when it says it (run.ts). SPDX-License-Identifier: Apache-2.0
 */
import type { Config } from "@mr-redis/core";
import type { Instance } from "../api/types.js";
import { printable } from "../io.js";
import type { FoundRedis } from "./checks.js";
import type { ProxyPlan, UpPaths, UpPlan } from "./plan.js";
import type { GivenUp } from "./supervisor.js";

/** What the text of a ready `mrr up` tells about. */
export interface ReadyInfo {
  readonly tookMs: number;
  readonly apiUrl: string;
  /** True when a plain `mrr` of this user talks to this API. */
  readonly isDefaultEndpoint: boolean;
  readonly plan: UpPlan;
  readonly paths: UpPaths;
  readonly redis: FoundRedis;
  /** Where the state is when it is not in the data directory: `etcd at http://127.0.0.1:2379`. */
  readonly store: string | null;
}

/** Names shown of the instances that go on. */
const namesMax = 10;

/** Where everything is, and what to type first. */
export function readyText(info: ReadyInfo): string {
  const { plan, paths, redis, apiUrl, store } = info;
  const { agents, agentCpus, agentMemoryMib, redisPorts, proxy } = plan;
  const perAgent = Math.floor((redisPorts.last - redisPorts.first + 1) / agents);
  const sizes = `${agentCpus} cpus, ${agentMemoryMib} MB and ${perAgent} ports`;
  const count = agents === 1 ? `1 agent with ${sizes}` : `${agents} agents with ${sizes} each`;
  const endpointLine = info.isDefaultEndpoint ? [] : [`  export MRR_ENDPOINT=${apiUrl}`];
  const lines = [
    `mr-redis is ready (${(info.tookMs / 1_000).toFixed(1)} s).`,
    "",
    `  API     ${apiUrl}`,
    `  Mesos   http://127.0.0.1:${plan.mesosPort} (built in), ${count}`,
    `  Redis   ${redis.version} (${redis.path}), ports ${redisPorts.first}-${redisPorts.last}`,
    ...(proxy === null ? [] : [`  Proxy   ${proxyText(proxy)}`]),
    ...(store === null ? [] : [`  Store   ${store}`]),
    `  Data    ${paths.dataDir}`,
    `  Logs    ${paths.schedulerLog}`,
    `          ${paths.localLog}`,
    ...(proxy === null ? [] : [`          ${paths.proxyLog}`]),
    "",
    "In a second terminal:",
    ...endpointLine,
    "  npx mrr create -n inst -m 200 -s 1 -w",
    "  npx mrr status -n inst",
    ...(proxy === null || proxy.ports === null
      ? ["  redis-cli -p <the master's port> set foo bar"]
      : ["  npx mrr connection -n inst", "  redis-cli -p <its port, always the same> set foo bar"]),
    "  npx mrr delete -n inst",
    "",
    "Ctrl-C ends everything.",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Where clients find the proxy, and where it tells about itself. */
function proxyText({ ports, httpPort }: ProxyPlan): string {
  const where =
    ports === null
      ? "no ports (ProxyPorts is empty)"
      : `127.0.0.1, ports ${ports.first}-${ports.last}`;
  return `${where}; metrics at http://127.0.0.1:${httpPort}/metrics`;
}

/** Where another store than that of the data directory is; null for none. */
export function storeText({ dbType, dbEndPoints }: Config): string | null {
  return dbEndPoints.length === 0 || !["etcd", "zookeeper"].includes(dbType)
    ? null
    : `${dbType} at ${dbEndPoints.join(",")}`;
}

/** Which instances of the last run go on, and with what; null when there is none. */
export function resumedText(instances: readonly Instance[]): string | null {
  const living = instances.filter(({ status }) => status !== "DELETED" && status !== "DELETING");
  if (living.length === 0) return null;
  const names = living.slice(0, namesMax).map(({ name }) => printable(name));
  const more = living.length > namesMax ? ` and ${living.length - namesMax} more` : "";
  const what = living.length === 1 ? "1 instance goes on" : `${living.length} instances go on`;
  const whose = living.length === 1 ? "its" : "their";
  return (
    `${what} from the last run (${names.join(", ")}${more}): ` +
    `${whose} Redis processes are new and empty.\n`
  );
}

/** Why it failed: the program's own last lines, and where to read on. */
export function failureText(given: GivenUp, logPath: string, config: string | null): string {
  const said = given.exit.lines.map((line) => `  | ${logLineText(line)}`);
  const lines = [`Error: ${given.text}.`, ...said];
  if (config !== null) lines.push(`       Configuration: ${config}`);
  lines.push(`       Log: ${logPath}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** Characters shown of the values of a log line. */
const fieldsCharsMax = 400;

/** Fields of our log lines that say nothing to a person who reads the last few of them. */
const dullFields = new Set(["level", "time", "pid", "hostname", "program", "msg", "message"]);

/** A line of a log for people: JSON lines as `level: message {values}`, others as they are. */
function logLineText(line: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return printable(line);
  }
  if (typeof value !== "object" || value === null) return printable(line);
  const fields = value as Record<string, unknown>;
  const message = fields.message ?? fields.msg;
  if (typeof message !== "string") return printable(line);
  const rest = Object.fromEntries(Object.entries(fields).filter(([key]) => !dullFields.has(key)));
  const values = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(rest)}`;
  return printable(`${fields.level ?? "info"}: ${message}${values.slice(0, fieldsCharsMax)}`);
}
