/**
 * Owns what `mrr up` will start: sizes of agents, ports, directories, command lines. Pure.
 * Not: whether the machine allows it (checks.ts). Called by run.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { join } from "node:path";
import {
  type Config,
  executorNeed,
  type Parsed,
  type Problem,
  parsed,
  redisNeed,
} from "@mr-redis/core";
import { type PortSpan, parsePortSpan } from "../argv/number.js";
import type { AccessFiles } from "../endpoint/access.js";
import { reservedMib, smallestRedisMib } from "./defaults.js";
import type { UpOptions } from "./options.js";

/** What the machine has. */
export interface Machine {
  readonly cores: number;
  /** Memory in MiB that programs here may use; less than the machine's in a container. */
  readonly memoryMib: number;
}

/** Files and directories below the data directory; absolute. */
export interface UpPaths {
  readonly dataDir: string;
  readonly lockFile: string;
  /** Who our child processes are, for the start after a kill. */
  readonly childrenFile: string;
  readonly configFile: string;
  readonly storeDir: string;
  /** Keys for the secrets in the store. */
  readonly keyFile: string;
  readonly agentsDir: string;
  /** What the proxy knew last, for its own restarts. */
  readonly proxyState: string;
  readonly localLog: string;
  readonly schedulerLog: string;
  readonly proxyLog: string;
}

/** All that `mrr up` decides before it touches anything. */
export interface UpPlan {
  readonly agents: number;
  readonly agentCpus: number;
  readonly agentMemoryMib: number;
  /** null: none. */
  readonly attributes: string | null;
  readonly redisPorts: PortSpan;
  readonly mesosPort: number;
  /** null: none is started. */
  readonly proxy: ProxyPlan | null;
  readonly newFramework: boolean;
}

/** The proxy of `mrr up`. */
export interface ProxyPlan {
  /** Ports that instances are given; null: none are (`ProxyPorts` is empty). */
  readonly ports: PortSpan | null;
  readonly httpPort: number;
}

/** Where things lie below `dataDir`. */
export const upPaths = (dataDir: string): UpPaths => ({
  dataDir,
  lockFile: join(dataDir, "up.lock"),
  childrenFile: join(dataDir, "up-children.json"),
  configFile: join(dataDir, "scheduler.json"),
  storeDir: join(dataDir, "store"),
  keyFile: join(dataDir, "secrets.key"),
  agentsDir: join(dataDir, "agents"),
  proxyState: join(dataDir, "proxy.json"),
  localLog: join(dataDir, "log", "local.log"),
  schedulerLog: join(dataDir, "log", "scheduler.log"),
  proxyLog: join(dataDir, "log", "proxy.log"),
});

/** The agents' sizes and ports; every problem at once. */
export function planUp(options: UpOptions, config: Config, machine: Machine): Parsed<UpPlan> {
  const { agents, mesosPort } = options;
  const proxy: ProxyPlan | null = options.proxy
    ? { ports: config.proxyPorts, httpPort: options.proxyHttpPort }
    : null;
  const ports = parsePortSpan("--ports", options.ports);
  const own = [
    { name: "--mesos-port", port: mesosPort },
    { name: "--http-port (HTTPPort)", port: config.httpPort },
    { name: "--artifact-port (ArtifactPort)", port: config.artifactPort },
    ...(proxy === null ? [] : [{ name: "--proxy-http-port", port: proxy.httpPort }]),
  ];
  const problems: Problem[] = ports.ok
    ? portProblems(ports.value, proxy?.ports ?? null, agents, own)
    : [...ports.problems];
  if (!ports.ok || problems.length > 0) return { ok: false, problems };
  const agentMemoryMib = options.agentMemory ?? memoryDefault(machine, agents);
  const agentCpus = options.agentCpus ?? cpusDefault(machine, config, agentMemoryMib);
  return parsed({
    agents,
    agentCpus,
    agentMemoryMib,
    attributes: options.attributes ?? null,
    redisPorts: ports.value,
    mesosPort,
    proxy,
    newFramework: options.newFramework === true,
  });
}

function portProblems(
  redis: PortSpan,
  proxy: PortSpan | null,
  agents: number,
  own: readonly { readonly name: string; readonly port: number }[],
): Problem[] {
  const problems: Problem[] = [];
  const count = redis.last - redis.first + 1;
  if (count < agents) {
    problems.push({ path: "--ports", rule: `has ${count} ports for ${agents} agents` });
  }
  if (proxy !== null && proxy.first <= redis.last && proxy.last >= redis.first) {
    const rule = `${proxy.first}-${proxy.last} overlaps with --ports ${redis.first}-${redis.last}`;
    problems.push({ path: proxyPortsName, rule });
  }
  for (const [index, { name, port }] of own.entries()) {
    if (isWithin(port, redis)) problems.push({ path: name, rule: `${port} lies within --ports` });
    if (proxy !== null && isWithin(port, proxy)) {
      problems.push({ path: name, rule: `${port} lies within ${proxyPortsName}` });
    }
    const other = own.slice(0, index).find((candidate) => candidate.port === port);
    if (other !== undefined) problems.push({ path: name, rule: `is ${port}, as is ${other.name}` });
  }
  return problems;
}

const proxyPortsName = "--proxy-ports (ProxyPorts)";

const isWithin = (port: number, { first, last }: PortSpan): boolean =>
  port >= first && port <= last;

/** The machine's memory but for {@link reservedMib}, shared out; on a small machine at least half of it. */
const memoryDefault = ({ memoryMib }: Machine, agents: number): number =>
  Math.max(1, Math.floor(Math.max(memoryMib - reservedMib, memoryMib / 2) / agents));

/**
 * Logical cpus: the machine's cores, or more where so many of the smallest Redises fit into the memory that their
 * shares add up to more. An idle Redis needs a thousandth of a core; memory is what runs out.
 */
function cpusDefault({ cores }: Machine, config: Config, agentMemoryMib: number): number {
  const redis = redisNeed(config, smallestRedisMib);
  const executor = executorNeed(config);
  const count = Math.floor((agentMemoryMib * 1_000 - executor.memMilliMib) / redis.memMilliMib);
  const cpusMilli = executor.cpusMilli + Math.max(0, count) * redis.cpusMilli;
  return Math.max(cores, Math.ceil(cpusMilli / 1_000));
}

/** Words for `mrr-local`. */
export const localArguments = (plan: UpPlan, paths: UpPaths): string[] => [
  "--port",
  String(plan.mesosPort),
  "--agents",
  String(plan.agents),
  "--agent-cpus",
  String(plan.agentCpus),
  "--agent-memory",
  String(plan.agentMemoryMib),
  "--ports",
  `${plan.redisPorts.first}-${plan.redisPorts.last}`,
  ...(plan.attributes === null ? [] : ["--attributes", plan.attributes]),
  "--work-dir",
  paths.agentsDir,
  "--exit-with-parent",
];

/** Words for `mrr-scheduler`. */
export const schedulerArguments = (plan: UpPlan, paths: UpPaths): string[] => [
  `-config=${paths.configFile}`,
  ...(plan.newFramework ? ["-new-framework"] : []),
  "--exit-with-parent",
];

/**
 * Words for `mrr-proxy`: all of it on loopback, without anything that needs rights. `access`: absolute paths; what is not given
 * it takes from its environment.
 */
export const proxyArguments = (
  plan: ProxyPlan,
  config: Config,
  paths: UpPaths,
  access: AccessFiles,
): string[] => [
  "--scheduler",
  apiUrl(config),
  "--bind",
  "127.0.0.1",
  "--plane",
  "userspace",
  "--http-port",
  String(plan.httpPort),
  "--state",
  paths.proxyState,
  ...(access.tokenFile === undefined ? [] : ["--token-file", access.tokenFile]),
  ...(access.caFile === undefined ? [] : ["--ca-file", access.caFile]),
  "--exit-with-parent",
];

/** Where the API of this configuration is reached from this machine. */
export function apiUrl({ httpBind, httpPort, httpCertificateFile }: Config): string {
  const host = httpBind === "0.0.0.0" ? "127.0.0.1" : httpBind === "::" ? "::1" : httpBind;
  const scheme = httpCertificateFile === "" ? "http" : "https";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${httpPort}`;
}
